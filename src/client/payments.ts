/**
 * Payments from decision to end, in the order that keeps money safe: counted against the budget before it is signed,
 * in the journal before it is published, and never made again while what became of it is open.
 */
import { NoPayableOfferError, NotApprovedError, RefusedAfterPaymentError } from '../errors.ts'
import { type BlockHash, blockToJson, hashBlock, type StateBlock } from '../nano/index.ts'
import { deferred } from '../rpc/wait.ts'
import { decidedFate, type Fate } from '../wallet/fate.ts'
import type { Wallet } from '../wallet/wallet.ts'
import type { Budget } from './budget.ts'
import type { PayerEvent } from './events.ts'
import type { Journal } from './journal.ts'
import { type Bill, blockOf, type OpenEntry, type Order, type Payment } from './payment.ts'
import type { PaymentBook } from './payment-book.ts'
import { proofOf } from './proof.ts'

export interface Payments extends Omit<PaymentBook, 'track' | 'recount'> {
  /** Pays: has published the block, or signed it to be handed over. The caller gives it back, and ends its turn. @throws what is said at `payer.fetch` */
  pay(order: Order): Promise<Payment>
  /** Brings a taken payment up to date: `good` to be presented, `void` (its end), or `expired` before it was published. */
  revive(payment: Payment): Promise<'good' | 'void' | 'expired'>
}

export interface PaymentsOptions {
  readonly wallet: Wallet
  readonly book: PaymentBook
  readonly journal: Journal
  readonly budget: Budget
  readonly confirmTimeoutMs: number
  readonly approve: (bill: Bill) => boolean | Promise<boolean>
  readonly emit: (event: PayerEvent) => void
}

/** How often a payment is made anew because the block's place was lost to another wallet of the same account. */
const MAX_BLOCKS = 3

export function createPayments(options: PaymentsOptions): Payments {
  const { wallet, book, journal, budget, confirmTimeoutMs, approve, emit } = options
  const fateOf = (payment: Payment, mayPublish: boolean) =>
    decidedFate(wallet, blockOf(payment), { mayPublish, timeoutMs: confirmTimeoutMs })

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
      payment = book.track(entry, release, turn.resolve)
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
    const fate = sent.failure === undefined ? 'published' : await fateOf(payment, false).catch(() => 'undecided')
    if (fate === 'void') {
      await book.mark(payment, 'void')
      return undefined
    }
    if (fate !== 'published' && fate !== 'confirmed') {
      book.giveBack(payment)
      throw unpublished(payment, sent.failure)
    }
    await book.mark(payment, 'published')
    emit({ type: 'published', hash: sent.hash })
    return payment
  }

  return {
    ...book,
    async pay(order) {
      const { url, method, offer } = order
      const { price, amount, payTo, expiresAtMs } = offer
      if ((await approve({ url, method, price, amount, payTo, expiresAtMs })) !== true) {
        throw new NotApprovedError('The payment was not approved: nothing was paid.')
      }
      await book.recount()
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
      const fate = await fateOf(payment, mayPublish).catch((error: unknown): Fate => {
        if (state === 'published') return 'undecided' // the server can say as well what became of it
        throw error
      })
      if (fate === 'absent') return 'expired'
      if (fate === 'undecided') {
        if (state === 'published') return 'good'
        throw unpublished(payment, undefined)
      }
      await book.mark(payment, fate)
      return fate === 'void' ? 'void' : 'good'
    },
  }
}

const unpublished = (payment: Payment, cause: unknown) =>
  new RefusedAfterPaymentError(
    'A payment was signed, and it is not known whether the network has it. Make the same request again: it uses the same payment.',
    { proof: proofOf(payment.entry()), refusal: 'unpublished', retryable: true },
    { cause },
  )
