/** One shared poller for everything that is waited for. */
import { NodeUnavailableError } from '../errors.ts'
import type { BlockHash } from '../nano/index.ts'
import type { LedgerBlock, Sight } from './observe.ts'
import { deferred, givenUp, unref } from './wait.ts'

export interface PollerOptions {
  /** Looks blocks up together. */
  look(hashes: readonly BlockHash[]): Promise<ReadonlyMap<BlockHash, Sight>>
  readonly maxBatch: number
  readonly maxWaiting: number
  readonly pollMs: number
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
  readonly waiters: Set<(outcome: Sight) => void>
}

const isConfirmed = (sight: Sight) => sight !== undefined && !(sight instanceof Error) && sight.confirmed

/** Looks at all that is waited for, in turn, then pauses. Nothing runs while nobody waits. */
export function createPoller({ look, maxBatch, maxWaiting, pollMs }: PollerOptions): Poller {
  const waiting = new Map<BlockHash, Waiting>()
  const urgent = new Set<BlockHash>()
  let running = false
  let closed: NodeUnavailableError | undefined
  let wake = () => {}

  const pause = () =>
    new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, pollMs)
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
        if (urgent.size === 0) round = [...waiting.keys()].sort((a, b) => rank(a) - rank(b))
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

  const rank = (hash: BlockHash) => (waiting.get(hash)?.last === undefined ? 1 : 0)

  async function lookAt(batch: readonly BlockHash[]) {
    const sights = await look(batch).catch((error: NodeUnavailableError) => error)
    for (const hash of batch) {
      const entry = waiting.get(hash)
      if (entry === undefined) continue
      entry.last = sights instanceof Error ? sights : sights.get(hash)
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
        entry = { last, waiters: new Set() }
        waiting.set(hash, entry)
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
      for (const one of hash === undefined ? waiting.keys() : [hash]) if (waiting.has(one)) urgent.add(one)
      if (urgent.size > 0) wake()
    },
    close() {
      closed = new NodeUnavailableError('The ledger was closed.')
      for (const { waiters } of [...waiting.values()]) for (const end of [...waiters]) end(closed)
    },
  }
}
