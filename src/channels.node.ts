/**
 * Channels of a deployment: what its options say of them, as values, and the payee that its routes share. All the rest is
 * loaded only here, where they are offered.
 */
import type { Cashier } from './core/cashier.ts'
import { TAG_MODULUS } from './core/quote.ts'
import type { Deployment } from './deployment.ts'
import { ConfigError } from './errors.ts'
import type { ChannelRoute } from './mechanisms/channel/cashier.ts'
import type { Payee } from './mechanisms/channel/payee.ts'
import type { ChannelSettings } from './mechanisms/channel/settings.ts'
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

export interface ChannelDesk {
  /** The deposit account. */
  readonly account: NanoAddress
  /** Who takes a route's payments in channels, once store and wallet are ready. */
  cashier(route: ChannelRoute): Promise<Cashier>
  close(): Promise<void>
}

/** @throws {@link ConfigError} (`ERR_CONFIG`) */
export function openChannels(options: DeploymentOptions, deployment: Deployment, origin: string): ChannelDesk {
  const { wallet, network = 'nano:mainnet', realm = '', confirmTimeoutMs = 5_000, onEvent } = options
  if (wallet === undefined) {
    throw new ConfigError(
      'Channels need an account for their deposits, used for nothing else: set NANO402_WALLET_SEED (option wallet).',
    )
  }
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
      ...{ realm, origin, confirmTimeoutMs, emit: onEvent },
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

/** The secret is never part of a message. */
function walletKey({ seed, index = 0, key }: WalletOption): PrivateKey {
  if ((seed === undefined) === (key === undefined)) {
    throw new ConfigError('The wallet (option wallet) is { seed, index } or { key }, one of the two.')
  }
  try {
    return seed === undefined ? privateKey(key) : derivePrivateKey(seed, index)
  } catch {
    throw new ConfigError(
      'NANO402_WALLET_SEED or NANO402_WALLET_KEY (option wallet) must be 64 hex digits, and its index an integer from 0.',
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
  const { maxStep = MAX_STEP, maxK = MAX_K, ttlSeconds = 86_400, closeGraceSeconds = 300, sweepSeconds = 60 } = options
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
  const { modes = ['payword-sha256', 'voucher-ed25519'] } = options
  return {
    ...{ modes, unit, minDeposit, suggestedDeposit, maxDeposit, maxStep, maxK, ttlSeconds, closeGraceSeconds },
    sweepMs: 1_000 * sweepSeconds,
  }
}
