/**
 * The issuer: holds what clients deposit, locks an amount of it for each channel, and pays vendors what they can prove by
 * the day that its certificate names. Who asks is in callers.ts, what it agrees to in channels.ts and withdrawals.ts, and
 * what moves then in book.ts.
 */
import { ed25519Signer } from '#channel/ed25519'
import { openStore } from '#stores/open'
import { hmacSha256 } from '../channel/sha256.ts'
import { encodeFields } from '../core/bytes.ts'
import { createPayouts } from '../custody/payouts.ts'
import { requireOneUse } from '../custody/use.ts'
import type { Health } from '../deployment.ts'
import { ConfigError } from '../errors.ts'
import { bytesToHex, hexToBytes } from '../nano/hex.ts'
import { type NanoAddress, nanoAddress, privateKey as parsePrivateKey, WORK_THRESHOLDS } from '../nano/index.ts'
import { processEnvironment, type RpcOption, withEnvironment } from '../options.ts'
import { createPaywall, type PaywallRoute } from '../paywall.ts'
import { createRpc } from '../rpc/index.ts'
import { createWorkSource } from '../wallet/work.ts'
import type { Account } from './account.ts'
import { type Audit, audit, type Owed, owedTo } from './audit.ts'
import type { Statement } from './book/statements.ts'
import { createBook } from './book.ts'
import { type Caller, type Callers, createCallers } from './callers.ts'
import { type ChannelDesk, createChannelDesk } from './channels.ts'
import { boundsOf, type IssuerOptions } from './options.ts'
import { readAmount } from './reading.ts'
import type { IssuerInfo } from './views.ts'
import { createWithdrawals, type Withdrawals } from './withdrawals.ts'

/** A refusal is a value; trouble of ours is thrown. */
export interface Issuer extends Omit<Callers, 'hasSigned'>, ChannelDesk, Omit<Withdrawals, 'close'> {
  readonly info: IssuerInfo
  /** The paywall in front of a deposit. */
  readonly deposits: PaywallRoute
  /** Whether this is an amount that may be deposited, as text. */
  isDeposit(amount: unknown): boolean
  /** Credits what was paid for this account. */
  credit(address: NanoAddress, paid: { readonly transaction: string; readonly amount: bigint }): Promise<Account>
  account(caller: Caller): Promise<Account | undefined>
  statement(caller: Caller, before: number | undefined): Promise<Statement>
  audit(): Promise<Audit>
  /** What is owed, for metrics: read one account after the other, at most five seconds ago. */
  totals(): Promise<{ readonly accounts: readonly Account[]; readonly owed: Owed }>
  health(): Promise<Health>
  /** Ends what is under way, and frees the connections. */
  drain(): Promise<void>
}

const MAX_CLOSE_GRACE = 86_400
/** All accounts are read once in so long, however often metrics are asked for. */
const TOTALS_MS = 5_000

/**
 * Opens an issuer; what the options leave out comes from the environment (`NANO402_...`).
 *
 * @throws `ConfigError` (`ERR_CONFIG`) naming what is missing or wrong, and the remedy.
 * @example
 * const issuer = await createIssuer({ privateKey: '0'.repeat(64), rpc: 'http://127.0.0.1:7076', store: 'sqlite:issuer.db' })
 */
