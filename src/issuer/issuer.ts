/**
 * The issuer: holds what clients deposit, locks an amount of it for each channel, and pays vendors what they can prove by
 * the day that its certificate names. Here is what it agrees to; what moves then is in book.ts.
 */
import { ed25519Signer } from '#channel/ed25519'
import { openStore } from '#stores/open'
import { type Certificate, signCertificate } from '../channel/certificate.ts'
import { type ChannelId, channelId, readConfig } from '../channel/config.ts'
import { MAX_K } from '../channel/payword.ts'
import { hashesFor, judgeLastProof, readLastProof } from '../channel/redemption.ts'
import { hmacSha256 } from '../channel/sha256.ts'
import { encodeFields } from '../core/bytes.ts'
import { createPayouts } from '../custody/payouts.ts'
import type { Health } from '../deployment.ts'
import { ConfigError } from '../errors.ts'
import { bytesToHex, hexToBytes } from '../nano/hex.ts'
import {
  type BlockHash,
  type NanoAddress,
  nanoAddress,
  privateKey as parsePrivateKey,
  WORK_THRESHOLDS,
} from '../nano/index.ts'
import { processEnvironment, type RpcOption, withEnvironment } from '../options.ts'
import { createPaywall, type PaywallRoute } from '../paywall.ts'
import { createRpc } from '../rpc/index.ts'
import { unref } from '../rpc/wait.ts'
import { createWorkSource } from '../wallet/work.ts'
import type { Account } from './account.ts'
import { createAllowance, createAllowances } from './allowance.ts'
import { type Audit, audit, type Owed, owedTo } from './audit.ts'
import type { ChannelEntry } from './book/locks.ts'
import type { Statement } from './book/statements.ts'
import { type Book, createBook } from './book.ts'
import { isRefused, type RefusedByIssuer, refuse } from './codes.ts'
import { boundsOf, type IssuerOptions } from './options.ts'
import { fieldsOf, isChannelId, isWithdrawalId, readAmount, readKeys } from './reading.ts'
import {
  type Authorization,
  createSignatureCheck,
  isOwnKey,
  readAuthorization,
  readRelease,
  releaseText,
  requestText,
  type SignedRequest,
} from './request.ts'

/** What an issuer says about itself. Amounts in raw, as decimal text. */
export interface IssuerInfo {
  readonly network: string
  /** The Ed25519 key that certificates are signed with: `issuer` in a channel's config. */
  readonly issuer: string
  /** Where deposits go, and withdrawals come from. */
  readonly account: NanoAddress
  readonly minDeposit: string
  readonly maxDeposit: string
  readonly minWithdrawal: string
  readonly settleSeconds: number
  readonly maxChannelSeconds: number
  readonly maxCloseGrace: number
}

/** Who asks, once the signature is genuine. */
export type Caller = Pick<Authorization, 'account' | 'key'>

/** A channel, as payer and payee see it. Amounts in raw, as decimal text. */
export interface ChannelView {
  readonly channelId: ChannelId
  readonly payer: NanoAddress
  readonly payee: NanoAddress
  readonly state: 'open' | 'settled' | 'returned'
  readonly amount: string
  readonly charged: string
  /** Unix time in seconds. */
  readonly settleBy: number
  /** What the payee showed for what was charged. */
  readonly proof?: unknown
}

/** A payout to the account on the ledger. Amounts in raw, as decimal text. */
export interface WithdrawalView {
  readonly id: string
  readonly amount: string
  readonly state: 'pending' | 'paid'
  /** Of the payout, once it is confirmed. */
  readonly block?: BlockHash
}

/** What this process has seen since it began. */
export interface Tally {
  /** What the proofs that were redeemed authorised, in raw. */
  authorized: bigint
}

