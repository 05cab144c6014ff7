/**
 * One channel as its payer keeps account of it: what was deposited, authorised and charged, and the payments that are under
 * way. Decides how much the next proof has to authorise, and notes it in the journal before anybody sees the proof. Nothing
 * here asks the network.
 */
import type { ChannelConfig } from '../../channel/config.ts'
import { type ChannelOffer, decodeOffer, decodeOutcome } from '../../channel/wire.ts'
import { ConfigError } from '../../errors.ts'
import { type BlockHash, hashBlock, MAX_RAW, raw } from '../../nano/index.ts'
import type { PaymentRequirements } from '../../x402/shapes.ts'
import type { Budget } from '../budget.ts'
import type { ChannelNote, JournalEntry, WaitingJournal } from '../journal.ts'
import { createCounters } from './counters.ts'
import { createDepositList, type NewDeposit } from './deposit-list.ts'
import { type Before, createHolding, type Held } from './held.ts'
import { channelEntry, paymentEntry } from './notes.ts'
import type { Prover } from './prover.ts'
import {
  type AskedPayment,
  createStatementReader,
  type Known,
  type ReadStatement,
  type Stated,
  type Untrue,
} from './receipts.ts'
import { higher, lower } from './sizing.ts'

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
  const step = config.mode === 'payword-sha256' ? unit * BigInt(terms.maxStep) : undefined
  const counters = createCounters({ noted, unit, step, holding })
  const { authorized, charged, progress, most, reachFor, believe } = counters
  /** How many payments have begun since one that asked for a receipt. */
  let sinceReceipt = 0
  /** What an issuer has locked stays as it is. */
  const capacity = () => {
    const most = config.custodian === 'issuer' ? deposited() : MAX_RAW
    return maxReach !== undefined && maxReach < most ? maxReach : most
  }
  const own = { id: prover.id, origin, atMs, config, offer, url, method }
  const entryOf = (one: Held, state: JournalEntry['state'], amount: bigint) => {
    // The journal has the evidence of payments before it already.
    const { receipt, ...sums } = progress()
    return paymentEntry(own, one, { state, amount, progress: state === 'signed' ? sums : progress() })
  }
  const quietly = (entry: JournalEntry) => journal.put(entry).catch(() => {})

  const note = () => channelEntry(own, { phase, distrusted, deposits: deposits.all, progress: progress() })

  const knownNow = (before: Before, but?: Held): Known => ({
    ...{ id: prover.id, config, authorized: authorized() },
    deposit: { least: before.deposit.least, most: deposited() },
    charged: { least: before.charged.least, most: most(but) },
  })

  return {
    ...{ id: prover.id, config, offer, terms, url, method, origin, host, prover, unit, deposits: deposits.all },
    phase: () => phase,
    distrusted: () => distrusted,
    charged,
    authorized,
    credited,
    deposited,
    /** The most that may ever be authorised, in raw. */
    capacity,
    unspent: () => deposited() - charged(),
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
    isTooFar: counters.isTooFar,
    stepTowards: counters.stepTowards,
    growthTo: counters.growthTo,
    headroom: counters.headroom,
    raiseLevel: counters.raiseLevel,
    evidence: counters.evidence,
    underWay: (but?: Held) => underWay(but).length,
    idle: holding.idle,
    isFull: holding.isFull,
    freed: holding.freed,
    take: holding.take,
    /** One that the journal has. */
    restore: holding.put,
    giveBack: holding.giveBack,

    /** Begins a payment, or raises its proof: counted at once, and in the journal when this resolves. */
    async begin(one: Held): Promise<void> {
      one.isFailed = false
      counters.begin(one)
      holding.put(one)
      await journal.put(entryOf(one, 'signed', one.max)).catch((error: unknown) => {
        holding.remove(one)
        one.release()
        throw error
      })
      one.isUncertain = true // from here on it may be seen
    },
    /** Whether nothing but this may change what is charged. */
    isQuiet: (but: Held) => exposure(but) === 0n,
    /** Authorises so much in all, for no payment of its own: in the journal when this resolves. */
    async authorize(reach: bigint): Promise<void> {
      if (counters.raiseTo(reach)) await journal.put(note())
    },
    /** Raises the proof for a stream: in the journal when this resolves. */
    async extend(stream: Held, reach: bigint): Promise<void> {
      counters.raiseTo(reach)
      stream.reach = authorized()
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
      charged: { least: counters.statedCharged(), most: charged() },
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
      const isBehind = reach > authorized()
      const stated = await readStatement(
        extra,
        isBehind ? { ...known, authorized: reach, charged: { ...known.charged, most: reach } } : known,
      )
      if (typeof stated === 'string') return stated
      if (stated.authorized !== reach) return 'proof_not_ours'
      const unknown = counters.correct(stated, reach)
      if (unknown > 0n) budget.count(host, raw(unknown), Date.now())
      return stated
    },
    believe,
    /** Whether the next payment is to bring a receipt: one in so many does. */
    isReceiptDue() {
      sinceReceipt = sinceReceipt + 1 >= receiptEvery ? 0 : sinceReceipt + 1
      return sinceReceipt === 0
    },
    /** The payee has lost its records, and is at what it signed once: it may be less than it said since. */
    lose(stated: Stated) {
      counters.lose(stated)
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
        const cost = lower(higher(total - charged(), 0n), one.max)
        if (cost > 0n) settle(one, cost)
        else drop(one)
      }
      counters.conclude(total)
    },
  }

  /** It cost so much, for good. */
  function settle(one: Held, cost: bigint, stated?: Stated) {
    if (!holding.remove(one)) return
    counters.charge(cost)
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
}
