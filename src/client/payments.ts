/**
 * Payments from decision to end, in the order that keeps money safe: counted against the budget before it is signed,
 * in the journal before it is published, and never made again while what became of it is open.
 */
import { NoPayableOfferError, NotApprovedError, RefusedAfterPaymentError } from '../errors.ts'
import {
  type BlockHash,
  blockToJson,
  hashBlock,
  type NanoAddress,
  parseBlock,
  parseRaw,
  type Raw,
  type StateBlock,
} from '../nano/index.ts'
import { deferred } from '../rpc/wait.ts'
import type { Fate } from '../wallet/fate.ts'
import type { Wallet } from '../wallet/wallet.ts'
import type { ResourceInfo } from '../x402/shapes.ts'
import type { Budget, Release } from './budget.ts'
import type { PayerEvent } from './events.ts'
import type { Journal, JournalEntry, PaymentState } from './journal.ts'
import type { Publisher } from './methods.ts'
import type { PayableOffer } from './offers.ts'
import { proofOf } from './proof.ts'

/** What is to be paid. */
export interface Order {
  /** Names the request. */
  readonly key: string
  readonly method: string
  readonly url: string
  readonly resource: ResourceInfo
  readonly offer: PayableOffer
  /** What goes with the payment. */
  readonly extensions?: Readonly<Record<string, unknown>>
  /** Who gives the block to the network. */
  readonly publisher: Publisher
  /** Payments for the same request that were never published, of which this one takes the place. */
  readonly replaces: readonly Payment[]
  readonly signal: AbortSignal
}

/** What is about to be paid, for whoever decides. Amounts in raw. */
export interface Bill {
  /** What was asked for. */
  readonly url: string
  readonly method: string
  /** What the resource costs. */
  readonly price: Raw
  /** What is to be sent: the price, and the tag on top. */
  readonly amount: Raw
  readonly payTo: NanoAddress
  /** Set when `amount` is a deposit, out of which this and later requests are paid. What is left of it is refunded. */
  readonly deposit?: true
  /** Set when `amount` is paid out of the deposit of this channel: nothing is sent. */
  readonly channelId?: string
  /** When the offer runs out (Unix time in ms). */
  readonly expiresAtMs: number
}

/** A payment that one call works on. */
export interface Payment {
  readonly hash: BlockHash
  readonly amount: Raw
  /** Its last entry. */
  entry(): OpenEntry
  /** Lets the next block of the account be made, once it is known what became of one that was handed over. */
  endTurn(fate: 'confirmed' | 'unknown'): void
}

/** An entry that has not come to an end. */
export type OpenEntry = JournalEntry & { readonly unfinished: NonNullable<JournalEntry['unfinished']> }

export interface Payments {
  /** Reads the journal, once. */
  load(): Promise<void>
  /** An unfinished payment for this request that no other call works on. The caller gives it back. */
  take(key: string): Payment | undefined
  /** The same by its block. */
  takeBlock(hash: string): Payment | undefined
  giveBack(payment: Payment): void
  /** The unfinished payments that no call works on, the oldest first. */
  idle(): readonly Payment[]
  /** Pays: has published the block, or signed it to be handed over. The caller gives it back, and ends its turn. @throws what is said at `payer.fetch` */
  pay(order: Order): Promise<Payment>
  /** Brings a taken payment up to date: `good` to be presented, `void` (its end), or `expired` before it was published. */
  revive(payment: Payment): Promise<'good' | 'void' | 'expired'>
  /** Notes how far a payment has come. */
  mark(payment: Payment, state: PaymentState): Promise<void>
}

export interface PaymentsOptions {
  readonly wallet: Wallet
  readonly journal: Journal
  readonly budget: Budget
  readonly confirmTimeoutMs: number
  readonly approve: (bill: Bill) => boolean | Promise<boolean>
  readonly emit: (event: PayerEvent) => void
  /** Told of every payment, past ones first. */
  readonly onPayee: (origin: string, payTo: string) => void
  /** Told of each entry of the journal, with what takes it out of the budget if it is counted there. */
  readonly onEntry: (entry: JournalEntry, release: Release | undefined) => void
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

/** How often a payment is made anew because the block's place was lost to another wallet of the same account. */
const MAX_BLOCKS = 3
const FATE_POLL_MS = 250

export function createPayments(options: PaymentsOptions): Payments {
  const { wallet, journal, budget, confirmTimeoutMs, approve, emit, onPayee, onEntry } = options
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
      if (release && isOpen(entry)) track(entry, release)
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
    for (const tracked of [...open.values()].filter(({ entry }) => entry.state === 'refused')) {
      const fate = await wallet.recover(blockOf(tracked.payment), { mayPublish: false }).catch(() => 'undecided')
      if (fate === 'void') await end(tracked, 'void')
      if (fate === 'confirmed') await end(tracked, 'refused')
    }
  }

  const isFree = ({ entry, inHand }: Tracked) => !inHand && entry.state !== 'refused'
  const taken = (tracked: Tracked | undefined) => {
    if (tracked === undefined || !isFree(tracked)) return undefined
    tracked.inHand = true
    return tracked.payment
  }

