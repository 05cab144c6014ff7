/** What a payment shows to the server, and to the caller when the server does not serve. */
import type { PaymentProof } from '../errors.ts'
import { CLIENT_WIRES } from '../x402/client-wires.ts'
import { X402_VERSION } from '../x402/shapes.ts'
import { methodOf } from './methods.ts'
import type { OpenEntry } from './payment.ts'

/** The proof of a payment. */
export function proofOf({ hash, unfinished }: OpenEntry): PaymentProof {
  const { method, url, resource, offer, payload, extensions, wire = 'x402' } = unfinished
  const payment = { x402Version: X402_VERSION, resource, accepted: offer, payload } as const
  return {
    blockHash: hash,
    sessionId: String(methodOf(offer)?.terms.id ?? ''),
    headers: CLIENT_WIRES[wire].present({ ...payment, ...(extensions && { extensions }) }),
    url,
    method,
  }
}
