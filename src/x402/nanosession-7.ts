/**
 * NanoSession revision 7 as a wire: x402 version 2, but that a payload may be a block's hash alone, with the session id
 * in the echoed offer; or the hash and a signature over it and a URL, which is its stateless variant.
 */
import { isFields, sessionPayment } from './session.ts'
import type { PaymentRequirements } from './shapes.ts'
import type { ClientWire, Wire } from './wire.ts'
import { x402, x402Client } from './x402.ts'

/** What is signed in the stateless variant, in its own words. */
export const SIGNED_MESSAGE = 'block_hash+url'

export const nanoSession7: Wire = {
  ...x402,

  read(headers) {
    const payment = x402.read(headers)
    if (payment === undefined || typeof payment === 'string') return payment
    const { accepted, payload } = payment
    const { nanoSession, nanoSignature } = accepted.extra ?? {}
    const names = Object.keys(payload).sort().join()
    if (names === 'proof' || names === 'blockHash') {
      return isFields(nanoSession) && nanoSession.id !== undefined
        ? { ...payment, ...sessionPayment(payload[names], nanoSession.id, accepted) }
        : 'session_id_required'
    }
    if (names !== 'proof,signature') return payment
    if (!isFields(nanoSignature) || nanoSignature.id === undefined) return 'session_id_required'
    const { url } = nanoSignature
    return typeof url === 'string' ? { ...payment, signedUrl: url } : 'invalid_payload'
  },

  offer: (required) =>
    x402.offer({ ...required, accepts: required.accepts.map((offer) => withUrl(offer, required.resource.url)) }),
}

/**
 * The stateless variant has no nonce of its own, and would take one signature for a URL again and again. So the URL that we
 * give it to sign ends with ours, which follows from the seal.
 */
function withUrl(offer: PaymentRequirements, resource: string): PaymentRequirements {
  const { nonce, nanoSignature } = offer.extra ?? {}
  if (!isFields(nanoSignature) || typeof nonce !== 'string') return offer
  const terms = { ...nanoSignature, url: `${resource}#${nonce}`, messageToSign: SIGNED_MESSAGE }
  return { ...offer, extra: { ...offer.extra, nanoSignature: terms } }
}

export const nanoSession7Client: ClientWire = {
  readBill: (bill) => x402Client.readBill(bill),

  present(payment) {
    const { proof, signature } = payment.payload
    const isSession = proof !== undefined && signature === undefined
    return x402Client.present(isSession ? { ...payment, payload: { proof } } : payment)
  },
}
