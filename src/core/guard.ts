/**
 * The decision whether a request is served. Its order is the security argument: nothing is looked up before its seal is
 * genuine, claimed before it is verified, settled before it is claimed, or served before it is settled. The first half of
 * it is in check.ts, the second in take.ts, or with a facilitator. Before all of it come the gates.
 */
import { type PaymentRequirements, type ResourceInfo, X402_VERSION } from '../x402/shapes.ts'
import type { PresentedPayment, Wire } from '../x402/wire.ts'
import { type Accepted, type Answers, type Refused, remarked } from './answer.ts'
import type { Cashier, Replied, Taken } from './cashier.ts'
import { createDelivery, type DeliveryRules, type Paid, type Sale } from './delivery.ts'
import { type Extension, offerExtensions, settleExtensions } from './extension.ts'
import { codeOf } from './fault.ts'
import type { Admission, Gate } from './gate.ts'
import type { PassFacts } from './payment.ts'
import { answerFor, type Correction, isRefusal, type Refusal, type RefusalCode, refusal } from './refusal.ts'
import { isPreflight, type PaywallRequest } from './request.ts'

/** One guarded route: what its 402 says, who takes its payments, and how long its handler may take. */
export interface Route extends DeliveryRules {
  readonly network: string
  /** The form in which payments are presented. */
  readonly wire: Wire
  /** What is answered, in that form. */
  readonly answers: Answers
  /** Asked in this order, before anything is offered or read. */
  readonly gates: readonly Gate[]
  readonly cashier: Cashier
  /** What a payment buys beside its answer. */
  readonly pass?: PassShelf | undefined
  /** What goes with its offers and payments. */
  readonly extensions: readonly Extension[]
  /** What a payment here may be. */
  accepted(): Promise<Accepted>
  /** What the 402 says about the resource. */
  resource(request: PaywallRequest): ResourceInfo
}

/** What was decided about a request: an answer in place of the resource, or a payment to deliver for. */
export type Outcome = Refused | Paid

/** Where passes are sold. */
export interface PassShelf {
  /** What they are good for, by a name that says nothing else. */
  readonly scope: string
  /** The path below which they are good. */
  readonly path: string
  /** Gets ready to sell one to who asks this, before the payment is taken. What it gives back sells it to who paid. */
  sell(request: PaywallRequest): Promise<(payer: string) => SoldPass>
}

export interface SoldPass extends Sale {
  readonly pass: PassFacts
}

/** Decides about one request. Never rejects: trouble of ours is a refusal with a 5xx. */
export async function guard(request: PaywallRequest, route: Route): Promise<Outcome> {
  if (isPreflight(request)) return route.answers.preflight()
  try {
    const payment = route.wire.read(request.headers)
    const said = await askGates(request, route, payment !== undefined)
    if (said && !isRefusal(said)) return said
    if (payment === undefined) return await refuse(said?.code ?? 'payment_required', request, route)
    const sell = await route.pass?.sell(request)
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
    const sale = sell?.(payer)
    const pass = sale && { pass: sale.pass }
    const facts = { kind: 'paid', payer, amount, transaction, network, scheme, ...pass } as const
    route.emit?.({ type: 'granted', route: route.name, payment: facts, ms })
    return createDelivery(facts, sale ? { ...taken, sale } : taken, route, request)
  } catch (fault) {
    return failed(fault, route)
  }
}

/**
 * What the gates say, and nothing else: an answer; or undefined, or why they do not let it in, where it may still pay.
 * Never rejects.
 */
export async function enter(request: PaywallRequest, route: Route): Promise<Outcome | Refusal | undefined> {
  try {
    return await askGates(request, route, false)
  } catch (fault) {
    return failed(fault, route)
  }
}

async function askGates(
  request: PaywallRequest,
  route: Route,
  isPaying: boolean,
): Promise<Outcome | Refusal | undefined> {
  let reason: Refusal | undefined
  for (const gate of route.gates) {
    if (isPaying && !gate.asksPayers) continue
    const said = await gate.ask(request)
    if (said?.kind === 'admitted') return admit(said, request, route)
    if (said && answerFor(said.code).status !== 402) return refuse(said.code, request, route, undefined, said.said)
    reason ??= said
  }
  return reason
}

function admit({ access, payer = '', held }: Admission, request: PaywallRequest, route: Route): Paid {
  const { name, network, emit } = route
  const { kind } = access
  const pass = 'pass' in access ? { pass: access.pass } : undefined
  const payment = { kind, payer, amount: 0n, transaction: '', network, scheme: kind, ...pass }
  emit?.({ type: 'granted', route: name, payment, ms: 0 })
  return createDelivery({ ...payment, ...access }, held ? { claims: held } : {}, route, request)
}

/** Trouble of ours, as an answer. */
export function failed(fault: unknown, { name, emit, answers }: Route): Refused {
  const code = codeOf(fault)
  emit?.({ type: 'refused', route: name, code, status: answerFor(code).status, fault })
  return answers.refusal(code)
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
  if (taken.kind !== 'taken' || !extensions.some(({ settle }) => settle)) return taken
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
async function refuse(
  code: RefusalCode,
  request: PaywallRequest,
  route: Route,
  presented?: Refusal,
  said?: object,
): Promise<Refused> {
  const { answers } = route
  const { correction } = presented ?? {}
  const failure = { success: false, errorReason: code, transaction: '', network: route.network }
  const more = presented
    ? answers.settlementHeaders({ ...failure, ...(correction && { extra: correction.extra }) })
    : []
  const { status, message } = answerFor(code)
  const { name, emit } = route
  if (code !== 'payment_required') emit?.({ type: 'refused', route: name, code, status })
  if (status === 400) return answers.refusal(code, more, said ?? { accepted: await route.accepted() })
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
