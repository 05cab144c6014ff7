/**
 * The decision whether a request is served. Its order is the security argument: nothing is looked up before its seal is
 * genuine, claimed before it is verified, settled before it is claimed, or served before it is settled. The first half of
 * it is in check.ts, the second in take.ts, or with a facilitator.
 */
import { type PaymentRequirements, type ResourceInfo, X402_VERSION } from '../x402/shapes.ts'
import type { PresentedPayment, Wire } from '../x402/wire.ts'
import { type Accepted, type Answers, type Refused, remarked } from './answer.ts'
import type { Cashier, Replied, Taken } from './cashier.ts'
import { createDelivery, type DeliveryRules, type Paid } from './delivery.ts'
import { type Extension, offerExtensions, settleExtensions } from './extension.ts'
import { codeOf } from './fault.ts'
import { answerFor, type Correction, isRefusal, type Refusal, type RefusalCode, refusal } from './refusal.ts'
import { isPreflight, type PaywallRequest } from './request.ts'

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
  /** What a payment here may be. */
  accepted(): Promise<Accepted>
  /** What the 402 says about the resource. */
  resource(request: PaywallRequest): ResourceInfo
}

export type Outcome = Refused | Paid

/** Decides about one request. Never rejects: trouble of ours is a refusal with a 5xx. */
export async function guard(request: PaywallRequest, route: Route): Promise<Outcome> {
  if (isPreflight(request)) return route.answers.preflight()
  try {
    const payment = route.wire.read(request.headers)
    if (payment === undefined) return await refuse('payment_required', request, route)
    const taken = typeof payment === 'string' ? refusal(payment) : await take(payment, request, route)
    if (isRefusal(taken) && taken.answer) {
      route.emit?.({ type: 'replayed', route: route.name })
      const { answer, settlement } = taken
      return settlement ? remarked(answer, route.answers.settlementHeaders(settlement)) : answer
    }
    if (isRefusal(taken)) return await refuse(taken.code, request, route, taken)
    if (taken.kind === 'replied') return route.answers.reply(taken.settlement)
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
async function take(
  payment: PresentedPayment,
  request: PaywallRequest,
  route: Route,
): Promise<Refusal | Taken | Replied> {
  const { extensions, cashier, resource } = route
  for (const extension of extensions) {
    const objection = extension.read?.(payment)
    if (objection) return objection
  }
  const taken = await cashier.take(payment, request)
  if (taken.kind !== 'taken' || extensions.length === 0) return taken
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

/** A refusal as an answer. With a 402 goes a fresh offer. `presented`: what became of the payment that was presented. */
async function refuse(code: RefusalCode, request: PaywallRequest, route: Route, presented?: Refusal): Promise<Refused> {
  const { answers } = route
  const { correction } = presented ?? {}
  const failure = { success: false, errorReason: code, transaction: '', network: route.network }
  const more = presented
    ? answers.settlementHeaders({ ...failure, ...(correction && { extra: correction.extra }) })
    : []
  const { status, message } = answerFor(code)
  const { name, emit } = route
  if (code !== 'payment_required') emit?.({ type: 'refused', route: name, code, status })
  if (status === 400) return answers.refusal(code, more, await route.accepted())
  if (status !== 402) return answers.refusal(code, more)
  const { accepts: offered, amount } = await route.cashier.offer(request)
  const accepts = correction ? offered.map((offer) => corrected(offer, correction)) : offered
  emit?.({ type: 'challenged', route: name, amount })
  const resource = route.resource(request)
  const required = { x402Version: X402_VERSION, error: code, message, resource, accepts } as const
  if (route.extensions.length === 0) return answers.paymentRequired(code, required, more)
  const extensions = await offerExtensions(route.extensions, required, request)
  return answers.paymentRequired(code, { ...required, ...(extensions && { extensions }) }, more)
}

const corrected = (offer: PaymentRequirements, { scheme, extra }: Correction): PaymentRequirements =>
  offer.scheme === scheme ? { ...offer, extra: { ...offer.extra, ...extra } } : offer
