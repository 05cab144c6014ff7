/**
 * The decision whether a request is served. Its order is the security argument: nothing is looked up before its seal is
 * genuine, claimed before it is verified, settled before it is claimed, or served before it is settled.
 */
import { FacilitatorError, NodeRefusedError, NodeUnavailableError, PriceError, StoreError } from '../errors.ts'
import { type PaymentRequirements, type ResourceInfo, X402_VERSION } from '../x402/shapes.ts'
import type { PresentedPayment, Wire } from '../x402/wire.ts'
import type { Answers, Refused } from './answer.ts'
import type { Cashier, Offers, Taken } from './cashier.ts'
import { claimAll, latenessKey, type OwnClaims } from './claims.ts'
import { createDelivery, type DeliveryRules, type Paid } from './delivery.ts'
import type { EventListener } from './events.ts'
import { type Extension, offerExtensions, settleExtensions, type Use, type Visit } from './extension.ts'
import type { Mechanism, Proof, Verified } from './mechanism.ts'
import { BODY_TOO_LARGE } from './price.ts'
import { currentPrice, makeQuote, openQuote, type Pricing, type Quote } from './quote.ts'
import { answerFor, isRefusal, type Refusal, type RefusalCode, refusal } from './refusal.ts'
import { isPreflight, type PaywallRequest } from './request.ts'
import type { Seal } from './seal.ts'
import type { Owner, Store } from './store.ts'

/** One guarded route: what its 402 says, who takes its payments, and how long its handler may take. */
export interface Route extends DeliveryRules {
  readonly network: string
  /** The form in which payments are presented. */
  readonly wire: Wire
  /** What is answered, in that form. */
  readonly answers: Answers
  readonly cashier: Cashier
  /** What goes with its offers and payments. */
  readonly extensions: readonly Extension[]
  /** What the 402 says about the resource. */
  resource(request: PaywallRequest): ResourceInfo
}

/** What it takes to make offers and to take payments in this process. */
export interface Till extends Pricing {
  /** Names the route in events. */
  readonly name: string
  /** Hears what happens, if anybody listens. Must not throw. */
  readonly emit?: EventListener | undefined
  readonly mechanisms: readonly Mechanism[]
  readonly seal: Seal
  readonly store: Store
  /** For how long after its expiry a session's payment is still taken. */
  readonly claimWindowMs: number
  /** Handler runs that one payment buys, at most. */
  readonly attempts: number
  readonly leaseMs: number
  /** What has to do with each use of a payment. */
  readonly extensions?: readonly Extension[]
}

export type Outcome = Refused | Paid

/**
 * Claims outlive the last moment at which their proof is taken by this much, for clocks that differ. And for as long as a
 * proof is taken, and this much, they outlive their claiming: reconciliation must not miss what was paid late.
 */
const KEEP_LONGER_MS = 3_600_000

/** Decides about one request. Never rejects: trouble of ours is a refusal with a 5xx. */
export async function guard(request: PaywallRequest, route: Route): Promise<Outcome> {
  if (isPreflight(request)) return route.answers.preflight()
  try {
    const payment = route.wire.read(request.headers)
    if (payment === undefined) return await refuse('payment_required', request, route)
    const taken = typeof payment === 'string' ? refusal(payment) : await take(payment, request, route)
    if (isRefusal(taken) && taken.answer) {
      route.emit?.({ type: 'replayed', route: route.name })
      return taken.answer
    }
    if (isRefusal(taken)) return await refuse(taken.code, request, route, true)
    const { settled, scheme, amount, ms } = taken
    const { payer = '', transaction, network } = settled.settlement
    const paid = { payer, amount, transaction, network, scheme }
    route.emit?.({ type: 'granted', route: route.name, payment: paid, ms })
    return createDelivery(paid, taken, route, request)
  } catch (fault) {
    const code = codeOf(fault)
    route.emit?.({ type: 'refused', route: route.name, code, status: answerFor(code).status, fault })
    return route.answers.refusal(code)
  }
}

