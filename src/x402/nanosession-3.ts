/**
 * NanoSession revision 3 as a wire: JSON in two headers. Its clients may send a block's hash alone, which anybody could,
 * so it is taken with a session id only.
 */
import { MAX_HEADER_LENGTH } from './headers.ts'
import { parseStrictJson } from './json.ts'
import { isFields, sessionOffer, sessionPayment } from './session.ts'
import { isoTime, SHORT_TAG_MODULUS, withShortTag } from './short-tag.ts'
import type { Wire } from './wire.ts'

const X_PAYMENT_REQUIRED = 'X-Payment-Required'
/** The client's. x402 version 1 has a header of this name too, which is the server's. */
const X_PAYMENT_RESPONSE = 'X-Payment-Response'

export const nanoSession3: Wire = {
  requestHeaders: [X_PAYMENT_RESPONSE],
  responseHeaders: [X_PAYMENT_REQUIRED],

  read(headers) {
    const header = headers.get(X_PAYMENT_RESPONSE) ?? undefined
    if (header === undefined) return undefined
    const payload = header.length > MAX_HEADER_LENGTH ? undefined : parseStrictJson(header)
    if (!isFields(payload)) return 'invalid_payload'
    const { blockHash, sessionId, ...others } = payload
    if (blockHash === undefined || Object.keys(others).length > 0) return 'invalid_payload'
    return sessionId === undefined ? 'session_id_required' : sessionPayment(blockHash, sessionId)
  },

  offer(required) {
    const session = sessionOffer(required)
    if (!session) return { headers: [] }
    const { network, asset, amount, payTo, maxTimeoutSeconds } = session.offer
    const { base, tag } = withShortTag(amount)
    const requirements = {
      scheme: 'nano-session',
      network,
      asset,
      amount: base,
      payTo,
      maxTimeoutSeconds,
      extra: { tag, sessionId: session.id, tagModulus: SHORT_TAG_MODULUS, expiresAt: isoTime(session.expiresAt) },
    }
    return { headers: [[X_PAYMENT_REQUIRED, JSON.stringify(requirements)]] }
  },

  settled: () => [],
}
