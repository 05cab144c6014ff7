/**
 * Channels of a deployment: what its options say of them, as values, and the payee that its routes share. All the rest is
 * loaded only here, where they are offered.
 */
import type { Cashier } from './core/cashier.ts'
import { TAG_MODULUS } from './core/quote.ts'
import type { Deployment } from './deployment.ts'
import { ConfigError } from './errors.ts'
import type { Payee } from './mechanisms/channel/payee.ts'
import type { ChannelSettings } from './mechanisms/channel/settings.ts'
import type { ChannelRoute } from './mechanisms/channel/visit.ts'
import {
  derivePrivateKey,
  derivePublicKey,
  type NanoAddress,
  nanoAddress,
  type PrivateKey,
  privateKey,
  publicKeyToAddress,
} from './nano/index.ts'
import type { DeploymentOptions, Price, WalletOption } from './options.ts'
import { parsePrice } from './pricing.ts'
import * as z from './zod.ts'

export interface ChannelDesk {
  /** The deposit account. */
  readonly account: NanoAddress
  /** Who takes a route's payments in channels, once store and wallet are ready. */
  cashier(route: ChannelRoute): Promise<Cashier>
  close(): Promise<void>
}

/** @throws {@link ConfigError} (`ERR_CONFIG`) */
export function openChannels(
  options: DeploymentOptions,
  deployment: Deployment,
  { origin, isProduction }: { readonly origin: string; readonly isProduction: boolean },
): ChannelDesk {
  const { wallet, network = 'nano:mainnet', realm = '', confirmTimeoutMs = 5_000, leaseMs = 30_000, onEvent } = options
  if (wallet === undefined) {
    throw new ConfigError(
      'Channels need an account for their deposits, used for nothing else: set NANO402_WALLET_SEED (option wallet).',
    )
  }
  // Whoever stands between client and server could have it deposit under another name than ours.
  if (origin === '' && isProduction) {
    throw new ConfigError(
      'Channels are bound to the origin that clients know: set NANO402_PUBLIC_URL (option publicUrl).',
    )
  }
  const schemas = makeSchemas()
  check('wallet', schemas.wallet, wallet)
  check('channel', schemas.channel, options.channel ?? {})
  const key = walletKey(wallet)
  const account = publicKeyToAddress(derivePublicKey(key))
  const settings = settingsOf(options.channel)
  const representative = wallet.representative === undefined ? undefined : accountOf(wallet.representative)
  const loading = import('./mechanisms/channel/index.ts')
  const { node, ledger } = deployment
  const start = async (): Promise<Payee> => {
    const [{ openPayee }, store] = await Promise.all([loading, deployment.store()])
    const { work = 'node' } = wallet
    return openPayee({
      ...{ settings, key, work, representative, seal: deployment.sealFor('channels'), store, node, ledger, network },
      ...{ realm, origin, confirmTimeoutMs, leaseMs, emit: onEvent },
    })
  }
  let starting: Promise<Payee> | undefined
  const payee = () => {
    starting ??= start()
    starting.catch(() => {
      starting = undefined
    })
    return starting
  }
  // Now, and not with the first request: channels expire whether anybody asks or not.
  payee().catch(() => {})
  return {
    account,
    async cashier(route) {
      const [{ channelCashier }, opened] = await Promise.all([loading, payee()])
      return channelCashier(opened, route)
    },
    close: async () => (await starting?.catch(() => undefined))?.close(),
  }
}

/** What options of ours are, for the message that says they are not. */
const EXPECTED: Readonly<Record<string, string>> = {
  seed: '64 hex digits',
  index: 'an integer from 0',
  key: '64 hex digits',
  work: "'node', 'cpu', a URL, or a function",
  representative: 'a Nano account',
  modes: "a list of 'payword-sha256' and 'voucher-ed25519'",
  maxStep: 'an integer from 1 to 1024',
  maxK: 'an integer from 1 to 1048576',
  ttlSeconds: 'an integer of at least 1',
  closeGraceSeconds: 'an integer of at least 1',
  authorizeSeconds: 'an integer of at least 1',
  sweepSeconds: 'an integer of at least 1',
  minSettleSeconds: 'an integer of at least 1',
  issuers: 'a list of { url, publicKey }, with a key of 64 hex digits',
}

/** @throws {@link ConfigError} (`ERR_CONFIG`) naming what is unknown or wrong; no value is quoted, as it may be a secret. */
function check(name: 'wallet' | 'channel', schema: z.ZodMiniType & { readonly shape: object }, value: unknown): void {
  const result = schema.safeParse(value)
  if (result.success) return
  const [issue] = result.error.issues
  if (issue?.code === 'unrecognized_keys') {
    throw new ConfigError(`Unknown option ${name}.${issue.keys[0]}. Known: ${Object.keys(schema.shape).join(', ')}.`)
  }
  const part = String(issue?.path[0] ?? '')
  const expected = EXPECTED[part] ?? "an amount such as '0.001' (XNO), or { raw }"
  throw new ConfigError(`Option ${name}.${part} is not what it should be: expected ${expected}.`)
}

