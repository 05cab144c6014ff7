/**
 * One channel as its payer keeps account of it: what was deposited, authorised and charged, and the payments that are under
 * way. Decides how much the next proof has to authorise, and notes it in the journal before anybody sees the proof. Nothing
 * here asks the network.
 */
import type { ChannelConfig } from '../../channel/config.ts'
import { type ChannelOffer, decodeAcknowledged, decodeOffer, decodeOutcome } from '../../channel/wire.ts'
import { ConfigError } from '../../errors.ts'
import { type BlockHash, hashBlock, MAX_RAW, raw } from '../../nano/index.ts'
import type { PaymentRequirements } from '../../x402/shapes.ts'
import type { Budget } from '../budget.ts'
import { saysMore } from '../folding.ts'
import type { ChannelNote, JournalEntry, WaitingJournal } from '../journal.ts'
import { createDepositList, type NewDeposit } from './deposit-list.ts'
import { type Before, createHolding, type Held } from './held.ts'
import { channelEntry, paymentEntry } from './notes.ts'
import type { Prover } from './prover.ts'
import {
  type AskedPayment,
  createStatementReader,
  evidenceOf,
  type Known,
  type ReadStatement,
  type Stated,
  type Untrue,
} from './receipts.ts'
import { higher } from './sizing.ts'

export interface TabParts {
  readonly config: ChannelConfig
  /** The offer that it is opened on, and where it was made. */
  readonly offer: PaymentRequirements
  readonly url: string
  readonly method: string
  readonly prover: Prover
  readonly journal: WaitingJournal
  readonly budget: Budget
  /** One payment in so many brings a receipt. */
  readonly receiptEvery: number
  readonly onDistrust: (reason: string) => void
}

/** How often a proof for the same sum is shown before one for more is: the payee must not take them for forgotten ones. */
const MAX_AT_LEVEL = 32
/** A channel is not used in its last seconds. */
const MARGIN_MS = 10_000

export type Tab = Awaited<ReturnType<typeof createTab>>

