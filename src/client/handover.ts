/** Pays an offer for a client that asks and presents by itself, such as those of the x402 SDK. */
import type { PaymentProof } from '../errors.ts'
import { blake2b } from '../nano/blake2b.ts'
import { bytesToHex } from '../nano/hex.ts'
import { type PaymentRequirements, X402_VERSION } from '../x402/shapes.ts'
import type { ReadBill } from './bills.ts'
import type { Confirm } from './confirm.ts'
import type { PayerEvent } from './events.ts'
import { type Method, SIDE_BY_SIDE } from './methods.ts'
import type { ChosenOffer, PayableOffer } from './offers.ts'
import type { Payment } from './payment.ts'
import type { Payments } from './payments.ts'
import { proofOf } from './proof.ts'

/** Who asks, as far as the client knows. */
export interface PayOptions {
  /** The URL that was asked. Left out, the payment counts for the host `unknown.invalid`. */
  readonly url?: string
  /** Default GET. */
  readonly method?: string
  /** Ends the call, and not the payment. */
  readonly signal?: AbortSignal
}

/** An offer that was paid. */
export interface PaidOffer {
  /** The mechanism's part of x402's payment payload. `accepted` beside it is the offer, verbatim. */
  readonly payload: Readonly<Record<string, unknown>>
  /** The same as `present` takes it. */
  readonly proof: PaymentProof
  /** Notes that the server served. Until then the payment is one of `unfinished()`. */
  delivered(): Promise<void>
}

export interface HandoverOptions {
  readonly payments: Payments
  readonly confirm: Confirm
  readonly choose: (bills: readonly ReadBill[], url: string, methods: readonly Method[]) => ChosenOffer
  readonly emit: (event: PayerEvent) => void
}

/** RFC 2606: a name that nobody has. One host for all whose name is not known, so that no bound is stretched by a claim. */
const UNKNOWN = 'https://unknown.invalid/'

export function createHandover({ payments, confirm, choose, emit }: HandoverOptions) {
  /** By session: asked twice for one offer, a payer has paid it once. */
  const paid = new Map<string, { readonly expiresAtMs: number; readonly payment: Promise<PaidOffer> }>()

  function forgetExpired() {
    for (const [id, { expiresAtMs }] of paid) if (expiresAtMs < Date.now()) paid.delete(id)
  }

  /** The payment that an earlier process made for the offer, or a new one. */
  async function payOrResume(offer: PayableOffer, url: string, options: PayOptions): Promise<Payment> {
    const { method = 'GET', signal = new AbortController().signal } = options
    const key = keyOf(offer)
    const earlier = payments.take(key)
    const replaces: Payment[] = []
    if (earlier) {
      const state = await payments.revive(earlier).catch((error: unknown) => {
        payments.giveBack(earlier)
        throw error
      })
      if (state === 'good') {
        emit({ type: 'resumed', hash: earlier.hash })
        return earlier
      }
      if (state === 'expired') replaces.push(earlier)
    }
    emit({ type: 'challenged', url, price: offer.price, amount: offer.amount, payTo: offer.payTo })
    try {
      // Published here even if it could be handed over: nobody tells us when it is.
      const publisher = 'payer'
      return await payments.pay({ key, method, url, resource: { url }, offer, publisher, replaces, signal })
    } finally {
      if (earlier) payments.giveBack(earlier)
    }
  }

  async function handOver(offer: PayableOffer, url: string, options: PayOptions): Promise<PaidOffer> {
    const payment = await payOrResume(offer, url, options)
    await confirm.before(payment, options.signal)
    payments.giveBack(payment)
    const { payload } = payment.entry().unfinished
    return { payload, proof: proofOf(payment.entry()), delivered: () => payments.mark(payment, 'delivered') }
  }

  return {
    async pay(given: PaymentRequirements, options: PayOptions = {}): Promise<PaidOffer> {
      await payments.load()
      const { url = UNKNOWN } = options
      const required = { x402Version: X402_VERSION, resource: { url }, accepts: [given] } as const
      const { offer } = choose([{ wire: 'x402', required }], url, SIDE_BY_SIDE)
      forgetExpired()
      const known = paid.get(offer.sessionId)
      if (known) return known.payment
      const payment = handOver(offer, url, options)
      paid.set(offer.sessionId, { expiresAtMs: offer.expiresAtMs, payment })
      payment.catch(() => paid.delete(offer.sessionId)) // what was signed is found in the journal
      return payment
    },
  }
}

/** Names the offer, as other payments are named by their request. */
const keyOf = ({ sessionId }: PayableOffer) =>
  bytesToHex(blake2b(32, new TextEncoder().encode(`nano402 offer ${sessionId}`)))