/** A refusal is a value; trouble of ours is thrown. */
export interface Issuer {
  readonly info: IssuerInfo
  readonly tally: Readonly<Tally>
  /** The paywall in front of a deposit. */
  readonly deposits: PaywallRoute
  /** Whether this is an amount that may be deposited, as text. */
  isDeposit(amount: unknown): boolean
  /** Credits what was paid for this account. */
  credit(address: NanoAddress, paid: { readonly transaction: string; readonly amount: bigint }): Promise<Account>
  /** Whose request it is. */
  authenticate(header: string | undefined, request: SignedRequest): Promise<Caller | RefusedByIssuer>
  register(caller: Caller, body: unknown): Promise<Account | RefusedByIssuer>
  account(caller: Caller): Promise<Account | undefined>
  statement(caller: Caller, before: number | undefined): Promise<Statement>
  open(caller: Caller, body: unknown): Promise<Certificate | RefusedByIssuer>
  channel(caller: Caller, id: ChannelId): Promise<ChannelView | RefusedByIssuer>
  /** Asked by the payee. */
  settle(caller: Caller, id: ChannelId, body: unknown): Promise<ChannelView | RefusedByIssuer>
  /** Asked by the payer, with the payee's release. */
  close(caller: Caller, id: ChannelId, body: unknown): Promise<ChannelView | RefusedByIssuer>
  withdraw(caller: Caller, body: unknown): Promise<WithdrawalView | RefusedByIssuer>
  withdrawal(caller: Caller, id: string): Promise<WithdrawalView | RefusedByIssuer>
  audit(): Promise<Audit>
  /** What is owed, for metrics: read one account after the other, at most five seconds ago. */
  totals(): Promise<{ readonly accounts: readonly Account[]; readonly owed: Owed }>
  /** Carries on with everything that was left behind, gives back what nobody redeemed, and pockets what was sent. */
  sweep(): Promise<void>
  /** Pays out what waits. Resolves when that has been tried. */
  payOut(): Promise<void>
  health(): Promise<Health>
  /** Ends what is under way, and frees the connections. */
  drain(): Promise<void>
}

