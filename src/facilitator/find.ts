/**
 * Finds payments for the pages of resource servers, which have no node. It grants nothing: what is found is presented like
 * everybody's. Nothing is looked up for a session whose seal is not genuine.
 */
import { type Arrivals, type ArrivalsOptions, createArrivals, type Sight, type Wanted } from '../arrivals/index.ts'
import { ownCashier } from '../core/take.ts'
import { nanoAddress } from '../nano/index.ts'
import type { FindAnswer, FindOrder } from '../remote/find.ts'
import { isInputName } from '../remote/wire.ts'
import { boundAs, type Counter } from './counter.ts'

export interface Finder {
  /** What has become of a session and its payment. `signal` aborts when nobody waits any more. */
  find(order: FindOrder, signal?: AbortSignal): Promise<FindAnswer>
}

/** One for all resource servers: they share the index of each account, and the room to wait in. */
export interface Lookout {
  sight(wanted: Wanted, look: NonNullable<FindOrder['look']>, signal?: AbortSignal): Promise<Sight>
  close(): void
}

/** Questions that wait for news at once. Beyond that the answer is what is known now. */
const MAX_WAITING = 1_000
const MAX_WAIT_MS = 5_000

export function createLookout(view: ArrivalsOptions): Lookout {
  const arrivals = createArrivals(view)
  let waiting = 0
  return {
    async sight(wanted, { known, waitMs }, signal) {
      const limitMs = Math.min(waitMs, MAX_WAIT_MS)
      if (known === undefined) return arrivals.look(wanted, limitMs)
      waiting++
      try {
        return await nextSight(arrivals, wanted, known, { limitMs: waiting > MAX_WAITING ? 0 : limitMs, signal })
      } finally {
        waiting--
      }
    },
    close: () => arrivals.close(),
  }
}

/** What is seen as soon as it is something else than what is known, or what is seen when the time is up. */
const nextSight = (
  arrivals: Arrivals,
  wanted: Wanted,
  known: Sight['state'],
  { limitMs, signal }: { readonly limitMs: number; readonly signal: AbortSignal | undefined },
) =>
  new Promise<Sight>((resolve) => {
    let last: Sight = { state: 'waiting' }
    let stop: (() => void) | undefined
    const end = () => {
      clearTimeout(timer)
      signal?.removeEventListener('abort', end)
      stop?.()
      resolve(last)
    }
    const timer = setTimeout(end, limitMs)
    signal?.addEventListener('abort', end, { once: true })
    stop = arrivals.watch(wanted, (sight) => {
      last = sight
      if (sight.state !== known && stop) end()
    })
    if (last.state !== known || signal?.aborted) end()
  })

export const createFinder = (counter: Counter, lookout: Lookout): Finder => ({
  async find(order, signal) {
    const { sessionId, inputs = {}, look } = order
    const till = await counter.till(order, {
      price() {
        throw new TypeError('Nothing is priced here.')
      },
    })
    const sealed = till.seal.peek(sessionId)?.inputs ?? []
    const unseen = sealed.filter((name) => isInputName(name) && !Object.hasOwn(inputs, name))
    if (unseen.length > 0) return { needs: { inputs: unseen } }
    const reopened = await ownCashier(till).reopen?.(sessionId, boundAs(order))
    if (!reopened) return { session: null }
    const { id, issuedAtMs, expiresAtMs, payTo, amount } = reopened.quote
    const session = { id, issuedAtMs, expiresAtMs, accepts: reopened.offers.accepts }
    if (!look) return { session }
    const payment = await lookout.sight({ account: nanoAddress(payTo), amount, issuedAtMs }, look, signal)
    return { session: { ...session, payment } }
  },
})
