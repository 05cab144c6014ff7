/** What a payer says to a payee about a channel, beside payments: open, topup, authorize, close, state. */
import { type ChannelPayload, encodePayload } from '../../channel/wire.ts'
import { randomHex } from '../../core/bytes.ts'
import { readSettlement } from '../../x402/client-wires.ts'
import { decodePaymentRequired, PAYMENT_REQUIRED } from '../../x402/headers.ts'
import { type PaymentRequirements, X402_VERSION } from '../../x402/shapes.ts'
import { x402Client } from '../../x402/x402.ts'
import { discard, present } from '../present.ts'
import { readRequest } from '../request.ts'

/** Where to, and about which offer. */
export interface Address {
  readonly url: string
  readonly method: string
  readonly offer: PaymentRequirements
}

export interface Words {
  readonly payload: ChannelPayload
  /** Of the payment that it is for. Left out, it has one of its own: a server may ask for one with everything. */
  readonly paymentId?: string
  readonly body?: Uint8Array | undefined
  readonly signal?: AbortSignal
}

/** `extra`: what the settlement says of the channel. Nothing of it has been checked. */
export type Answer =
  | { readonly kind: 'done'; readonly extra: unknown; readonly transaction: string }
  | { readonly kind: 'refused'; readonly code: string; readonly extra: unknown }
  | { readonly kind: 'again'; readonly code: string; readonly cause?: unknown }

export interface TalkOptions {
  readonly fetch: (request: Request) => Promise<Response>
  readonly retryForMs: number
}

export type Talk = (to: Address, words: Words) => Promise<Answer>

const PREFIX = 'invalid_batch_settlement_nano_'
/** A server's code, without what all codes of channels begin with. */
export const shortCode = (refusal: string): string =>
  refusal.startsWith(PREFIX) ? refusal.slice(PREFIX.length) : refusal

const NAME = 'payment-identifier'
export const newPaymentId = (): string => `pay_${randomHex(16)}`

/** The header of a payment. Only `open` needs the whole offer again. */
export function headersFor(
  offer: PaymentRequirements,
  { payload, paymentId = newPaymentId() }: Pick<Words, 'payload' | 'paymentId'>,
): Readonly<Record<string, string>> {
  const { extra, ...short } = offer
  const accepted = payload.type === 'open' ? offer : short
  const extensions = { [NAME]: { info: { required: true, id: paymentId } } }
  return x402Client.present({ x402Version: X402_VERSION, accepted, payload: encodePayload(payload), extensions })
}

/** What a refusal says of the channel, and what it offers instead. */
export const correctionIn = (headers: Headers) => ({
  extra: readSettlement(headers)?.extra,
  required: decodePaymentRequired(headers.get(PAYMENT_REQUIRED) ?? ''),
})

export const createTalk =
  ({ fetch, retryForMs }: TalkOptions): Talk =>
  async ({ url, method, offer }, words) => {
    const { body, signal } = words
    const init = { method, ...(body && { body: new Uint8Array(body) }), ...(signal && { signal }) }
    const request = await readRequest(url, init)
    const options = { fetch, url, retryForMs, onAttempt: () => {} }
    const presented = await present(request, { headers: headersFor(offer, words) }, options)
    if (presented.kind === 'refused') {
      return { kind: 'refused', code: shortCode(presented.refusal), extra: correctionIn(presented.headers).extra }
    }
    if (presented.kind === 'again') return { ...presented, code: shortCode(presented.refusal) }
    await discard(presented.response)
    if (presented.kind === 'unserved') return { kind: 'again', code: `http_${presented.response.status}` }
    const { settlement } = presented
    if (settlement?.success !== true) return { kind: 'refused', code: 'no_settlement', extra: undefined }
    return { kind: 'done', extra: settlement.extra, transaction: settlement.transaction }
  }
