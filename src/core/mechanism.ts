/** One way to be paid. A mechanism knows its network; the guard knows the order in which it may be asked. */
import type { PaymentRequirements, SettlementResponse } from '../x402/shapes.ts'
import type { PresentedPayment } from '../x402/wire.ts'
import type { Quote } from './quote.ts'
import type { Refusal } from './refusal.ts'
import type { ClaimId } from './store.ts'

/** A proof in its one form, read from a payment payload. */
export interface Proof {
  /** The sealed id of the session that the proof pays. The guard opens it before anybody else is asked. */
  readonly sessionId: string
  /** The hash of the block that pays, where the proof names it. */
  readonly hash?: string
}

/** One way to offer, verify and settle a payment. */
export interface Mechanism<P extends Proof = Proof> {
  /** x402's scheme, such as `exact`. */
  readonly scheme: string
  /** The entry for `accepts`. Pure: everything random comes in the quote. */
  offer(quote: Quote): PaymentRequirements
  /** The proof in its one form; undefined when it has not the form of this mechanism. Pure. */
  read(payment: PresentedPayment): P | undefined
  /**
   * Is this exactly what the quote asks, and confirmed, unless settling does that? Reads only, and may wait. The quote is what we sealed, never what
   * the client echoed. A fault (a node that is down) is thrown.
   */
  verify(proof: P, quote: Quote, client: Client): Promise<Refusal | Verified>
}

/** The schemes by which these are known, each once. */
export const schemesOf = (mechanisms: readonly Mechanism[]): readonly string[] => [
  ...new Set(mechanisms.map(({ scheme }) => scheme)),
]

/** Who waits for the answer. */
export interface Client {
  /** Aborts when it goes away. Made when it is read: only who waits should. */
  readonly signal?: AbortSignal | undefined
}

/** Genuine, ours and exact. Nothing has been taken yet. */
export interface Verified {
  readonly kind: 'verified'
  /** What one use of it uses up: claimed in this order, and made final the other way round. The payment itself comes last. */
  readonly ids: readonly ClaimId[]
  /** The account that pays. */
  readonly payer?: string
  /** When the payment was made, as far as anybody knows (Unix time in ms). */
  readonly paidAtMs?: number | undefined
  /** Takes the payment, where it is not taken already: it is confirmed then. Asked once, after the claim. */
  settle(client: Client): Promise<Refusal | Settled>
}

/** Paid. Exactly one of `commit` and `release` is called, once. */
export interface Settled {
  readonly kind: 'settled'
  readonly settlement: SettlementResponse & { readonly success: true }
  commit(): Promise<void>
  release(): Promise<void>
  /** What of the settlement is known only once it is committed. */
  readonly outcome?: () => Pick<SettlementResponse, 'amount' | 'extra'>
}
