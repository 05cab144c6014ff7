/**
 * From the paid request to its answer. The payment becomes final when an answer below 400 starts, before its first byte
 * leaves; in every other case the proof is good again as soon as the handler has ended.
 */
import { ChargeError } from '../errors.ts'
import type { Header, HeaderReader } from '../x402/wire.ts'
import type { Answers, Refused } from './answer.ts'
import type { Taken } from './cashier.ts'
import type { EventListener, UndeliveredReason } from './events.ts'
import type { AnswerCopy } from './extension.ts'
import type { Held } from './gate.ts'
import { fixedMeter } from './meter.ts'
import type { Access, Payment, PaymentFacts } from './payment.ts'
import type { PaywallRequest } from './request.ts'

/** What a request was let in on, and what becomes final with its answer. */
export interface Granted extends Pick<Taken, 'uses' | 'meter'> {
  /** Without them nothing is used up. */
  readonly claims?: Held
  /** Without it nothing was paid now. */
  readonly settled?: Taken['settled']
  readonly sale?: Sale
}

/** What a payment buys beside its answer. */
export interface Sale {
  /** What hands it over. */
  readonly headers: readonly Header[]
  /** Writes it down. Asked once, before the payment is made final. */
  record(): Promise<void>
}

/** A request that is let in. Serve it through `deliver`, or through `begin` where answers are written rather than returned. */
export interface Paid {
  readonly kind: 'paid'
  readonly payment: Payment
  /** Runs the handler, and gives its answer, marked and final; or an answer of ours when it came too late. */
  deliver(handler: () => Response | undefined | Promise<Response | undefined>): Promise<Response>
  /**
   * The handler starts to answer with this status. The headers are to be set on it, and nothing may leave before `ready`,
   * which gives an answer of ours to send instead when the payment could not be made final. `copies` want the body as well.
   */
  begin(
    status: number,
    existing: HeaderReader,
  ): {
    readonly headers: readonly Header[]
    readonly ready: Promise<Refused | undefined>
    /** What is to be set on it once it is `ready`, and is not known before. */
    final(): readonly Header[]
    readonly copies: readonly AnswerCopy[]
  }
  /** The handler has ended without an answer. */
  abandon(): Promise<void>
  /** Resolves, once, when the handler took longer than it may: what to answer in its place. */
  readonly expired: Promise<Refused>
}

export interface DeliveryRules {
  readonly name: string
  readonly answers: Answers
  readonly leaseMs: number
  readonly handlerTimeoutMs: number
  readonly emit?: EventListener | undefined
}

