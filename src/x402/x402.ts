/** x402 version 2 as a wire: three headers that carry base64 of JSON. */
import { encodeBase64 } from './base64.ts'
import {
  decodePaymentPayload,
  decodePaymentRequired,
  encodeHeader,
  PAYMENT_REQUIRED,
  PAYMENT_RESPONSE,
  PAYMENT_SIGNATURE,
  X_PAYMENT,
} from './headers.ts'
import type { ClientWire, Wire } from './wire.ts'

export const x402: Wire = {
  requestHeaders: [PAYMENT_SIGNATURE],
  responseHeaders: [PAYMENT_REQUIRED, PAYMENT_RESPONSE],

  read(headers) {
    const header = headers.get(PAYMENT_SIGNATURE) ?? undefined
    if (header === undefined) return undefined
    if (typeof headers.get(X_PAYMENT) === 'string') return 'invalid_payload' // two proofs: which one counts?
    return decodePaymentPayload(header)
  },

  offer(required) {
    const body = JSON.stringify(required)
    return { headers: [[PAYMENT_REQUIRED, encodeBase64(body)]], body }
  },

  settled: (settlement) => [[PAYMENT_RESPONSE, encodeHeader(settlement)]],
}

export const x402Client: ClientWire = {
  async readBill({ headers }) {
    const header = headers.get(PAYMENT_REQUIRED) ?? undefined
    return header === undefined ? undefined : (decodePaymentRequired(header) ?? 'unreadable')
  },
  present: (payment) => ({ [PAYMENT_SIGNATURE]: encodeHeader(payment) }),
}