function makeSchemas() {
  const seconds = z.int().check(z.gte(1), z.lte(365 * 86_400))
  const price = z.union([z.string(), z.strictObject({ raw: z.union([z.bigint(), z.string()]) })])
  const func = z.custom<(...parts: never[]) => unknown>((value) => typeof value === 'function')
  const wallet = z.strictObject({
    seed: z.optional(z.string()),
    index: z.optional(z.int().check(z.gte(0))),
    key: z.optional(z.string()),
    work: z.optional(z.union([z.string(), func])),
    representative: z.optional(z.string()),
  })
  const issuer = z.strictObject({
    url: z.string().check(z.regex(/^https?:\/\/[^\s?#]+$/)),
    publicKey: z.string().check(z.regex(/^[0-9a-fA-F]{64}$/)),
  })
  const channel = z.strictObject({
    modes: z.optional(z.array(z.enum(['payword-sha256', 'voucher-ed25519'])).check(z.minLength(1))),
    unit: z.optional(price),
    minDeposit: z.optional(price),
    suggestedDeposit: z.optional(price),
    maxDeposit: z.optional(price),
    maxStep: z.optional(z.int().check(z.gte(1), z.lte(MAX_STEP))),
    maxK: z.optional(z.int().check(z.gte(1), z.lte(MAX_K))),
    ttlSeconds: z.optional(seconds),
    closeGraceSeconds: z.optional(seconds),
    authorizeSeconds: z.optional(seconds),
    sweepSeconds: z.optional(seconds),
    minSettleSeconds: z.optional(seconds),
    withdrawFrom: z.optional(price),
    issuers: z.optional(z.array(issuer).check(z.minLength(1), z.maxLength(8))),
  })
  return { wallet, channel }
}

/** The secret is never part of a message. */
function walletKey({ seed, index = 0, key }: WalletOption): PrivateKey {
  if ((seed === undefined) === (key === undefined)) {
    throw new ConfigError('The wallet (option wallet) is { seed, index } or { key }, one of the two.')
  }
  try {
    return seed === undefined ? privateKey(key) : derivePrivateKey(seed, index)
  } catch {
    throw new ConfigError(
      'NANO402_WALLET_SEED or NANO402_WALLET_KEY (option wallet) must be 64 hex digits, and its index an integer from 0. ' +
        'Of a recovery phrase, nano402/nano/phrase gives the key.',
    )
  }
}

function accountOf(representative: string): NanoAddress {
  try {
    return nanoAddress(representative)
  } catch {
    throw new ConfigError('The representative (option wallet.representative) is not a Nano account.')
  }
}

/** The longest chain, and the furthest step in it, that are ever taken. */
const [MAX_K, MAX_STEP] = [2 ** 20, 1_024]

function settingsOf(options: DeploymentOptions['channel'] = {}): ChannelSettings {
  const { maxStep = MAX_STEP, maxK = MAX_K, ttlSeconds = 86_400, closeGraceSeconds = 300 } = options
  const { authorizeSeconds = 30, sweepSeconds = 60 } = options
  const amount = (name: keyof typeof options, price: Price) => {
    try {
      return parsePrice(price)
    } catch (error) {
      throw new ConfigError(`Option channel.${name} is no amount. ${error instanceof Error ? error.message : ''}`)
    }
  }
  const deposit = (name: 'minDeposit' | 'suggestedDeposit' | 'maxDeposit', price: Price) => {
    const wanted = amount(name, price)
    return wanted - (wanted % TAG_MODULUS)
  }
  const { minDeposit: min = '0.01', maxDeposit: max = '10', suggestedDeposit: suggested } = options
  const [minDeposit, maxDeposit] = [deposit('minDeposit', min), deposit('maxDeposit', max)]
  const suggestedDeposit = suggested === undefined ? undefined : deposit('suggestedDeposit', suggested)
  const middle = suggestedDeposit ?? minDeposit
  if (minDeposit < TAG_MODULUS || middle < minDeposit || middle > maxDeposit) {
    throw new ConfigError(
      'Of the option channel, minDeposit must be at least 0.0000000001 XNO, and minDeposit <= suggestedDeposit <= maxDeposit.',
    )
  }
  const unit = options.unit === undefined ? undefined : amount('unit', options.unit)
  if (unit === 0n) throw new ConfigError('Option channel.unit must be above 0.')
  const issuers = (options.issuers ?? []).map(({ url, publicKey }) => ({ url, publicKey: publicKey.toUpperCase() }))
  const { minSettleSeconds = 3_600, withdrawFrom = '1' } = options
  const { modes = ['payword-sha256', 'voucher-ed25519'] } = options
  return {
    ...{ modes, unit, minDeposit, suggestedDeposit, maxDeposit, maxStep, maxK, ttlSeconds, closeGraceSeconds },
    ...{ authorizeMs: 1_000 * authorizeSeconds, sweepMs: 1_000 * sweepSeconds },
    ...{ issuers, minSettleSeconds, withdrawFrom: amount('withdrawFrom', withdrawFrom) },
  }
}
