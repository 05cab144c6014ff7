/**
 * NanoSession revision 3 as a wire: JSON in two headers. Its clients may send a block's hash alone, which anybody could,
 * so it is taken with a session id only.
 */
import { MAX_HEADER_LENGTH } from './headers.ts'
import { parseStrictJson } from './json.ts'
import { isFields, sessionOffer, sessionPayment } from './session.ts'
import { isoTime, readShortTagBill, SHORT_TAG_MODULUS, withShortTag } from './short-tag.ts'
import type { ClientWire, Wire } from './wire.ts'

const SCHEME = 'nano-session'
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
      scheme: SCHEME,
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

export const nanoSession3Client: ClientWire = {
  async readBill({ url, headers }) {
    const header = headers.get(X_PAYMENT_REQUIRED) ?? undefined
    if (header === undefined) return undefined
    const required = header.length > MAX_HEADER_LENGTH ? undefined : parseStrictJson(header)
    if (!isFields(required) || required.scheme !== SCHEME || !isFields(required.extra)) return 'unreadable'
    const { network, asset, payTo, amount: base, extra } = required
    const { tag, tagModulus, tagMultiplier = '1', sessionId, expiresAt } = extra
    const rest = { tag, tagModulus, tagMultiplier, sessionId, expiresAt }
    return readShortTagBill({ url, network, asset, payTo, base, ...rest }) ?? 'unreadable'
  },
  present: ({ payload: { proof: blockHash, sessionId } }) => ({
    [X_PAYMENT_RESPONSE]: JSON.stringify({ blockHash, sessionId }),
  }),
}
