/** One shared poller for everything that is waited for. */
import { LRUCache } from '#lru-cache'
import { NodeUnavailableError } from '../errors.ts'
import type { BlockHash } from '../nano/index.ts'
import type { LedgerBlock, Sight } from './observe.ts'
import { deferred, givenUp, unref } from './wait.ts'

export interface PollerOptions {
  /** Looks blocks up together. */
  look(hashes: readonly BlockHash[]): Promise<ReadonlyMap<BlockHash, Sight>>
  readonly maxBatch: number
  readonly maxWaiting: number
  /** The longest pause between two looks at the same block. */
  readonly pollMs: number
  /** Whether the network tells when to look, so that there is no hurry. */
  isTold(): boolean
}

export interface Poller {
  /** What was seen last of a block that somebody waits for; undefined: nobody does. */
  watched(hash: BlockHash): { readonly last: Sight } | undefined
  /** The block once it is confirmed; what was seen last when the time is over, or there is no place to wait. */
  wait(
    hash: BlockHash,
    options: {
      readonly last: LedgerBlock | undefined
      readonly timeoutMs: number
      readonly signal: AbortSignal | undefined
    },
  ): Promise<LedgerBlock | undefined>
  /** Look at this block now, or at all of them. */
  hint(hash: BlockHash | undefined): void
  close(): void
}

interface Waiting {
  last: Sight
  /** When it was first waited for, and when it is looked at next. */
  readonly sinceMs: number
  dueMs: number
  readonly waiters: Set<(outcome: Sight) => void>
}

/** The shortest pause between two rounds of looks is this part of the longest. */
const SHORTEST_PART = 5
/** A block that exists is looked at again when it has been waited for this much longer than before. */
const LONGER_PART = 4
/** Blocks that the network told of before anybody waited for them. */
const MAX_TOLD = 1_000

const isSeen = (sight: Sight): sight is LedgerBlock => sight !== undefined && !(sight instanceof Error)
const isConfirmed = (sight: Sight) => isSeen(sight) && sight.confirmed

/**
 * Looks at what is waited for: together, and each block at its own pace. Most blocks are confirmed within a second, so one
 * that exists is looked at more often while it is young. Nothing runs while nobody waits.
 */
export function createPoller({ look, maxBatch, maxWaiting, pollMs, isTold }: PollerOptions): Poller {
  const waiting = new Map<BlockHash, Waiting>()
  const urgent = new Set<BlockHash>()
  const told = new LRUCache<BlockHash, true>({ max: MAX_TOLD })
  const shortestMs = pollMs / SHORTEST_PART
  let running = false
  let closed: NodeUnavailableError | undefined
  let lastRoundMs = Number.NEGATIVE_INFINITY
  let wake = () => {}

  /** How long until it is looked at again. What nobody has seen can be made up, and hurries nobody. */
  function paceOf({ last, sinceMs }: Pick<Waiting, 'last' | 'sinceMs'>): number {
    if (!isSeen(last) || isTold()) return pollMs
    return Math.min(pollMs, Math.max(shortestMs, (performance.now() - sinceMs) / LONGER_PART))
  }

  /** Until something is due, and no sooner after the last round than the shortest pause. */
  const pause = () =>
    new Promise<void>((resolve) => {
      const dueMs = Math.min(...[...waiting.values()].map((entry) => entry.dueMs))
      const timer = setTimeout(resolve, Math.max(dueMs, lastRoundMs + shortestMs) - performance.now())
      unref(timer)
      wake = () => {
        clearTimeout(timer)
        resolve()
      }
    })

  async function run() {
    running = true
    let round: BlockHash[] = []
    while (waiting.size > 0) {
      if (urgent.size === 0 && round.length === 0) {
        await pause()
        // Blocks that exist come first: nobody can make those up.
        if (urgent.size === 0) round = due().sort((a, b) => rank(a) - rank(b))
        if (round.length > 0) lastRoundMs = performance.now()
      }
      const batch = [...new Set([...urgent, ...round])].filter((hash) => waiting.has(hash)).slice(0, maxBatch)
      for (const hash of batch) urgent.delete(hash)
      for (const hash of urgent) if (!waiting.has(hash)) urgent.delete(hash)
      const done = new Set(batch)
      round = round.filter((hash) => !done.has(hash) && waiting.has(hash))
      if (batch.length > 0) await lookAt(batch)
    }
    running = false
  }

  const due = () => [...waiting].flatMap(([hash, { dueMs }]) => (dueMs <= performance.now() ? [hash] : []))
  const rank = (hash: BlockHash) => (waiting.get(hash)?.last === undefined ? 1 : 0)

  async function lookAt(batch: readonly BlockHash[]) {
    const sights = await look(batch).catch((error: NodeUnavailableError) => error)
    for (const hash of batch) {
      const entry = waiting.get(hash)
      if (entry === undefined) continue
      entry.last = sights instanceof Error ? sights : sights.get(hash)
      entry.dueMs = performance.now() + paceOf(entry)
      if (!isConfirmed(entry.last)) continue
      waiting.delete(hash)
      for (const end of [...entry.waiters]) end(entry.last)
    }
  }

  return {
    watched: (hash) => waiting.get(hash),
    wait(hash, { last, timeoutMs, signal }) {
      if (closed) return Promise.reject(closed)
      let entry = waiting.get(hash)
      // What nobody has seen can be made up, so it takes at most half of the places.
      const places = last === undefined ? maxWaiting / 2 : maxWaiting
      if (entry === undefined && waiting.size >= places) return Promise.resolve(last)
      if (entry === undefined) {
        const sinceMs = performance.now()
        entry = { last, sinceMs, dueMs: sinceMs + paceOf({ last, sinceMs }), waiters: new Set() }
        waiting.set(hash, entry)
        if (told.delete(hash)) urgent.add(hash)
        wake()
      }
      const { waiters } = entry
      const { promise, resolve, reject } = deferred<LedgerBlock | undefined>()
      // Somebody awaits it, so a process does not end before it; the poller alone would not keep it.
      const timer = setTimeout(() => end(waiting.get(hash)?.last), timeoutMs)
      const abort = () => signal && end(givenUp(signal))
      function end(outcome: Sight) {
        clearTimeout(timer)
        signal?.removeEventListener('abort', abort)
        waiters.delete(end)
        if (waiters.size === 0 && waiting.get(hash)?.waiters === waiters) waiting.delete(hash)
        if (waiting.size === 0) wake()
        if (outcome instanceof Error) reject(outcome)
        else resolve(outcome)
      }
      waiters.add(end)
      signal?.addEventListener('abort', abort, { once: true })
      if (signal?.aborted) abort()
      if (!running) run()
      return promise
    },
    hint(hash) {
      for (const one of hash === undefined ? waiting.keys() : [hash]) {
        if (waiting.has(one)) urgent.add(one)
        else told.set(one, true)
      }
      if (urgent.size > 0) wake()
    },
    close() {
      closed = new NodeUnavailableError('The ledger was closed.')
      for (const { waiters } of [...waiting.values()]) for (const end of [...waiters]) end(closed)
    },
  }
}
