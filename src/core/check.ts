/**
 * Is a payment what was asked? Opening its seal asks nobody; checking it asks the Nano network, and takes and writes nothing.
 */
import type { PaymentRequirements } from '../x402/shapes.ts'
import type { PresentedPayment } from '../x402/wire.ts'
import { stopwatch } from './events.ts'
import type { Mechanism, Proof, Verified } from './mechanism.ts'
import { currentPrice, openQuote, type Quote } from './quote.ts'
import { isRefusal, type Refusal, type RefusalCode, refusal } from './refusal.ts'
import type { PaywallRequest } from './request.ts'
import type { Till } from './till.ts'

/**
 * Claims outlive the last moment at which their proof is taken by this much, for clocks that differ. And for as long as a
 * proof is taken, and this much, they outlive their claiming: reconciliation must not miss what was paid late.
 */
const KEEP_LONGER_MS = 3_600_000

/** A payment whose seal is genuine. */
export interface Opened {
  readonly kind: 'opened'
  readonly mechanism: Mechanism
  readonly proof: Proof
  readonly quote: Quote
}

/** Opens the seal of a payment: is it ours, for this very request, as it was offered, and still taken? Asks nobody. */
export async function openPayment(
  payment: PresentedPayment,
  request: PaywallRequest,
  till: Till,
): Promise<Refusal | Opened> {
  const chosen = chooseMechanism(payment, till)
  if (typeof chosen === 'string') return refusal(chosen)
  const { mechanism, proof } = chosen
  const quote = await openQuote(proof.sessionId, request, till, till.seal)
  if (typeof quote === 'string') return refusal(quote)
  if (!isSameOffer(payment.accepted, mechanism.offer(quote))) return refusal('invalid_payment_requirements')
  if (Date.now() > quote.expiresAtMs + till.claimWindowMs) return refusal('session_expired')
  return { kind: 'opened', mechanism, proof, quote }
}

/** A payment that is what was asked, as far as reading can tell. */
export interface Checked {
  readonly kind: 'checked'
  readonly mechanism: Mechanism
  readonly quote: Quote
  readonly verified: Verified
  readonly keepUntilMs: number
  /** It was paid too late for its price. */
  readonly isTooLate: boolean
}

/** Is this payment genuine, for this very request, exact and confirmed? Takes and writes nothing. */
export async function checkPayment(
  payment: PresentedPayment,
  request: PaywallRequest,
  till: Till,
): Promise<Refusal | Checked> {
  const opened = await openPayment(payment, request, till)
  if (isRefusal(opened)) return opened
  const { mechanism, proof, quote } = opened
  const lap = stopwatch()
  const verified = await mechanism.verify(proof, quote, request)
  if (isRefusal(verified)) return verified
  till.emit?.({ type: 'confirmed', route: till.name, scheme: mechanism.scheme, ms: lap() })
  const keepUntilMs = Math.max(quote.expiresAtMs, Date.now()) + till.claimWindowMs + KEEP_LONGER_MS
  const isTooLate = isLate(quote, verified.paidAtMs) && (await currentPrice(request, till)) > quote.resourceAmount
  return { kind: 'checked', mechanism, quote, verified, keepUntilMs, isTooLate }
}

/** Whether the store was emptied after the quote was made: it may have forgotten what was spent. */
export const isFromBeforeReset = async ({ issuedAtMs }: Quote, { store }: Till): Promise<boolean> =>
  issuedAtMs < (await store.epochMs())

/** The mechanism whose proof this is. Scheme and network are the client's word; they only choose which error it gets. */
export function chooseMechanism(
  payment: PresentedPayment,
  till: Till,
): { mechanism: Mechanism; proof: Proof } | RefusalCode {
  const { scheme, network } = payment.accepted
  if (network !== undefined && network !== till.network) return 'invalid_network'
  const candidates = till.mechanisms.filter((mechanism) => scheme === undefined || mechanism.scheme === scheme)
  if (candidates.length === 0) return 'invalid_scheme'
  for (const mechanism of candidates) {
    const proof = mechanism.read(payment)
    if (proof) return { mechanism, proof }
  }
  return 'invalid_payload'
}

/** What the client echoes must be what was offered; not every form has it echo all. `extra` is the mechanism's own and is sealed. */
export const isSameOffer = (echoed: Partial<PaymentRequirements>, ours: PaymentRequirements): boolean =>
  isSame(echoed.amount, ours.amount) &&
  isSame(echoed.asset, ours.asset) &&
  isSame(echoed.payTo, ours.payTo) &&
  isSame(echoed.maxTimeoutSeconds, ours.maxTimeoutSeconds)

const isSame = (echoed: unknown, ours: unknown): boolean => echoed === undefined || echoed === ours

/** Presented after expiry, and every instant known for the payment is after it. One that nobody knows counts as in time. */
const isLate = ({ expiresAtMs }: Quote, paidAtMs: number | undefined): boolean =>
  Date.now() > expiresAtMs && paidAtMs !== undefined && paidAtMs > expiresAtMs
