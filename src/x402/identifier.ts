/** x402's `payment-identifier`, as far as a payment shows one. */
import type { PresentedPayment } from './wire.ts'

export const PAYMENT_IDENTIFIER = 'payment-identifier'
/** x402's form of an id. */
export const IDENTIFIER = /^[A-Za-z0-9_-]{16,128}$/

/** What a payment says is its id, whatever that is; undefined when it says nothing. */
export function identifierIn({ extensions }: PresentedPayment): unknown {
  const entry = extensions?.[PAYMENT_IDENTIFIER]
  const info = typeof entry === 'object' && entry !== null && 'info' in entry ? entry.info : undefined
  return typeof info === 'object' && info !== null && 'id' in info ? info.id : undefined
}
