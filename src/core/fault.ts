/** What trouble of ours is called on the wire. */
import {
  AccessError,
  FacilitatorError,
  NodeRefusedError,
  NodeUnavailableError,
  PriceError,
  StoreError,
} from '../errors.ts'
import { BODY_TOO_LARGE } from './price.ts'
import type { RefusalCode } from './refusal.ts'

/** The code for what was thrown. Our trouble is never the payer's bill: a 5xx, and the proof stays good. */
export function codeOf(fault: unknown): RefusalCode {
  if (fault === BODY_TOO_LARGE) return 'body_too_large'
  if (fault instanceof FacilitatorError) return 'facilitator_unavailable'
  if (fault instanceof StoreError) return 'store_unavailable'
  if (fault instanceof NodeUnavailableError || fault instanceof NodeRefusedError) return 'node_unavailable'
  if (fault instanceof PriceError) return 'price_unavailable'
  if (fault instanceof AccessError) return 'access_unavailable'
  return 'unexpected_verify_error'
}