/** Takes a payment, with what the extensions have to say before and after. */
async function take(payment: PresentedPayment, request: PaywallRequest, route: Route): Promise<Refusal | Taken> {
  const { extensions, cashier, resource } = route
  for (const extension of extensions) {
    const objection = extension.read?.(payment)
    if (objection) return objection
  }
  const taken = await cashier.take(payment, request)
  if (isRefusal(taken) || extensions.length === 0) return taken
  const { settled, claims } = taken
  try {
    const settlement = await settleExtensions(extensions, settled.settlement, () => resource(request))
    return { ...taken, settled: { ...settled, settlement } }
  } catch (fault) {
    await claims.release()
    await settled.release().catch(() => {}) // whatever it held frees itself
    throw fault
  }
}

/** Makes offers and takes payments in this process. */
export const ownCashier = (till: Till): Cashier => ({
  offer: (request) => makeOffers(request, till),
  take: (payment, request) => takePayment(payment, request, till),
})

/** A fresh offer for each way to pay. */
export async function makeOffers(request: PaywallRequest, till: Till): Promise<Offers> {
  return offersOf(await makeQuote(request, till, till.seal), till)
}

/** A quote as each way to pay offers it. */
export const offersOf = (quote: Quote, { mechanisms }: Till): Offers => ({
  amount: quote.amount,
  accepts: mechanisms.map((mechanism) => mechanism.offer(quote)),
})

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

  const uses = await usesOf(extensions, { request, payment, quote, ids: verified.ids, store, keepUntilMs })

  const lap = stopwatch()
  const claims = await claimAll(store, verified.ids, { leaseMs, attempts, keepUntilMs }, owner)
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
  for (const use of uses) {
    const objection = await use.claimed().catch(orCancel)
    if (!objection) continue
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

const NO_USES: readonly Use[] = []

async function usesOf(extensions: readonly Extension[], visit: Visit): Promise<readonly Use[]> {
  if (extensions.length === 0) return NO_USES
  const uses = await Promise.all(extensions.map((extension) => extension.use?.(visit)))
  return uses.filter((use) => use !== undefined)
}

/** Milliseconds since it was asked last. */
function stopwatch(): () => number {
  let lastMs = performance.now()
  return () => {
    const sinceMs = lastMs
    lastMs = performance.now()
    return lastMs - sinceMs
  }
}

const CLAIM_REFUSALS = {
  held: 'payment_in_progress',
  spent: 'payment_already_spent',
  exhausted: 'attempts_exhausted',
} as const satisfies Record<string, RefusalCode>

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

/** A refusal as an answer. With a 402 goes a fresh offer. */
async function refuse(code: RefusalCode, request: PaywallRequest, route: Route, presented = false): Promise<Refused> {
  const { answers } = route
  const failure = { success: false, errorReason: code, transaction: '', network: route.network }
  const more = presented ? answers.settlementHeaders(failure) : []
  const { status, message } = answerFor(code)
  const { name, emit } = route
  if (code !== 'payment_required') emit?.({ type: 'refused', route: name, code, status })
  if (status !== 402) return answers.refusal(code, more)
  const { accepts, amount } = await route.cashier.offer(request)
  emit?.({ type: 'challenged', route: name, amount })
  const resource = route.resource(request)
  const required = { x402Version: X402_VERSION, error: code, message, resource, accepts } as const
  if (route.extensions.length === 0) return answers.paymentRequired(code, required, more)
  const extensions = await offerExtensions(route.extensions, required, request)
  return answers.paymentRequired(code, { ...required, ...(extensions && { extensions }) }, more)
}

/** The code for what was thrown. Our trouble is never the payer's bill: a 5xx, and the proof stays good. */
export function codeOf(fault: unknown): RefusalCode {
  if (fault === BODY_TOO_LARGE) return 'body_too_large'
  if (fault instanceof FacilitatorError) return 'facilitator_unavailable'
  if (fault instanceof StoreError) return 'store_unavailable'
  if (fault instanceof NodeUnavailableError || fault instanceof NodeRefusedError) return 'node_unavailable'
  if (fault instanceof PriceError) return 'price_unavailable'
  return 'unexpected_verify_error'
}
