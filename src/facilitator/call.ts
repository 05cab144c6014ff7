/** What a stock x402 server's call is about: it shows no request, so the offer that was paid says what it was made for. */
import { isSameOffer } from '../core/check.ts'
import { schemesOf } from '../core/mechanism.ts'
import { TAG_MODULUS } from '../core/quote.ts'
import { answerFor, type RefusalCode } from '../core/refusal.ts'
import type { PaywallRequest } from '../core/request.ts'
import type { Till } from '../core/till.ts'
import { readBoundRequest } from '../remote/wire.ts'
import {
  type PaymentPayload,
  type PaymentRequirements,
  readPaymentPayload,
  readPaymentRequirements,
  X402_VERSION,
} from '../x402/shapes.ts'
import { boundAs, type Counter } from './counter.ts'

/** What `POST /verify` and `POST /settle` are asked (x402 v2, section 7). */
export interface FacilitatorRequest {
  readonly x402Version: number
  readonly paymentPayload: unknown
  readonly paymentRequirements: unknown
}

/** A payment, the request that it is for, and the till that it goes to. */
export interface Call {
  readonly payment: PaymentPayload
  readonly request: PaywallRequest
  readonly till: Till
}

/** The call, or why it is none. Nothing of it is proven yet. */
export async function readCall(
  { x402Version, paymentPayload, paymentRequirements }: FacilitatorRequest,
  counter: Counter,
): Promise<Call | RefusalCode> {
  if (x402Version !== X402_VERSION) return 'invalid_x402_version'
  const payment = readPaymentPayload(paymentPayload)
  if (!payment) return 'invalid_payload'
  const required = readPaymentRequirements(paymentRequirements)
  if (!required || !isDemanded(payment.accepted, required)) return 'invalid_payment_requirements'
  // The server's own word, if it gives it; otherwise the client's, which only a genuine seal bears out.
  const bound = readBoundRequest(required.extra?.boundTo ?? payment.accepted.extra?.boundTo)
  if (!bound) return 'invalid_payment_requirements'
  const amount = BigInt(required.amount)
  // The server asks this amount today, so for a late payment it is the price of today.
  const till = await counter.till(bound, { price: () => amount - (amount % TAG_MODULUS) })
  return { payment, request: boundAs(bound), till }
}

/** The sentence for a code. Of a payment that is something else than what is taken here, it says what is. */
export function explain(code: RefusalCode, { mechanisms, network }: Counter): string {
  const { status, message } = answerFor(code)
  if (status !== 400) return message
  return `${message} Accepted is x402 version ${X402_VERSION}: scheme ${schemesOf(mechanisms).join(' or ')}, network ${network}, asset XNO.`
}

const isDemanded = (accepted: PaymentRequirements, required: PaymentRequirements): boolean =>
  accepted.scheme === required.scheme && accepted.network === required.network && isSameOffer(accepted, required)
