/**
 * x402 version 1 as a wire: the 402 is in the body, the payment in `X-PAYMENT`, what became of it in `X-PAYMENT-RESPONSE`.
 * A client echoes no offer, so only sessions are offered: their sealed id says what was.
 */
import { decodeHeader, encodeHeader, PAYMENT_SIGNATURE, X_PAYMENT } from './headers.ts'
import { parseStrictJson } from './json.ts'
import { isFields, sessionOffer, sessionPayment } from './session.ts'
import { type PaymentRequired, readPaymentRequired, type SettlementResponse, X402_VERSION } from './shapes.ts'
import type { ClientWire, Wire } from './wire.ts'

const VERSION = 1
export const X_PAYMENT_RESPONSE = 'X-PAYMENT-RESPONSE'

export const x402V1: Wire = {
  requestHeaders: [X_PAYMENT],
  responseHeaders: [X_PAYMENT_RESPONSE],

  read(headers) {
    const header = headers.get(X_PAYMENT) ?? undefined
    if (header === undefined) return undefined
    if (typeof headers.get(PAYMENT_SIGNATURE) === 'string') return 'invalid_payload' // two proofs: which one counts?
    const value = decodeHeader(header)
    if (!isFields(value)) return 'invalid_payload'
    const { x402Version, scheme, network, payload } = value
    if (x402Version !== undefined && x402Version !== VERSION) return 'invalid_x402_version'
    if (x402Version === undefined || typeof scheme !== 'string' || typeof network !== 'string') return 'invalid_payload'
    if (!isFields(payload)) return 'invalid_payload'
    const { proof, sessionId, ...others } = payload
    if (Object.keys(others).length > 0) return 'invalid_payload'
    return sessionId === undefined ? 'session_id_required' : sessionPayment(proof, sessionId, { scheme, network })
  },

  offer: (required) => ({ headers: [], body: JSON.stringify(requiredV1(required)) }),

  settled: ({ success, transaction, network, payer, errorReason }: SettlementResponse) => [
    [X_PAYMENT_RESPONSE, encodeHeader({ success, transaction, network, payer, errorReason })],
  ],
}

/** The 402 in the words of version 1, the session alone. */
function requiredV1(required: PaymentRequired) {
  const session = sessionOffer(required)
  const { error, message, resource } = required
  return { x402Version: VERSION, error, message, accepts: session ? [offerV1(session.offer, resource)] : [] }
}

const offerV1 = (
  { scheme, network, amount, asset, payTo, maxTimeoutSeconds, extra }: PaymentRequired['accepts'][number],
  { url, description = '', mimeType = '' }: PaymentRequired['resource'],
) => ({
  scheme,
  network,
  maxAmountRequired: amount,
  asset,
  payTo,
  resource: url,
  description,
  mimeType,
  maxTimeoutSeconds,
  extra,
})

export const x402V1Client: ClientWire = {
  async readBill({ body }) {
    const text = await body()
    const value = text === undefined ? undefined : parseStrictJson(text)
    if (!isFields(value) || value.x402Version !== VERSION) return undefined
    return readRequiredV1(value) ?? 'unreadable'
  },
  present: ({ accepted: { scheme, network }, payload }) => ({
    [X_PAYMENT]: encodeHeader({ x402Version: VERSION, scheme, network, payload }),
  }),
}

/** The 402 in the words of version 2. Each entry names a resource, and they must agree which. */
function readRequiredV1({ error, accepts }: Readonly<Record<string, unknown>>): PaymentRequired | undefined {
  if (!Array.isArray(accepts) || !accepts.every(isFields)) return undefined
  const [first] = accepts
  if (accepts.some(({ resource }) => resource !== first?.resource)) return undefined
  return readPaymentRequired({
    x402Version: X402_VERSION,
    error,
    resource: { url: first?.resource },
    accepts: accepts.map(({ scheme, network, maxAmountRequired, asset, payTo, maxTimeoutSeconds, extra }) => ({
      ...{ scheme, network, amount: maxAmountRequired, asset, payTo, maxTimeoutSeconds },
      ...(isFields(extra) && { extra }),
    })),
  })
}