export async function createIssuer(options: IssuerOptions): Promise<Issuer> {
  const key = parsePrivateKey(options.privateKey)
  const {
    settleSeconds = 86_400,
    maxChannelSeconds = 2_592_000,
    newAccountsPerMinute = 6_000,
    falseSignaturesPerMinute = 600,
    leaseMs = 5_000,
    now = Date.now,
  } = options
  const {
    rpc,
    ws,
    network = 'nano:mainnet',
    store: given = 'memory',
    secret,
    publicUrl,
  } = withEnvironment(
    pick(options, 'rpc', 'ws', 'network', 'store', 'secret', 'publicUrl', 'onEvent'),
    processEnvironment(),
  )
  if (rpc === undefined) throw new ConfigError('An issuer needs a Nano node: set NANO402_RPC_URL or the option rpc.')
  const derive = (what: string) => hmacSha256(hexToBytes(key))(encodeFields([`nano402-issuer-${what}`]))
  const bounds = boundsOf(options)
  const signer = await certificateSigner(derive('certificates'))
  const node = createRpc({ endpoints: Array.isArray(rpc) ? rpc : [rpc as RpcOption], network })
  const store = typeof given === 'string' ? await openStore(given) : given
  const work = createWorkSource(options.work ?? 'node', node, WORK_THRESHOLDS[network])
  const representative = options.representative === undefined ? undefined : nanoAddress(options.representative)
  const payouts = createPayouts({ key, node, work, store, leaseMs, ...(representative && { representative }) })
  await requireOneUse(store, payouts.address, 'deposits with an issuer')
  const book = createBook({ store, payouts, now })
  const paywall = createPaywall({
    ...{ network, rpc: node, store, payTo: payouts.address, secret: secret ?? bytesToHex(derive('secret')) },
    ...(ws !== undefined && { ws }),
    ...(publicUrl !== undefined && { publicUrl }),
    ...(options.onEvent && { onEvent: options.onEvent }),
  })
  const deposits = paywall.route({
    ...{ name: 'deposit', description: 'A deposit with this issuer. All of it is credited.' },
    price: (request) => ({ raw: request.query('amount') ?? '' }),
    attempts: 1_000_000, // to credit a deposit again is to credit it once
  })
  const info: IssuerInfo = {
    ...{ network, issuer: signer.publicKey, account: payouts.address },
    minDeposit: String(bounds.minDeposit),
    maxDeposit: String(bounds.maxDeposit),
    minWithdrawal: String(bounds.minWithdrawal),
    ...{ settleSeconds, maxChannelSeconds, maxCloseGrace: MAX_CLOSE_GRACE },
  }

  const { hasSigned, ...callers } = createCallers({
    ...{ book, store, issuer: signer.publicKey, newAccountsPerMinute, falseSignaturesPerMinute, now },
  })
  const desk = createChannelDesk({ book, hasSigned, info, sign: signer.sign, now })
  const { close, ...withdrawals } = createWithdrawals({ book, payouts, minWithdrawal: bounds.minWithdrawal })
  let totals: { readonly atMs: number; readonly read: ReturnType<Issuer['totals']> } | undefined

  return {
    info,
    deposits,
    ...callers,
    ...desk,
    ...withdrawals,
    isDeposit(amount) {
      const sent = readAmount(amount)
      return sent !== undefined && sent >= bounds.minDeposit && sent <= bounds.maxDeposit
    },
    credit: (address, { transaction: block, amount }) => book.deposit(address, { block, amount }),

    async account({ account }) {
      await book.tidy(account)
      return book.account(account)
    },
    statement: ({ account }, before) => book.statement(account, before),

    audit: () => audit({ book, payouts, node }),
    totals() {
      if (totals === undefined || now() > totals.atMs + TOTALS_MS) {
        const read = book.collect().then(({ accounts }) => ({ accounts, owed: owedTo(accounts) }))
        totals = { atMs: now(), read }
        read.catch(() => {
          totals = undefined
        })
      }
      return totals.read
    },
    health: paywall.health,
    async drain() {
      await close()
      await paywall.close()
      work.close()
      node.close()
      if (typeof given === 'string') await store.close()
    },
  }
}

async function certificateSigner(seed: Uint8Array) {
  const { publicKey, sign } = await ed25519Signer(seed)
  return { publicKey: bytesToHex(publicKey), sign }
}

const pick = <T extends object, K extends keyof T>(from: T, ...keys: readonly K[]): Pick<T, K> =>
  Object.fromEntries(keys.flatMap((key) => (from[key] === undefined ? [] : [[key, from[key]]]))) as Pick<T, K>