/** Clocks may differ by so much, and a signed request is good for so long. */
const REQUEST_WINDOW_SECONDS = 60
const MAX_CLOSE_GRACE = 86_400
/** Payouts that wait are asked for again after so long; everything is looked through after so many of these. */
const TICK_MS = 5_000
const TICKS_PER_SWEEP = 120
/** How many hashes a payee may cost us in a minute with tokens that are wrong: about a second. */
const WASTED_HASHES_PER_MINUTE = 2 ** 22
/** How many channels an account may open in a minute: what became of each is remembered for a month. */
const OPENINGS_PER_MINUTE = 600
/** All accounts are read once in so long, however often metrics are asked for. */
const TOTALS_MS = 5_000
/** How long an end waits for the payout that is being made. It goes on at the next start. */
const DRAIN_MS = 10_000

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
  const payouts = createPayouts({ key, node, work, store, ...(representative && { representative }) })
  const book: Book = createBook({ store, payouts, now })
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

  const isSigned = createSignatureCheck()
  const tally: Tally = { authorized: 0n }
  const registrations = createAllowance(newAccountsPerMinute, now)
  const falseSignatures = createAllowance(falseSignaturesPerMinute, now)
  const openings = createAllowances(OPENINGS_PER_MINUTE, now)
  const wasted = createAllowances(WASTED_HASHES_PER_MINUTE, now)
  const unpaid = new Set<NanoAddress>()
  let underWay: Promise<unknown> = Promise.resolve()
  let totals: { readonly atMs: number; readonly read: ReturnType<Issuer['totals']> } | undefined

  /** Whether a key may act for the account now. */
  async function mayAct({ account, key: name }: Caller): Promise<boolean> {
    if (isOwnKey(name)) return true
    const { keys = [] } = (await book.account(account)) ?? {}
    return keys.some((one) => one.key === name && one.expiresAtMs > now())
  }

  const entryOf = async (id: ChannelId) => (isChannelId(id) ? book.channel(id) : undefined)

  const viewOf = async (
    id: ChannelId,
    { payer, payee, settleBy, end }: ChannelEntry,
  ): Promise<ChannelView | undefined> => {
    if (end) {
      const { proof, ...ended } = end
      return {
        channelId: id,
        payer,
        payee,
        settleBy,
        ...ended,
        ...(proof !== undefined && { proof: JSON.parse(proof) }),
      }
    }
    const lock = await book.lockOf(id)
    if (!lock) return undefined
    const state = lock.state === 'open' && lock.settleByMs <= now() ? 'returned' : lock.state
    const amounts = { amount: String(lock.amount), charged: String(lock.charged) }
    return {
      channelId: id,
      payer,
      payee,
      settleBy,
      state,
      ...amounts,
      ...(lock.proof && { proof: JSON.parse(lock.proof) }),
    }
  }

  /** Ends a channel at what its payee is owed, and says how it ended. */
  async function end(id: ChannelId, charged: bigint, proof: unknown): Promise<ChannelView | RefusedByIssuer> {
    const shown = proof === undefined ? undefined : JSON.stringify(proof)
    const result = await book.settle(id, { charged, proof: shown })
    if (result !== 'settled') return refuse(result)
    const entry = await book.channel(id)
    return (entry && (await viewOf(id, entry))) ?? refuse('channel_not_found')
  }

  /** Payouts of all who wait, together. A fault is asked about again later. */
  function payOut(): Promise<void> {
    const pay = async (address: NanoAddress) => {
      unpaid.delete(address) // before it is looked at: what is withdrawn meanwhile adds it again
      const isPaid = await book.payOut(address).catch(() => false)
      if (!isPaid) unpaid.add(address)
    }
    const turn = underWay.then(async () => void (await Promise.all([...unpaid].map(pay))))
    underWay = turn
    return turn
  }

  async function sweep(): Promise<void> {
    for await (const address of book.addresses()) {
      await book.tidy(address)
      if (((await book.account(address))?.withdrawals.length ?? 0) > 0) unpaid.add(address)
    }
    await payouts.receive()
    await payOut()
  }

  let ticks = 0
  const ticking = setInterval(() => {
    ticks++
    const task = ticks % TICKS_PER_SWEEP === 1 ? sweep : payOut
    if (ticks % TICKS_PER_SWEEP === 1 || unpaid.size > 0) task().catch(() => {}) // tried again at the next one
  }, TICK_MS)
  unref(ticking)

  return {
    info,
    tally,
    deposits,
    isDeposit(amount) {
      const sent = readAmount(amount)
      return sent !== undefined && sent >= bounds.minDeposit && sent <= bounds.maxDeposit
    },
    credit: (address, { transaction: block, amount }) => book.deposit(address, { block, amount }),

    async authenticate(header, request) {
      const said = readAuthorization(header)
      if (said === undefined) return refuse('unauthorized')
      if (Math.abs(now() / 1_000 - said.at) > REQUEST_WINDOW_SECONDS) return refuse('stale_request')
      const cost = isOwnKey(said.key) ? 1 : 0
      if (!falseSignatures.take(cost)) return refuse('busy')
      if (!(await isSigned(said, requestText(signer.publicKey, request, said)))) return refuse('unauthorized')
      falseSignatures.give(cost)
      // Nothing is looked up before the signature is genuine, and nothing is stored before the key may act.
      if (!(await mayAct(said))) return refuse('unauthorized')
      const keepUntilMs = 1_000 * (said.at + 2 * REQUEST_WINDOW_SECONDS)
      const isFirst = await store.write(`issuer-nonce:${said.account}:${said.nonce}`, 0, '', keepUntilMs)
      return isFirst ? { account: said.account, key: said.key } : refuse('replayed_request')
    },

    async register({ account, key: name }, body) {
      if (!isOwnKey(name)) return refuse('own_key_required')
      const keys = readKeys(body, now())
      if (keys === undefined) return refuse('invalid_request')
      const known = await book.account(account)
      if (known === undefined && !registrations.take(1)) return refuse('too_many_accounts')
      return book.register(account, keys)
    },

    async account({ account }) {
      await book.tidy(account)
      return book.account(account)
    },
    statement: ({ account }, before) => book.statement(account, before),

    async open({ account }, body) {
      const { config: shown, amount: text } = fieldsOf(body, ['config', 'amount'])
      const config = readConfig(shown)
      const amount = readAmount(text)
      if (config === undefined) return refuse('invalid_config')
      if (amount === undefined || amount === 0n) return refuse('invalid_amount')
      if (config.payer !== account) return refuse('unauthorized')
      const { expiresAt, closeGrace } = config
      const isOurs = config.custodian === 'issuer' && config.issuer === signer.publicKey && config.network === network
      const isBetweenTwo = config.payee !== config.payer && config.refundTo === config.payer
      const isInTime = 1_000 * expiresAt > now() && 1_000 * (expiresAt - maxChannelSeconds) <= now()
      if (!isOurs || !isBetweenTwo || !isInTime || closeGrace > MAX_CLOSE_GRACE) return refuse('invalid_config')
      if (!openings(account).take(1)) return refuse('too_many_channels')
      const result = await book.open(config, { amount, settleBy: expiresAt + closeGrace + settleSeconds })
      if (result !== 'locked') return refuse(result)
      const id = channelId(config)
      const settleBy = (await book.channel(id))?.settleBy ?? 0
      const { payee } = config
      return signCertificate({ channelId: id, payee, amount: String(amount), expiresAt, settleBy }, signer.sign)
    },

    async channel({ account }, id) {
      const entry = await entryOf(id)
      if (entry === undefined || (entry.payer !== account && entry.payee !== account))
        return refuse('channel_not_found')
      return (await viewOf(id, entry)) ?? refuse('channel_not_found')
    },

    async settle({ account }, id, body) {
      const { amount: text, proof: shown } = fieldsOf(body, ['amount', 'proof'])
      const amount = readAmount(text)
      const best = shown === undefined ? undefined : readLastProof(shown)
      if (amount === undefined) return refuse('invalid_amount')
      if (shown !== undefined && best === undefined) return refuse('proof')
      const entry = await entryOf(id)
      if (entry?.payee !== account) return refuse('channel_not_found')
      const { config } = entry
      const lock = await book.lockOf(id)
      // What has ended is not looked at again: the book knows how.
      if (config === undefined || lock?.state !== 'open') return end(id, amount, undefined)
      if (amount > lock.amount) return refuse('exceeds_lock')
      if (best === undefined) return amount === 0n ? end(id, 0n, undefined) : refuse('proof')
      const hashes = Math.min(hashesFor(best), MAX_K)
      const patience = wasted(account)
      if (!patience.take(hashes)) return refuse('busy')
      const reach = await judgeLastProof(config, best)
      if (typeof reach === 'string') return refuse(reach)
      patience.give(hashes)
      if (amount > reach) return refuse('proof')
      const ended = await end(id, amount, best)
      if (!isRefused(ended)) tally.authorized += reach
      return ended
    },

    async close({ account }, id, body) {
      const release = readRelease(body)
      if (release === undefined) return refuse('invalid_request')
      const entry = await entryOf(id)
      if (entry?.payer !== account) return refuse('channel_not_found')
      const payee = { account: entry.payee, ...release }
      const isGenuine = await isSigned(payee, releaseText(signer.publicKey, id, release.amount))
      if (!isGenuine || !(await mayAct(payee))) return refuse('unauthorized')
      return end(id, BigInt(release.amount), { release })
    },

    async withdraw({ account }, body) {
      const { id, amount: text } = fieldsOf(body, ['id', 'amount'])
      const amount = readAmount(text)
      if (!isWithdrawalId(id)) return refuse('invalid_request')
      if (amount === undefined || amount === 0n) return refuse('invalid_amount')
      const known = await withdrawalOf(account, id)
      const balance = (await book.account(account))?.balance ?? 0n
      if (!known && amount < bounds.minWithdrawal && amount !== balance) {
        return refuse(amount > balance ? 'insufficient_balance' : 'invalid_amount')
      }
      const result = await book.withdraw(account, { id, amount })
      if (typeof result === 'object') return { id, amount: String(amount), state: 'paid', block: result.block }
      if (result !== 'debited') return refuse(result)
      unpaid.add(account)
      payOut().catch(() => {})
      return { id, amount: String(amount), state: 'pending' }
    },
    withdrawal: async ({ account }, id) => (await withdrawalOf(account, id)) ?? refuse('not_found'),

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
    sweep,
    payOut,
    health: paywall.health,
    async drain() {
      clearInterval(ticking)
      let timer: ReturnType<typeof setTimeout> | undefined
      const late = new Promise((resolve) => {
        timer = setTimeout(resolve, DRAIN_MS)
      })
      await Promise.race([underWay, late])
      clearTimeout(timer)
      await paywall.close()
      work.close()
      node.close()
      if (typeof given === 'string') await store.close()
    },
  }

  async function withdrawalOf(account: NanoAddress, id: string): Promise<WithdrawalView | undefined> {
    if (!isWithdrawalId(id)) return undefined
    const pending = (await book.account(account))?.withdrawals.find((one) => one.id === id)
    if (pending) return { id, amount: String(pending.amount), state: 'pending' }
    const paid = await book.withdrawal(account, id)
    return paid && { id, ...paid, state: 'paid' }
  }
}

async function certificateSigner(seed: Uint8Array) {
  const { publicKey, sign } = await ed25519Signer(seed)
  return { publicKey: bytesToHex(publicKey), sign }
}

const pick = <T extends object, K extends keyof T>(from: T, ...keys: readonly K[]): Pick<T, K> =>
  Object.fromEntries(keys.flatMap((key) => (from[key] === undefined ? [] : [[key, from[key]]]))) as Pick<T, K>