export async function createTab(parts: TabParts, noted?: ChannelNote) {
  const { config, offer, url, method, prover, journal, budget, receiptEvery, onDistrust } = parts
  const terms = decodeOffer(offer.extra)
  if (terms === undefined) throw new ConfigError('The journal has a channel without its offer.')
  const readStatement: ReadStatement = await createStatementReader(terms.receiptKey)
  const { host, origin } = new URL(url)
  const unit = config.mode === 'payword-sha256' ? BigInt(config.unit) : 1n
  const maxReach = config.mode === 'payword-sha256' ? unit * BigInt(config.maxK) : undefined
  const atMs = Date.now()

  let phase: ChannelNote['phase'] = noted?.phase ?? 'opening'
  let distrusted = noted?.distrusted
  const deposits = createDepositList(noted?.deposits)
  const { credited, deposited } = deposits
  const holding = createHolding()
  const { exposure, underWay } = holding
  let authorized = BigInt(noted?.authorized ?? 0)
  let charged = BigInt(noted?.charged ?? 0)
  let evidence = decodeAcknowledged(noted?.receipt)
  /** What receipts have said: the counters never go below. */
  let statedCharged = BigInt(evidence?.channelState.charged ?? 0)
  let statedAuthorized = BigInt(evidence?.channelState.authorized ?? 0)
  /** What the payee, corrected, has charged and reserved: a stream may have drawn on more than was meant for it. */
  let corrected = 0n
  /** How many payments have begun since one that asked for a receipt. */
  let sinceReceipt = 0
  /** How often proofs for `authorized` were shown. */
  let atLevel = 0
  /** What an issuer has locked stays as it is. */
  const capacity = () => {
    const most = config.custodian === 'issuer' ? deposited() : MAX_RAW
    return maxReach !== undefined && maxReach < most ? maxReach : most
  }
  const roundUp = (amount: bigint) => ((amount + unit - 1n) / unit) * unit

  const progress = () => ({
    authorized: String(authorized),
    charged: String(charged),
    ...(evidence && { receipt: evidence }),
  })
  const own = { id: prover.id, origin, atMs, config, offer, url, method }
  const entryOf = (one: Held, state: JournalEntry['state'], amount: bigint) => {
    // The journal has the evidence of payments before it already.
    const { receipt, ...counters } = progress()
    return paymentEntry(own, one, { state, amount, progress: state === 'signed' ? counters : progress() })
  }
  const quietly = (entry: JournalEntry) => journal.put(entry).catch(() => {})

  const note = () => channelEntry(own, { phase, distrusted, deposits: deposits.all, progress: progress() })

  /** The most that may have been charged in all. */
  const most = (but?: Held) =>
    holding.others(but).some(({ isStream }) => isStream) ? authorized : charged + holding.most(but)
  const knownNow = (before: Before, but?: Held): Known => ({
    ...{ id: prover.id, config, authorized },
    deposit: { least: before.deposit.least, most: deposited() },
    charged: {
      least: before.charged.least,
      most: most(but),
    },
  })

  /** How much the proof of a payment has to authorise: what it needs, or what was authorised already. */
  function reachFor(max: bigint, but?: Held): bigint {
    const known = charged + exposure(but)
    const needed = roundUp((known > corrected ? known : corrected) + max)
    if (needed > authorized) return needed
    return atLevel < MAX_AT_LEVEL ? authorized : authorized + unit
  }
  /** Whether its token would be too far from those that the payee has, or may get before it. */
  function isTooFar(reach: bigint, but?: Held): boolean {
    if (config.mode !== 'payword-sha256') return false
    let lowest = statedAuthorized
    for (const one of underWay(but)) if (one.reach < lowest) lowest = one.reach
    return reach - lowest > unit * BigInt(terms?.maxStep ?? 1)
  }

  return {
    ...{ id: prover.id, config, offer, terms, url, method, origin, host, prover, unit, deposits: deposits.all },
    phase: () => phase,
    distrusted: () => distrusted,
    charged: () => charged,
    authorized: () => authorized,
    credited,
    deposited,
    /** The most that may ever be authorised, in raw. */
    capacity,
    unspent: () => deposited() - charged,
    /** What has to come back at least: what is deposited, and not charged even if all payments that are open are. */
    least: () => higher(deposited() - most(), 0n),
    /** What a refund of so much means: more than is owed may always come back. Undefined: it is not one of this channel. */
    explain(refund: bigint): { readonly deposited: bigint; readonly charged: bigint } | undefined {
      const sum = [deposited(), credited()].find((sum) => refund <= sum && sum - refund <= most())
      return sum === undefined ? undefined : { deposited: sum, charged: sum - refund }
    },
    expiresAtMs: 1_000 * config.expiresAt,
    isUsable: () => phase === 'open' && distrusted === undefined && Date.now() < 1_000 * config.expiresAt - MARGIN_MS,
    /** Whether requests of this price can be paid here: a token must not be worth much more, nor lie too far away. */
    fits: ({ terms: offered, amount }: { readonly terms: ChannelOffer; readonly amount: bigint }) =>
      config.mode === 'voucher-ed25519' ||
      ((offered.unit === config.unit || amount % unit === 0n) && amount <= unit * BigInt(offered.maxStep)),
    /** Whether the chain is too short, or the lock of an issuer too small, for one more payment of this price. */
    isUsedUp: (max: bigint, but?: Held) => reachFor(max, but) > capacity(),
    reachFor,
    isTooFar,
    /** Whether the payee can take a proof for so much; otherwise what has to be authorised before. */
    stepTowards(reach: bigint): bigint | undefined {
      const step = unit * BigInt(terms.maxStep)
      return config.mode === 'payword-sha256' && reach - statedAuthorized > step ? statedAuthorized + step : undefined
    },
    underWay: (but?: Held) => underWay(but).length,
    idle: holding.idle,
    isFull: holding.isFull,
    /** The next proof has to be for more: the payee takes one for the same sum as one that it forgot. */
    raiseLevel() {
      atLevel = MAX_AT_LEVEL
    },
    freed: holding.freed,
    take: holding.take,
    /** One that the journal has. */
    restore: holding.put,
    giveBack: holding.giveBack,

    /** Begins a payment, or raises its proof: counted at once, and in the journal when this resolves. */
    async begin(one: Held): Promise<void> {
      one.isFailed = false
      const reach = reachFor(one.max, one)
      corrected = 0n
      atLevel = reach > authorized ? 1 : atLevel + 1
      if (reach > authorized) authorized = reach
      one.reach = reach
      holding.put(one)
      await journal.put(entryOf(one, 'signed', one.max)).catch((error: unknown) => {
        holding.remove(one)
        one.release()
        throw error
      })
      one.isUncertain = true // from here on it may be seen
    },
    /** What is authorised and neither charged nor left for a payment: a stream may draw on it. */
    headroom() {
      const left = authorized - charged - exposure()
      return left > 0n ? left : 0n
    },
    /** How much more than by now has to be authorised for so much in all. */
    growthTo: (required: bigint) => (roundUp(required) > authorized ? roundUp(required) - authorized : 0n),
    /** Whether nothing but this may change what is charged. */
    isQuiet: (but: Held) => exposure(but) === 0n,
    /** Authorises so much in all, for no payment of its own: in the journal when this resolves. */
    async authorize(reach: bigint): Promise<void> {
      if (reach <= authorized) return
      raiseTo(reach)
      await journal.put(note())
    },
    /** Raises the proof for a stream: in the journal when this resolves. */
    async extend(stream: Held, reach: bigint): Promise<void> {
      if (reach > authorized) raiseTo(reach)
      stream.reach = authorized
      await journal.put(entryOf(stream, 'signed', stream.max))
    },
    /** The server failed on it: it is presented again when the request is made again. */
    fail(one: Held) {
      one.isFailed = true
    },
    settle,
    drop,

    /** What is known of the channel now: to be asked for before a question is sent. */
    known: (): Before => ({
      deposit: { least: credited(), most: deposited() },
      charged: { least: statedCharged, most: charged },
    }),
    /** What an answer says, if it is signed and can be true. `before`: {@link known} when it was asked. */
    read(extra: unknown, before: Before, payment?: AskedPayment): Promise<Stated | Untrue> {
      return readStatement(extra, knownNow(before), payment)
    },
    /**
     * What an answer says that comes with the best proof of ours that the payee has. A proof beyond those that we know of
     * shows that our journal is behind: then its word is taken over, as far as that proof goes. `refused`: the payment that
     * was not charged, as the answer says.
     */
    async readCorrection(extra: unknown, before: Before, refused?: Held): Promise<Stated | Untrue> {
      const lastProof = decodeOutcome(extra)?.lastProof
      const reach = lastProof ? await prover.reachOf(lastProof) : 0n
      if (reach === undefined) return 'proof_not_ours'
      const known = knownNow(before, refused)
      const isBehind = reach > authorized
      const stated = await readStatement(
        extra,
        isBehind ? { ...known, authorized: reach, charged: { ...known.charged, most: reach } } : known,
      )
      if (typeof stated === 'string') return stated
      if (stated.authorized !== reach) return 'proof_not_ours'
      if (isBehind) {
        authorized = reach
        if (stated.charged > charged) {
          budget.count(host, raw(stated.charged - charged), Date.now())
          charged = stated.charged
        }
      }
      corrected = stated.charged + stated.reserved
      believe(stated)
      return stated
    },
    believe,
    /** Whether the next payment is to bring a receipt: one in so many does. */
    isReceiptDue() {
      sinceReceipt = sinceReceipt + 1 >= receiptEvery ? 0 : sinceReceipt + 1
      return sinceReceipt === 0
    },
    /** The best that the payee has signed. */
    evidence: () => evidence,
    /** The payee has lost its records, and is at what it signed once: it may be less than it said since. */
    lose({ charged }: Stated) {
      statedCharged = charged
      retire('recovering')
    },
    retire,
    distrust(reason: string) {
      if (distrusted !== undefined) return
      distrusted = reason
      onDistrust(reason)
      void quietly(note())
    },
    async become(next: ChannelNote['phase']): Promise<void> {
      phase = next
      if (next === 'open') deposits.credit(deposits.all[0]?.hash)
      await journal.put(note())
    },
    async addDeposit(deposit: NewDeposit): Promise<void> {
      deposits.add(deposit)
      await journal.put(note()).catch((error: unknown) => {
        deposits.drop(deposit.block && hashBlock(deposit.block))
        throw error
      })
    },
    async dropDeposit(hash: BlockHash | undefined): Promise<void> {
      deposits.drop(hash)
      await journal.put(note())
    },
    async credit(hash: BlockHash | undefined): Promise<void> {
      deposits.credit(hash)
      await journal.put(note())
    },
    /** At the end: nothing is under way, and so much was charged in all. */
    conclude(total: bigint) {
      for (const one of holding.all()) {
        const cost = total > charged ? (total - charged < one.max ? total - charged : one.max) : 0n
        if (cost > 0n) settle(one, cost)
        else drop(one)
      }
      charged = total
    },
  }

  function raiseTo(reach: bigint) {
    authorized = reach
    atLevel = 0
  }

  /** It cost so much, for good. */
  function settle(one: Held, cost: bigint, stated?: Stated) {
    if (!holding.remove(one)) return
    charged += cost
    one.release()
    budget.count(host, raw(cost), Date.now())
    if (stated) believe(stated)
    journal.later(entryOf(one, 'delivered', cost))
  }

  /** It cost nothing, and never will. */
  function drop(one: Held) {
    one.release()
    if (!holding.remove(one)) return
    journal.later(entryOf(one, 'void', 0n))
  }

  /** No payment begins in it any more; it is closed when somebody sees to it. */
  function retire(next: 'closing' | 'recovering' = 'closing') {
    const isLater = phase === 'open' || (phase === 'closing' && next === 'recovering')
    if (!isLater) return
    phase = next
    void quietly(note())
  }

  function believe(stated: Stated) {
    if (stated.authorized > statedAuthorized) statedAuthorized = stated.authorized
    if (stated.charged < statedCharged) return // an answer that a later one has overtaken
    statedCharged = stated.charged
    const said = evidenceOf(stated)
    if (said.receipt && saysMore(said, evidence)) evidence = said
    // Nobody else was under way, so this is what was charged: what was counted for an answer that was lost was less.
    if (exposure() === 0n && stated.reserved === 0n && stated.charged < charged) charged = stated.charged
  }
}