export function createDelivery(
  facts: PaymentFacts & Access,
  { settled, claims, sale, uses = [], meter = fixedMeter(facts.amount) }: Granted,
  rules: DeliveryRules,
  client: Pick<PaywallRequest, 'aborted' | 'signal'>,
): Paid {
  const { name: route, answers, leaseMs, handlerTimeoutMs, emit } = rules
  const grantedAtMs = Date.now()
  const giveUpAtMs = grantedAtMs + handlerTimeoutMs
  let decided = false
  let isStream = false
  let expire: (answer: Refused) => void = () => {}
  const expired = new Promise<Refused>((resolve) => {
    expire = resolve
  })

  const payment: Payment = {
    ...facts,
    charge(amount) {
      if (decided)
        throw new ChargeError('The answer has started, or the request is given up: it is too late to charge.')
      meter.charge(amount)
    },
    reserve: async (max) => !decided && meter.reserve(max),
    events(source, { price }) {
      isStream = true
      return meter.events(source, price)
    },
  }

  /** The first decision counts; a handler that goes on after it was given up changes nothing. */
  const decide = (): boolean => {
    if (decided) return false
    decided = true
    clearTimeout(timer)
    return true
  }
  const undelivered = (reason: UndeliveredReason) =>
    emit?.({ type: 'undelivered', route, payment: facts, reason, ms: Date.now() - grantedAtMs })

  const giveBack = async () => {
    await claims?.release()
    await settled?.release().catch(() => {}) // whatever it held frees itself
  }
  const release = async (reason: UndeliveredReason) => {
    if (!decide()) return
    await giveBack()
    undelivered(reason)
  }
  const commit = async (): Promise<Refused | undefined> => {
    if (!decide()) return answers.refusal('handler_timeout')
    try {
      await sale?.record().catch(async (fault: unknown) => {
        await giveBack() // nothing is final yet
        throw fault
      })
      await claims?.commit()
      await settled?.commit()
      const payment = { ...facts, amount: meter.cost }
      emit?.({ type: 'delivered', route, payment, reserved: facts.amount, ms: Date.now() - grantedAtMs })
      if (claims?.noteDelivery) setTimeout(claims.noteDelivery) // once the answer has had its turn: noting first could hide a lost one
      return undefined
    } catch {
      undelivered('commit_failed')
      return answers.refusal('store_unavailable')
    }
  }

  const keepAlive = async () => {
    if (Date.now() >= giveUpAtMs) {
      await release('handler_timeout')
      return expire(answers.refusal('handler_timeout'))
    }
    // Not waited for: a silent store must not put off the end. A lost lease is found out when the claim is to become final.
    claims?.renew().catch(() => {})
    timer = nextTick()
  }
  const nextTick = () => {
    const next = setTimeout(keepAlive, Math.max(1, Math.min(leaseMs / 3, giveUpAtMs - Date.now())))
    unref(next)
    return next
  }
  let timer = nextTick()

  const begin: Paid['begin'] = (status, existing) => {
    const isGone = client.aborted ?? client.signal?.aborted
    if (status < 200 || status >= 400 || isGone) {
      const released = release(isGone ? 'client_gone' : 'handler_failed')
      return { headers: [], ready: released.then(() => undefined), final: () => [], copies: [] }
    }
    const { outcome, settlement } = settled ?? {}
    const headers = [...answers.paidHeaders(outcome ? undefined : settlement, existing), ...(sale?.headers ?? [])]
    const final = () => (outcome && settlement ? answers.settlementHeaders({ ...settlement, ...outcome() }) : [])
    const ready = commit()
    const isFinal = ready.then((refused) => refused === undefined)
    const started = { status, headers: existing, marks: headers }
    const copies = uses.flatMap((use) => use.answered(started, isFinal) ?? [])
    if (!isStream) return { headers, ready, final, copies }
    // Events are produced, and paid for, as they are read: a copy would read on when nobody else does.
    for (const copy of copies) copy.cut()
    return { headers, ready, final, copies: [] }
  }

  return {
    kind: 'paid',
    payment,
    begin,
    expired,
    abandon: () => release('handler_failed'),
    async deliver(handler) {
      const answer = await Promise.race([run(handler), expired]).catch(async (error: unknown) => {
        await release('handler_failed')
        throw error
      })
      if (isRefused(answer)) return answer.toResponse()
      if (!isResponse(answer)) {
        await release('handler_failed')
        throw new TypeError('The handler gave no Response.')
      }
      const { headers, ready, final, copies } = begin(answer.status, answer.headers)
      const refused = await ready
      if (refused) return refused.toResponse()
      if (copies.length > 0) void copyBody(answer, copies)
      return marked(answer, [...headers, ...final()])
    },
  }
}

const run = async (handler: Parameters<Paid['deliver']>[0]) => handler()

const isRefused = (answer: Response | Refused | undefined): answer is Refused =>
  answer !== undefined && 'kind' in answer && answer.kind === 'refused'

/** By its form: a runtime may have more than one class of that name. */
const isResponse = (answer: Response | undefined): answer is Response =>
  typeof answer?.status === 'number' && typeof answer.headers?.get === 'function'

function marked(response: Response, headers: readonly Header[]): Response {
  try {
    for (const [name, value] of headers) {
      if (name === 'Set-Cookie') response.headers.append(name, value)
      else response.headers.set(name, value)
    }
    return response
  } catch {
    // A copy, because a response that came from fetch() has headers that cannot be changed.
    return marked(new Response(response.body, response), headers)
  }
}

/** Gives copies the bytes of a body beside its reader, who does not wait for them. Never rejects. */
async function copyBody(answer: Response, copies: readonly AnswerCopy[]): Promise<void> {
  try {
    const reader = answer.clone().body?.getReader()
    for (let next = await reader?.read(); next?.value; next = await reader?.read()) {
      const { value } = next
      const wanted = copies.filter((copy) => copy.write(value))
      if (wanted.length === 0) return void reader?.cancel().catch(() => {}) // told only when the answer has ended
    }
    for (const copy of copies) copy.end()
  } catch {
    for (const copy of copies) copy.cut()
  }
}

/** A waiting lease must not keep a process alive. Edge runtimes give timers as numbers. */
function unref(timer: unknown): void {
  ;(timer as { unref?: () => void }).unref?.()
}
