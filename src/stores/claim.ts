/** The rule of a claim, for stores that decide in JavaScript. What they keep of it, and where, is theirs. */
import type { ClaimLimits, ClaimRecord, ClaimResult, Owner } from '../core/store.ts'

/** What a store keeps of a claim. */
export interface ClaimState {
  /** Undefined once it was given back. */
  readonly owner: Owner | undefined
  /** In the past once it was given back or committed. */
  readonly leaseEndsAtMs: number
  readonly attempts: number
  readonly spent: boolean
  readonly keepUntilMs: number
}

/** Whether nothing would be lost without it: its time is over and nobody holds it. A record is never held. */
export const isForgettable = (
  entry: { readonly keepUntilMs: number; readonly leaseEndsAtMs?: number },
  nowMs: number,
): boolean => entry.keepUntilMs < nowMs && (entry.leaseEndsAtMs ?? 0) <= nowMs

/** The claim as it stands once `owner` has taken it, or why `owner` cannot have it. */
export function take(
  known: ClaimState | undefined,
  { owner, limits, nowMs }: { readonly owner: Owner; readonly limits: ClaimLimits; readonly nowMs: number },
): ClaimState | Exclude<ClaimResult, 'claimed'> {
  const claim = known && !isForgettable(known, nowMs) ? known : undefined
  if (claim?.spent) return 'spent'
  const used = claim?.attempts ?? 0
  const isOwners = claim?.owner === owner
  if (claim && !isOwners && claim.leaseEndsAtMs > nowMs) return 'held'
  if (!isOwners && used >= limits.attempts) return 'exhausted'
  return {
    owner,
    leaseEndsAtMs: nowMs + limits.leaseMs,
    attempts: isOwners ? used : used + 1,
    spent: false,
    keepUntilMs: Math.max(limits.keepUntilMs, claim?.keepUntilMs ?? 0),
  }
}

/** What there is to say about a claim. */
export function inspectClaim(known: ClaimState | undefined, nowMs: number): ClaimRecord | undefined {
  if (!known || isForgettable(known, nowMs)) return undefined
  const unspent = known.leaseEndsAtMs > nowMs ? 'held' : 'released'
  return { state: known.spent ? 'spent' : unspent, attempts: known.attempts }
}
