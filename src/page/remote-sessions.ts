/**
 * Sessions that a facilitator has sealed, and whose payments it looks for. It is believed about what was paid. What a person
 * is asked to pay was ordered when it was offered, and the browser notes it, so that the facilitator cannot change it later.
 */
import type { Sight } from '../arrivals/index.ts'
import { type Pricing, readUnprovenInputs, TAG_MODULUS } from '../core/quote.ts'
import type { PaywallRequest } from '../core/request.ts'
import { FacilitatorError } from '../errors.ts'
import { blockHash } from '../nano/index.ts'
import type { Ask } from '../remote/ask.ts'
import { type FindAnswer, type FindOrder, type FoundSession, readFindAnswer } from '../remote/find.ts'
import { boundTo, digests } from '../remote/order.ts'
import { unref } from '../rpc/wait.ts'
import type { PaymentRequirements } from '../x402/shapes.ts'
import type { Sessions } from './sessions.ts'

/** A session that pages wait for: however many, the facilitator is asked one question at a time. */
interface Followed {
  readonly listeners: Set<(sight: Sight) => void>
  sight: Sight
}

const WAITING: Sight = { state: 'waiting' }
const MAX_FOLLOWED = 1_000
const WAIT_MS = 5_000
/** Between two questions, where the answer did not wait for news. */
const PAUSE_MS = 1_000
const PAUSE_AFTER_FAILURE_MS = 5_000

export function remoteSessions(ask: Ask): Sessions {
  const followed = new Map<string, Followed>()
  const waitMs = Math.min(WAIT_MS, ask.timeoutMs / 2)
  let closed = false

  /** What is found, and the question that the facilitator understood. */
  async function find(sessionId: string, request: PaywallRequest, pricing: Pricing) {
    const order: FindOrder = { ...boundTo(request, pricing), sessionId }
    const answer = await ask('find', readFindAnswer, order)
    if (!('needs' in answer)) return { order, ...answer }
    // Named by the browser until the seal is opened: what no price could have read is no session of ours.
    const { inputs: names } = answer.needs
    const values = await readUnprovenInputs(request, names, pricing)
    if (!values) return undefined
    const complete = { ...order, inputs: await digests(names, values) }
    const found = await ask('find', readFindAnswer, complete)
    if ('needs' in found) throw new FacilitatorError('The facilitator asks without end.')
    return { order: complete, ...found }
  }

  const lookFor = async (order: FindOrder, look: NonNullable<FindOrder['look']>): Promise<Sight | undefined> =>
    ask('find', readFindAnswer, { ...order, look }).then(sightIn, () => undefined)

  async function follow(order: FindOrder, entry: Followed): Promise<void> {
    while (entry.listeners.size > 0 && !closed && entry.sight.state !== 'confirmed') {
      const startedMs = performance.now()
      const sight = await lookFor(order, { waitMs, known: entry.sight.state })
      if (sight && sight.state !== entry.sight.state) {
        entry.sight = sight
        for (const listener of [...entry.listeners]) listener(sight)
      } else await pause((sight ? PAUSE_MS : PAUSE_AFTER_FAILURE_MS) - (performance.now() - startedMs))
    }
    followed.delete(order.sessionId)
  }

  return {
    noteOf,
    async reopen({ id: sessionId, note }, request, { pricing }) {
      const found = await find(sessionId, request, pricing)
      if (!found?.session) return undefined
      const { order, session } = found
      const quote = quoteOf(sessionId, session, pricing)
      return {
        quote,
        offers: isAsNoted(session, note, pricing) ? { amount: quote.amount, accepts: session.accepts } : undefined,
        look: async (timeoutMs) => (await lookFor(order, { waitMs: Math.min(waitMs, timeoutMs) })) ?? WAITING,
        watch(listener) {
          const known = followed.get(sessionId)
          const entry = known ?? { listeners: new Set(), sight: WAITING }
          listener(entry.sight)
          if (!known && followed.size >= MAX_FOLLOWED) return () => {}
          entry.listeners.add(listener)
          followed.set(sessionId, entry)
          if (!known) void follow(order, entry)
          return () => entry.listeners.delete(listener)
        },
      }
    },
    close() {
      closed = true
    },
  }
}

function sightIn(answer: FindAnswer): Sight | undefined {
  const payment = 'session' in answer ? answer.session?.payment : undefined
  if (!payment) return undefined
  const { state, hash } = payment
  if (state === 'waiting' || state === 'cut') return { state }
  return hash === undefined ? undefined : { state, hash: blockHash(hash) }
}

function quoteOf(sessionId: string, { id, issuedAtMs, expiresAtMs, accepts }: FoundSession, { network }: Pricing) {
  const [offer] = accepts
  const amount = BigInt(offer?.amount ?? 0)
  const tag = amount % TAG_MODULUS
  const payTo = offer?.payTo ?? ''
  return { id, sessionId, amount, resourceAmount: amount - tag, tag, payTo, network, issuedAtMs, expiresAtMs }
}

const noteOf = ({ amount, payTo }: PaymentRequirements): string => `.${amount}.${payTo}`

/** Whether all of it asks what the person was asked when it was ordered. */
const isAsNoted = ({ accepts }: FoundSession, note: string, { network }: Pricing): boolean =>
  accepts.every((offer) => noteOf(offer) === note && offer.network === network && offer.asset === 'XNO')

const pause = (ms: number) => new Promise<void>((resolve) => unref(setTimeout(resolve, Math.max(0, ms))))
