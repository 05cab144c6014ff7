/** Takes a payment: checked, then claimed, then settled. */
import type { PresentedPayment } from '../x402/wire.ts'
import type { Cashier, Reopened, Taken } from './cashier.ts'
import { checkPayment, isFromBeforeReset } from './check.ts'
import { claimAll, latenessKey, type OwnClaims } from './claims.ts'
import { stopwatch } from './events.ts'
import { objectionOf, usesOf } from './extension.ts'
import { openQuote } from './quote.ts'
import { isRefusal, type Refusal, type RefusalCode, refusal } from './refusal.ts'
import type { PaywallRequest } from './request.ts'
import type { Owner } from './store.ts'
import { makeOffers, offersOf, type Till } from './till.ts'

/** Makes offers and takes payments in this process. */
export const ownCashier = (till: Till): Cashier => ({
  offer: (request) => makeOffers(request, till),
  take: (payment, request) => takePayment(payment, request, till),
  reopen: (sessionId, request) => reopenSession(sessionId, request, till),
})

async function reopenSession(sessionId: string, request: PaywallRequest, till: Till): Promise<Reopened | undefined> {
  const quote = await openQuote(sessionId, request, till, till.seal)
  if (typeof quote === 'string' || Date.now() > quote.expiresAtMs + till.claimWindowMs) return undefined
  return { quote, offers: offersOf(quote, till) }
}

/** Checks a payment, claims it, and settles it. `owner` names who claims; a random name without it. */
export async function takePayment(
  payment: PresentedPayment,
  request: PaywallRequest,
  till: Till,
  owner?: Owner,
): Promise<Refusal | Taken<OwnClaims>> {
  const checked = await checkPayment(payment, request, till)
  if (isRefusal(checked)) return checked
  const { mechanism, quote, verified, keepUntilMs, isTooLate } = checked
  const { name, emit, store, leaseMs, attempts, extensions = [] } = till
  const { scheme } = mechanism
  if (isTooLate) {
    await Promise.all(verified.ids.map((id) => store.write(latenessKey(id), 0, '1', keepUntilMs)))
    return refusal('session_expired')
  }
  if (await isFromBeforeReset(quote, till)) return refusal('store_reset')

  const { ids } = verified
  const uses = await usesOf(extensions, { request, payment, session: quote.id, ids, store, keepUntilMs })

  const lap = stopwatch()
  const claims = await claimAll(store, ids, { leaseMs, attempts, keepUntilMs }, owner)
  if (claims === 'spent' && uses[0]) return uses[0].spent()
  if (typeof claims === 'string') return refusal(CLAIM_REFUSALS[claims])
  emit?.({ type: 'claimed', route: name, scheme, ms: lap() })
  const orCancel = async (fault: unknown): Promise<never> => {
    await claims.cancel()
    throw fault
  }
  // Once more: a store that was emptied meanwhile lets anybody claim what was spent. Emptied later, it knows no claim to commit.
  if (await isFromBeforeReset(quote, till).catch(orCancel)) {
    await claims.cancel()
    return refusal('store_reset')
  }
  const objection = await objectionOf(uses).catch(orCancel)
  if (objection) {
    await claims.cancel()
    return objection
  }
  const settled = await verified.settle(request).catch(orCancel)
  if (isRefusal(settled)) {
    await claims.cancel()
    return settled
  }
  // Settling may have taken longer than the lease: whoever took the claims over may be serving.
  if (!(await claims.keep().catch(orCancel))) return refusal('payment_in_progress')
  const amount = BigInt(settled.settlement.amount ?? quote.amount)
  return { kind: 'taken', settled, scheme, amount, claims, uses, ms: lap() }
}

const CLAIM_REFUSALS = {
  held: 'payment_in_progress',
  spent: 'payment_already_spent',
  exhausted: 'attempts_exhausted',
} as const satisfies Record<string, RefusalCode>
