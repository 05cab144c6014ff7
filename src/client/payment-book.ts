/** Payments that have not come to an end: counted in the budget, in the journal with each change, and each used by one call. */
import { type BlockHash, parseRaw } from '../nano/index.ts'
import type { Wallet } from '../wallet/wallet.ts'
import type { Budget, Release } from './budget.ts'
import type { PayerEvent } from './events.ts'
import type { Journal, JournalEntry, PaymentState } from './journal.ts'
import { blockOf, isHandedOut, isOpen, isPastUse, type OpenEntry, type Payment } from './payment.ts'

export interface PaymentBookOptions {
  readonly wallet: Pick<Wallet, 'recover'>
  readonly journal: Journal
  readonly budget: Pick<Budget, 'count'>
  readonly emit: (event: PayerEvent) => void
  /** Told of every payment, past ones first. */
  readonly onPayee: (origin: string, payTo: string) => void
  /** Told of each entry of the journal, with what takes it out of the budget if it is counted there. */
  readonly onEntry: (entry: JournalEntry, release: Release | undefined) => void
}

export interface PaymentBook {
  /** Reads the journal, once. */
  load(): Promise<void>
  /** Takes a signed payment up, in hand if it has a turn to end. It is in the journal already. */
  track(first: OpenEntry, release: Release, endTurn?: Payment['endTurn']): Payment
  /** An unfinished payment for this request that no other call works on. The caller gives it back. */
  take(key: string): Payment | undefined
  /** The same by its block. */
  takeBlock(hash: string): Payment | undefined
  giveBack(payment: Payment): void
  /** The unfinished payments that no call works on, the oldest first. */
  idle(): readonly Payment[]
  /** Notes how far a payment has come. */
  mark(payment: Payment, state: PaymentState): Promise<void>
  /** Ends those that were handed over and refused, where the ledger shows now what became of them; drops those that are past use. */
  recount(): Promise<void>
}

/** A payment that has not come to an end. */
interface Tracked {
  readonly payment: Payment
  entry: OpenEntry
  /** Takes it out of the budget. */
  readonly release: Release
  /** Whether a call works on it. */
  inHand: boolean
}

export function createPaymentBook(options: PaymentBookOptions): PaymentBook {
  const { wallet, journal, budget, emit, onPayee, onEntry } = options
  const open = new Map<string, Tracked>()
  let loading: Promise<void> | undefined

  function track(first: OpenEntry, release: Release, endTurn?: Payment['endTurn']): Payment {
    const tracked = { entry: first, release, inHand: endTurn !== undefined }
    const payment: Payment = {
      hash: first.hash as BlockHash,
      amount: parseRaw(first.amount),
      entry: () => tracked.entry,
      endTurn: endTurn ?? (() => {}),
    }
    open.set(first.hash, Object.assign(tracked, { payment }))
    return payment
  }

  async function load() {
    for (const entry of await journal.load()) {
      onPayee(entry.origin, entry.payTo)
      const isCounted = entry.state !== 'void'
      const release = isCounted
        ? budget.count(new URL(entry.origin).host, parseRaw(entry.amount), entry.atMs)
        : undefined
      if (release && isOpen(entry) && !isPastUse(entry, Date.now())) track(entry, release)
      onEntry(entry, release)
    }
  }

  async function mark(payment: Payment, state: PaymentState) {
    const tracked = open.get(payment.hash)
    if (tracked === undefined || tracked.entry.state === state) return
    if (state === 'delivered' || state === 'void' || (state === 'refused' && !isHandedOut(tracked.entry))) {
      return end(tracked, state)
    }
    tracked.entry = { ...tracked.entry, state }
    await note(tracked.entry)
  }

  /** Nothing will come of it any more. */
  async function end({ payment, entry, release }: Tracked, state: PaymentState) {
    const { unfinished, ...rest } = entry
    open.delete(payment.hash)
    if (state === 'void') {
      release()
      emit({ type: 'void', hash: payment.hash })
    }
    await note({ ...rest, state })
  }

  // It says `signed` already, which is enough to never pay twice; what was paid for is not held back for a full disk.
  const note = (entry: JournalEntry) => journal.put(entry).catch(() => {})

  /** A block that was handed over and refused: it can still be published, so it counts until another takes its place. */
  async function recount() {
    // The journal drops them by itself.
    for (const [hash, { entry, inHand }] of open) if (!inHand && isPastUse(entry, Date.now())) open.delete(hash)
    for (const tracked of [...open.values()].filter(({ entry }) => entry.state === 'refused')) {
      const fate = await wallet.recover(blockOf(tracked.payment), { mayPublish: false }).catch(() => 'undecided')
      if (fate === 'void') await end(tracked, 'void')
      if (fate === 'confirmed') await end(tracked, 'refused')
    }
  }

  const isFree = ({ entry, inHand }: Tracked) => !inHand && entry.state !== 'refused' && !isPastUse(entry, Date.now())
  const taken = (tracked: Tracked | undefined) => {
    if (tracked === undefined || !isFree(tracked)) return undefined
    tracked.inHand = true
    return tracked.payment
  }

  return {
    load() {
      loading ??= load().catch((error: unknown) => {
        loading = undefined
        throw error
      })
      return loading
    },
    track,
    take: (key) => taken([...open.values()].find((tracked) => tracked.entry.key === key && isFree(tracked))),
    takeBlock: (hash) => taken(open.get(hash)),
    giveBack(payment) {
      const tracked = open.get(payment.hash)
      if (tracked) tracked.inHand = false
    },
    idle: () => [...open.values()].filter(isFree).map(({ payment }) => payment),
    mark,
    recount,
  }
}
