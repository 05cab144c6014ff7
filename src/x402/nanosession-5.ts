/** NanoSession revision 5 as a wire: a header for each part of the offer, and two for the payment. */
import { MAX_HEADER_LENGTH } from './headers.ts'
import { sessionOffer, sessionPayment } from './session.ts'
import { isoTime, readShortTagBill, SHORT_TAG_MODULUS, withShortTag } from './short-tag.ts'
import type { ClientWire, Wire } from './wire.ts'

const X_PAYMENT_BLOCK = 'X-PAYMENT-BLOCK'
const X_PAYMENT_SESSION = 'X-PAYMENT-SESSION'
const X_PAYMENT_ADDRESS = 'X-PAYMENT-ADDRESS'
const X_PAYMENT_AMOUNT = 'X-PAYMENT-AMOUNT'
const X_PAYMENT_TAG = 'X-PAYMENT-TAG'
const X_PAYMENT_EXPIRES = 'X-PAYMENT-EXPIRES'
const X_PAYMENT_TAG_MODULUS = 'X-PAYMENT-TAG-MODULUS'
const X_PAYMENT_TAG_MULTIPLIER = 'X-PAYMENT-TAG-MULTIPLIER'
/** Ours: revision 5 knows one network, `nano:mainnet`, and who does not read this header is meant for that. */
const X_PAYMENT_NETWORK = 'X-PAYMENT-NETWORK'

export const nanoSession5: Wire = {
  requestHeaders: [X_PAYMENT_BLOCK, X_PAYMENT_SESSION],
  responseHeaders: [
    X_PAYMENT_ADDRESS,
    X_PAYMENT_AMOUNT,
    X_PAYMENT_TAG,
    X_PAYMENT_SESSION,
    X_PAYMENT_EXPIRES,
    X_PAYMENT_TAG_MODULUS,
    X_PAYMENT_TAG_MULTIPLIER,
    X_PAYMENT_NETWORK,
  ],

  read(headers) {
    const block = headers.get(X_PAYMENT_BLOCK) ?? undefined
    const session = headers.get(X_PAYMENT_SESSION) ?? undefined
    if (block === undefined) return session === undefined ? undefined : 'invalid_payload'
    if (session === undefined) return 'session_id_required'
    return session.length <= MAX_HEADER_LENGTH && /^[\w-]+$/.test(session)
      ? sessionPayment(block, session)
      : 'invalid_payload'
  },

  offer(required) {
    const session = sessionOffer(required)
    if (!session) return { headers: [] }
    const { offer, id, expiresAt } = session
    const { base, tag } = withShortTag(offer.amount)
    return {
      headers: [
        [X_PAYMENT_ADDRESS, offer.payTo],
        [X_PAYMENT_AMOUNT, base],
        [X_PAYMENT_TAG, String(tag)],
        [X_PAYMENT_SESSION, id],
        [X_PAYMENT_EXPIRES, isoTime(expiresAt)],
        [X_PAYMENT_TAG_MODULUS, String(SHORT_TAG_MODULUS)],
        [X_PAYMENT_TAG_MULTIPLIER, '1'],
        [X_PAYMENT_NETWORK, offer.network],
      ],
    }
  },

  settled: () => [],
}

export const nanoSession5Client: ClientWire = {
  async readBill({ url, headers }) {
    const payTo = headers.get(X_PAYMENT_ADDRESS) ?? undefined
    if (payTo === undefined) return undefined
    const bill = {
      url,
      network: headers.get(X_PAYMENT_NETWORK) ?? 'nano:mainnet',
      asset: 'XNO',
      payTo,
      base: headers.get(X_PAYMENT_AMOUNT),
      tag: headers.get(X_PAYMENT_TAG),
      tagModulus: headers.get(X_PAYMENT_TAG_MODULUS) ?? SHORT_TAG_MODULUS,
      tagMultiplier: headers.get(X_PAYMENT_TAG_MULTIPLIER) ?? '1',
      sessionId: headers.get(X_PAYMENT_SESSION) ?? undefined,
      expiresAt: headers.get(X_PAYMENT_EXPIRES),
    }
    return readShortTagBill(bill) ?? 'unreadable'
  },
  present: ({ payload: { proof, sessionId } }) => ({
    [X_PAYMENT_BLOCK]: String(proof),
    [X_PAYMENT_SESSION]: String(sessionId),
  }),
}
