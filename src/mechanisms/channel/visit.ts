/** A payment in a channel as it comes in, and what it is bound to. */
import type { PaidRequest } from '../../channel/binding.ts'
import { sha256 } from '../../channel/sha256.ts'
import type { EventListener } from '../../core/events.ts'
import type { Extension } from '../../core/extension.ts'
import { BODY_TOO_LARGE } from '../../core/price.ts'
import type { Pricing } from '../../core/quote.ts'
import { type Refusal, refusal } from '../../core/refusal.ts'
import { type PaywallRequest, readBody, targetOf } from '../../core/request.ts'
import { IDENTIFIER, identifierIn } from '../../x402/identifier.ts'
import type { PresentedPayment } from '../../x402/wire.ts'
import type { Payee } from './payee.ts'

/** What a route asks, and what it allows. */
export interface ChannelRoute extends Pricing {
  readonly name: string
  readonly emit?: EventListener | undefined
  /** Handler runs that one payment buys, at most. */
  readonly attempts: number
  readonly leaseMs: number
  readonly extensions?: readonly Extension[]
}

/** One payment, presented with this request at this route of a payee. */
export interface Visit {
  readonly payment: PresentedPayment
  readonly request: PaywallRequest
  /** `extensions`: those that have to do with each payment. */
  readonly route: ChannelRoute & { readonly extensions: readonly Extension[] }
  readonly payee: Payee
}

/** Longest body that a payment is bound to, in bytes. */
const MAX_BODY_BYTES = 1_048_576
const NO_BODY = sha256(new Uint8Array(0))

/** The payment's identifier and its request; or why there are none. */
export async function boundTo({
  payment,
  request,
}: Visit): Promise<Refusal | { readonly id: string; readonly paid: PaidRequest }> {
  const id = identifierIn(payment)
  if (id === undefined) return refusal('payment_identifier_required')
  if (typeof id !== 'string' || !IDENTIFIER.test(id)) return refusal('invalid_payment_identifier')
  const { method } = request
  return { id, paid: { method, url: targetOf(request), bodyHash: await bodyHashOf(request) } }
}

/** SHA-256 of a body, which is left unread. A GET without a word of a body has none. */
async function bodyHashOf(request: PaywallRequest): Promise<Uint8Array> {
  const { method, headers } = request
  const isBare = (method === 'GET' || method === 'HEAD') && !headers.get('transfer-encoding')
  if (isBare && Number(headers.get('content-length') ?? 0) === 0) return NO_BODY
  const body = await readBody(request, MAX_BODY_BYTES)
  if (body === undefined) throw BODY_TOO_LARGE
  return new Uint8Array(await crypto.subtle.digest('SHA-256', new Uint8Array(body)))
}
