/** x402 version 2 over HTTP: three headers that carry base64 of JSON. */
import { decodeBase64, encodeBase64 } from './base64.ts'
import { parseStrictJson } from './json.ts'
import {
  type PaymentPayload,
  type PaymentRequired,
  readPaymentPayload,
  readPaymentRequired,
  readSettlementResponse,
  type SettlementResponse,
  X402_VERSION,
} from './shapes.ts'
import type { MalformedPayment } from './wire.ts'

export const PAYMENT_REQUIRED = 'PAYMENT-REQUIRED'
export const PAYMENT_SIGNATURE = 'PAYMENT-SIGNATURE'
export const PAYMENT_RESPONSE = 'PAYMENT-RESPONSE'
/** x402 version 1's header. Both versions in one request are ambiguous, whichever of them is spoken here. */
export const X_PAYMENT = 'X-PAYMENT'

/** The longest header that is read, in characters. Proxies break at 4 to 8 kB anyway. */
export const MAX_HEADER_LENGTH = 12_288

/** Writes an object of ours for a header: base64 of its JSON. */
export const encodeHeader = (value: object): string => encodeBase64(JSON.stringify(value))

/** The JSON in a header's base64, or undefined when it is too long, not canonical base64, or not strict JSON. */
export function decodeHeader(header: string): unknown {
  if (header.length > MAX_HEADER_LENGTH) return undefined
  const text = decodeBase64(header)
  return text === undefined ? undefined : parseStrictJson(text)
}

/** Reads a `PAYMENT-SIGNATURE` header. Its amounts, accounts and ids are still only what the client says. */
export function decodePaymentPayload(header: string): PaymentPayload | MalformedPayment {
  const value = decodeHeader(header)
  if (typeof value !== 'object' || value === null) return 'invalid_payload'
  if ('x402Version' in value && value.x402Version !== X402_VERSION) return 'invalid_x402_version'
  return readPaymentPayload(value) ?? 'invalid_payload'
}

/** Reads a `PAYMENT-REQUIRED` header, or undefined when it is none. */
export const decodePaymentRequired = (header: string): PaymentRequired | undefined =>
  readPaymentRequired(decodeHeader(header))

/** Reads a `PAYMENT-RESPONSE` header, or undefined when it is none. */
export const decodeSettlementResponse = (header: string): SettlementResponse | undefined =>
  readSettlementResponse(decodeHeader(header))