  /** Signs one block, and publishes it unless it is handed over. Undefined: another took its place, and nothing was paid. */
  async function payOnce(ordered: Order): Promise<Payment | undefined> {
    const { key, method, url, resource, offer, publisher, extensions, replaces, signal } = ordered
    const { origin, host } = new URL(url)
    const turn = deferred<'confirmed' | 'unknown'>()
    const release = budget.reserve(host, offer.amount)
    emit({ type: 'paying', amount: offer.amount, payTo: offer.payTo })
    let payment: Payment | undefined
    const onSigned = async (block: StateBlock) => {
      const { expiresAtMs, wire } = offer
      const hash = hashBlock(block)
      const payload = offer.method.payload(block, offer.offer, wallet.sign)
      const entry: OpenEntry = {
        hash,
        state: 'signed',
        atMs: Date.now(),
        key,
        origin,
        payTo: offer.payTo,
        amount: offer.amount.toString(),
        unfinished: {
          method,
          url,
          block: blockToJson(block),
          resource,
          ...(extensions && { extensions }),
          offer: offer.offer,
          payload,
          wire,
          ...(publisher === 'server' && { publisher }),
          expiresAtMs,
        },
      }
      await journal.put(entry)
      payment = track(entry, release, turn.resolve)
    }
    const beforeSigning = (previous: BlockHash) => {
      // On the same previous only one of two blocks can be confirmed, whatever a node has shown us or not.
      const moved = replaces.find((old) => blockOf(old).previous !== previous)
      if (moved) throw unpublished(moved, undefined)
      if (offer.expiresAtMs <= Date.now()) throw new NoPayableOfferError('The offer expired before it could be paid.')
    }
    const order = { to: offer.payTo, amount: offer.amount, signal, beforeSigning, onSigned }
    const handedOver = publisher === 'server' && { handedOver: turn.promise }
    const sent = await wallet.send({ ...order, ...handedOver }).catch((error: unknown) => {
      turn.resolve('unknown')
      release() // not published, and never will be: nobody has the block
      throw error
    })
    if (payment === undefined) throw new Error('unreachable: a block was sent that was not signed')
    if (handedOver) return payment
    const fate = sent.failure === undefined ? 'published' : await decidedFate(payment, false).catch(() => 'undecided')
    if (fate === 'void') {
      await mark(payment, 'void')
      return undefined
    }
    if (fate !== 'published' && fate !== 'confirmed') {
      giveBack(payment)
      throw unpublished(payment, sent.failure)
    }
    await mark(payment, 'published')
    emit({ type: 'published', hash: sent.hash })
    return payment
  }

  /** Asks the ledger until it is known what became of a block, but no longer than a confirmation may take. */
  async function decidedFate(payment: Payment, mayPublish: boolean): Promise<Fate> {
    const deadlineMs = performance.now() + confirmTimeoutMs
    for (;;) {
      const fate = await wallet.recover(blockOf(payment), { mayPublish })
      if (fate !== 'undecided' || performance.now() > deadlineMs) return fate
      await new Promise((resolve) => setTimeout(resolve, FATE_POLL_MS))
    }
  }

  const giveBack = (payment: Payment) => {
    const tracked = open.get(payment.hash)
    if (tracked) tracked.inHand = false
  }

  return {
    load() {
      loading ??= load().catch((error: unknown) => {
        loading = undefined
        throw error
      })
      return loading
    },
    take: (key) => taken([...open.values()].find((tracked) => tracked.entry.key === key && isFree(tracked))),
    takeBlock: (hash) => taken(open.get(hash)),
    giveBack,
    idle: () => [...open.values()].filter(isFree).map(({ payment }) => payment),
    mark,

    async pay(order) {
      const { url, method, offer } = order
      const { price, amount, payTo, expiresAtMs } = offer
      if ((await approve({ url, method, price, amount, payTo, expiresAtMs })) !== true) {
        throw new NotApprovedError('The payment was not approved: nothing was paid.')
      }
      await recount()
      for (let blocks = 1; ; blocks++) {
        const payment = await payOnce(order)
        if (payment !== undefined) return payment
        if (blocks >= MAX_BLOCKS) throw new NoPayableOfferError('Another wallet keeps using the account: try again.')
      }
    },

    async revive(payment) {
      const { state, unfinished } = payment.entry()
      if (state === 'confirmed') return 'good'
      const mayPublish = Date.now() < unfinished.expiresAtMs
      const fate = await decidedFate(payment, mayPublish).catch((error: unknown): Fate => {
        if (state === 'published') return 'undecided' // the server can say as well what became of it
        throw error
      })
      if (fate === 'absent') return 'expired'
      if (fate === 'undecided') {
        if (state === 'published') return 'good'
        throw unpublished(payment, undefined)
      }
      await mark(payment, fate)
      return fate === 'void' ? 'void' : 'good'
    },
  }
}

/** Whether somebody else may still publish its block. */
const isHandedOut = ({ state, unfinished }: OpenEntry) => state === 'signed' && unfinished.publisher === 'server'

const isOpen = (entry: JournalEntry): entry is OpenEntry => entry.unfinished !== undefined

function blockOf(payment: Payment): StateBlock {
  const block = parseBlock(payment.entry().unfinished.block)
  if (block.type !== 'state') throw new Error('unreachable: we sign state blocks only')
  return block
}

const unpublished = (payment: Payment, cause: unknown) =>
  new RefusedAfterPaymentError(
    'A payment was signed, and it is not known whether the network has it. Make the same request again: it uses the same payment.',
    { proof: proofOf(payment.entry()), refusal: 'unpublished', retryable: true },
    { cause },
  )
