/** The payments of one channel that have not come to an end: which a call works on, and what they may still cost. */
import { deferred } from '../../rpc/wait.ts'
import type { Release } from '../budget.ts'
import type { Known } from './receipts.ts'

/** A payment in the channel that has not come to an end. */
export interface Held {
  readonly id: string
  /** Names the request. */
  readonly key: string
  readonly url: string
  readonly method: string
  readonly atMs: number
  /** What its proof authorises in all. */
  reach: bigint
  /** The most that it may cost. */
  max: bigint
  /** Takes `max` out of the budget. */
  release: Release
  /** Whether a call works on it. */
  isUnderWay: boolean
  /** What was known of the channel when it was first presented. */
  readonly before: Before
  /** It was presented, or may have been, and what became of it is not known: it may have been charged. */
  isUncertain: boolean
  /** The last answer was a fault of the server: it was not charged by that, and is not expected to be. */
  isFailed: boolean
  /** A stream, which may draw on all that is authorised and that others did not use. */
  readonly isStream?: true
}

/** What was known of the channel when a question was sent. */
export type Before = Pick<Known, 'deposit' | 'charged'>

/** How many payments are under way at once. The payee remembers twice as many, so that none is forgotten before it ends. */
const MAX_UNDER_WAY = 32

export type Holding = ReturnType<typeof createHolding>

export function createHolding() {
  const held = new Map<string, Held>()
  let freed = deferred<void>()
  const others = (but?: Held) => [...held.values()].filter((one) => one !== but)
  const underWay = (but?: Held) => others(but).filter(({ isUnderWay }) => isUnderWay)
  const sumOf = (payments: readonly Held[]) => payments.reduce((sum, { max }) => sum + max, 0n)
  function free() {
    freed.resolve()
    freed = deferred()
  }
  return {
    all: () => [...held.values()],
    /** That no call works on. */
    idle: () => [...held.values()].filter(({ isUnderWay }) => !isUnderWay),
    others,
    underWay,
    isFull: (but?: Held) => underWay(but).length >= MAX_UNDER_WAY,
    /** The most that all others may cost. */
    most: (but?: Held) => sumOf(others(but)),
    /** What the proof of the next payment has to leave for others. */
    exposure: (but?: Held) => sumOf(others(but).filter((one) => one.isUnderWay || (one.isUncertain && !one.isFailed))),
    put: (one: Held) => void held.set(one.id, one),
    /** Ends it. False: it had ended before. */
    remove(one: Held): boolean {
      const isThere = held.delete(one.id)
      if (isThere) free()
      return isThere
    },
    /** A payment for this request that no call works on. */
    take(key: string): Held | undefined {
      for (const one of held.values()) {
        if (one.key !== key || one.isUnderWay) continue
        one.isUnderWay = true
        return one
      }
      return undefined
    },
    /** No call works on it any more. */
    giveBack(one: Held) {
      one.isUnderWay = false
      free()
    },
    /** Resolves when a payment ends, or is given back. */
    freed: () => freed.promise,
  }
}
