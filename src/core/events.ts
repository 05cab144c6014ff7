/** What a paywall tells about itself. The package logs nothing: whoever wants logs, metrics or traces listens. */
import type { PaymentFacts } from './payment.ts'
import type { RefusalCode } from './refusal.ts'

/** Why a paid request was not answered for its payment. The proof is good again, but for `attempts`. */
export type UndeliveredReason = 'handler_failed' | 'client_gone' | 'handler_timeout' | 'commit_failed'

/**
 * One change of state. Durations in ms. `route` is the route's `name`. None carries a session id, a header or a secret;
 * accounts and block hashes are public on the ledger.
 */
export type PaywallEvent =
  /** An unpaid request got a fresh offer of so much raw, tag included. */
  | { readonly type: 'challenged'; readonly route: string; readonly amount: bigint }
  /** A request was refused. `fault`: the trouble of ours that was the reason, for a log. */
  | {
      readonly type: 'refused'
      readonly route: string
      readonly code: RefusalCode
      readonly status: number
      readonly fault?: unknown
    }
  /** A request was given the answer again that its payment has bought: see `paymentIdentifier`. */
  | { readonly type: 'replayed'; readonly route: string }
  /** The payment is genuine and exact, and confirmed unless settling it is ours to do. `ms`: how long finding that out took. */
  | { readonly type: 'confirmed'; readonly route: string; readonly scheme: string; readonly ms: number }
  /** The claims were taken. `ms`: how long the store took. */
  | { readonly type: 'claimed'; readonly route: string; readonly scheme: string; readonly ms: number }
  /** The handler may run: for a payment, or on what `payment.kind` says. `ms`: how long settling took. */
  | { readonly type: 'granted'; readonly route: string; readonly payment: PaymentFacts; readonly ms: number }
  /** The payment is final and the answer on its way. `ms`: since it was granted; `reserved`: what it was granted for. */
  | {
      readonly type: 'delivered'
      readonly route: string
      readonly payment: PaymentFacts
      readonly reserved?: bigint
      readonly ms: number
    }
  | {
      readonly type: 'undelivered'
      readonly route: string
      readonly payment: PaymentFacts
      readonly reason: UndeliveredReason
      readonly ms: number
    }
  /** Nobody gets in by this pass any more. */
  | { readonly type: 'pass_revoked'; readonly pass: string }
  /** A proof of a channel is genuine: so many steps from the best one, and found out in so many ms. */
  | { readonly type: 'channel_proof'; readonly mode: string; readonly steps: number; readonly ms: number }
  /** A channel was opened with a deposit of so much raw, or one more was added. */
  | { readonly type: 'channel_opened'; readonly mode: string; readonly amount: bigint }
  | { readonly type: 'channel_topped_up'; readonly amount: bigint }
  /** A channel was closed, and so much raw refunded. `ms`: since the close began in this process. */
  | { readonly type: 'channel_closed'; readonly refunded: bigint; readonly ms: number }
  /** A deposit that opened nothing was given back. */
  | { readonly type: 'deposit_returned'; readonly amount: bigint }
  /** A refund could not be made now. It is tried again. */
  | { readonly type: 'refund_failed'; readonly fault: unknown }
  /** What all channels that are not closed come to, as the store has them, in raw. Told every minute or so. */
  | {
      readonly type: 'channels_counted'
      readonly states: Readonly<Record<'open' | 'closing' | 'refunding' | 'recovering', number>>
      /** Of deposits, and not charged. */
      readonly locked: bigint
      readonly authorized: bigint
      readonly charged: bigint
      /** For requests that are being served. */
      readonly reserved: bigint
      /** Of what is locked, that of channels whose close has begun. */
      readonly refundDue: bigint
    }
  /** An issuer has settled a channel: so much raw is credited to us there. */
  | { readonly type: 'channel_redeemed'; readonly amount: bigint }
  /** A channel could not be redeemed now. It is tried again until its time is over; `lost`: it is, and so much raw with it. */
  | { readonly type: 'redemption_failed'; readonly fault: unknown; readonly lost?: bigint }
  /** Another process changed a channel while this one did. */
  | { readonly type: 'channel_conflict' }
  | { readonly type: 'node_call'; readonly action: string; readonly ok: boolean; readonly ms: number }
  | { readonly type: 'store_call'; readonly operation: string; readonly ok: boolean; readonly ms: number }

/** Hears events. What it throws is ignored: a listener's fault must not cost a payment. */
export type EventListener = (event: PaywallEvent) => void

/** The same listener, if what it throws is nobody's trouble. */
export const harmless =
  (listener: EventListener): EventListener =>
  (event) => {
    try {
      listener(event)
    } catch {}
  }

/** Milliseconds since it was asked last. */
export function stopwatch(): () => number {
  let lastMs = performance.now()
  return () => {
    const sinceMs = lastMs
    lastMs = performance.now()
    return lastMs - sinceMs
  }
}
