/** What a handler is told of its request: who paid what for it, or on what it was let in without paying now. */
import type { ChargeError } from '../errors.ts'
import type { ContentEvent } from './sse.ts'

/** Who a request comes from, as the operator's own code has found out. */
export type Principal = string | { readonly id: string }

/** A pass, and how it stands once this request is served. */
export interface PassFacts {
  /** Names it for `passes.revoke(id)`, and in events. Not secret: nobody gets in by it. */
  readonly id: string
  /** How many requests it is good for, the one that bought it included. */
  readonly uses: number
  /** How many of them are left. */
  readonly left: number
  /** Unix time in ms. */
  readonly expiresAtMs: number
}

/** On what a request was let in. */
export type Access =
  /** It brought a payment; `pass`: what that bought beside the answer. */
  | { readonly kind: 'paid'; readonly pass?: PassFacts }
  /** It brought a pass that was paid for before. */
  | { readonly kind: 'pass'; readonly pass: PassFacts }
  /** One of the day's free ones. `left`: how many are. */
  | { readonly kind: 'free'; readonly left: number }
  /** It need not pay: the option `skip` said who it is. */
  | { readonly kind: 'skipped'; readonly principal: Principal }

/** Who paid what for a request. Where nothing was paid now, `amount` is 0, and `scheme` is the same as `kind`. */
export interface PaymentFacts {
  readonly kind: Access['kind']
  /** The account that paid, for the pass where it is one; `""` where nobody has. */
  readonly payer: string
  /** What it sent, tag included, in raw. In a channel: the most that the request may cost; once delivered, what it did. */
  readonly amount: bigint
  /** The block's hash; `""` for a payment in a channel, but for the first, which has the deposit's. */
  readonly transaction: string
  readonly network: string
  readonly scheme: string
  readonly pass?: PassFacts
}

/** What a handler may do about the price. */
export interface Charging {
  /**
   * Says, before the answer starts, what the request did cost, in raw; without it, `amount`. Where the request was paid
   * before its handler ran (scheme `exact`), only what was paid can be charged.
   *
   * @throws {@link ChargeError} (`ERR_CHARGE`) when it is more than was reserved, other than what was paid, or too late.
   */
  charge(amount: bigint): void
  /** Changes the most that the request may cost. False: the client has authorised less, and nothing has changed. */
  reserve(max: bigint): Promise<boolean>
  /**
   * The body of an answer of type `text/event-stream` whose events cost so much raw each, beside what the request itself
   * costs. The client is asked for more as it goes, and the stream ends when it does not give it.
   *
   * @throws {@link ChargeError} (`ERR_CHARGE`) where the request was not paid in a channel.
   */
  events(source: AsyncIterable<ContentEvent>, options: { readonly price: bigint }): ReadableStream<Uint8Array>
}

/** The payment for this request, for its handler. `kind` tells how it was let in, and what more there is to know. */
export type Payment = PaymentFacts & Charging & Access
