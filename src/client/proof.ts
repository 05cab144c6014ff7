/** What a payment shows to the server, and to the caller when the server does not serve. */
import type { PaymentProof } from '../errors.ts'
import { encodeHeader } from '../x402/headers.ts'
import { X402_VERSION } from '../x402/shapes.ts'
import type { OpenEntry } from './payments.ts'

/** The proof of a payment. */
export function proofOf({ hash, unfinished }: OpenEntry): PaymentProof {
  const { method, url, resource, offer, payload } = unfinished
  return {
    blockHash: hash,
    sessionId: String(payload.sessionId),
    header: encodeHeader({ x402Version: X402_VERSION, resource, accepted: offer, payload }),
    url,
    method,
  }
}
