/** What was paid, or lies in a deposit, and has not come to its end; and what to do about each. */
import type { PaymentProof } from '../errors.ts'
import type { Payment } from './payment.ts'
import { proofOf } from './proof.ts'

/** `amount` in raw. `todo`: what brings it to its end, for people. */
export type Unfinished =
  /** Paid on the ledger, and nobody is known to have served it. */
  | { readonly kind: 'payment'; readonly proof: PaymentProof; readonly amount: bigint; readonly todo: string }
  /** Paid in a channel, at most so much, and not known to have been served. */
  | {
      readonly kind: 'channel-payment'
      readonly channelId: string
      readonly url: string
      readonly method: string
      readonly amount: bigint
      /** When it was first presented (Unix time in ms). */
      readonly atMs: number
      readonly todo: string
    }
  /** A channel that is not closed, with so much in it that was not charged. */
  | {
      readonly kind: 'channel'
      readonly channelId: string
      readonly origin: string
      readonly amount: bigint
      readonly todo: string
    }

export function unfinishedPayment(payment: Payment): Unfinished {
  const proof = proofOf(payment.entry())
  const request = `${proof.method} ${proof.url}`
  const todo = `Make the same request again (${request}, with the same body): it uses this payment. Or show it: payer.present(proof, url).`
  return { kind: 'payment', proof, amount: payment.amount, todo }
}
