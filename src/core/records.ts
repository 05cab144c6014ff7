/**
 * Values in a store that change by pure functions, under its versioned compare-and-set. Of one process, all changes of one
 * key that come in one turn of its event loop, or while a write is under way, are written together, so that a thousand
 * requests on one channel are not a thousand writes; of several processes, whoever was slower reads again and decides anew. What the last write left is kept at hand: the next write
 * fails if it is not what the store has, and what would change nothing is decided again on what the store has.
 */

import { endOfTurn } from '#core/turn'
import { LRUCache } from '#lru-cache'
import { StoreError } from '../errors.ts'
import type { Store } from './store.ts'

export interface RecordsOptions<T> {
  readonly store: Store
  readonly encode: (value: T) => string
  readonly decode: (text: string) => T
  /** Until when the store keeps it (Unix time in ms). */
  readonly keepUntilMs: (value: T) => number
  /** Called when somebody else was faster. */
  readonly onConflict?: () => void
}

/** What a change makes of a value, and what there is to say. The very value that was given: nothing is written. */
export interface Changed<T, Result> {
  readonly value: T | undefined
  readonly result: Result
}

/**
 * It may be run again. One that reads other keys on the way is told the truth about this key all the same: the write succeeds
 * only if the value is still the one that was given, so that whatever it read was read of a time after that.
 */
export type Change<T, Result> = (value: T | undefined) => Changed<T, Result> | Promise<Changed<T, Result>>

export interface Records<T> {
  /** As the store has it. */
  read(key: string): Promise<T | undefined>
  /** As it was a moment ago: what the last change left, if that is at hand. */
  recent(key: string): Promise<T | undefined>
  /** Changes it in one atomic step. Rejects with `StoreError`: then nobody knows whether it was changed. */
  update<Result>(key: string, change: Change<T, Result>): Promise<Result>
}

/** How many values are kept at hand. */
const AT_HAND = 10_000

/** Whoever is overtaken so often in a row is told so. Each time, somebody else got on. */
const MAX_CONFLICTS = 1_000

interface Entry<T> {
  /** 0: there is none. */
  readonly version: number
  readonly value: T | undefined
}

interface Task<T> {
  readonly change: Change<T, unknown>
  readonly resolve: (result: never) => void
  readonly reject: (error: unknown) => void
}

export function createRecords<T>({ store, encode, decode, keepUntilMs, onConflict }: RecordsOptions<T>): Records<T> {
  const atHand = new LRUCache<string, Entry<T>>({ max: AT_HAND })
  const waiting = new Map<string, Task<T>[]>()

  async function load(key: string): Promise<Entry<T>> {
    const found = await store.read(key)
    if (found === undefined) return { version: 0, value: undefined }
    const entry = { version: found.version, value: decode(found.value) }
    atHand.set(key, entry)
    return entry
  }

  /** The results of these changes, made in their order in one write. */
  async function apply(key: string, tasks: readonly Task<T>[]): Promise<readonly unknown[]> {
    let known = atHand.get(key)
    for (let conflicts = 0; conflicts < MAX_CONFLICTS; ) {
      const entry = known ?? (await load(key))
      let { value } = entry
      const results: unknown[] = []
      for (const { change } of tasks) {
        const made = change(value)
        const changed = made instanceof Promise ? await made : made
        value = changed.value
        results.push(changed.result)
      }
      if (value === entry.value || value === undefined) {
        if (known === undefined) return results
        known = undefined
        continue
      }
      if (await store.write(key, entry.version, encode(value), keepUntilMs(value))) {
        atHand.set(key, { version: entry.version + 1, value })
        return results
      }
      known = undefined
      conflicts++
      onConflict?.()
    }
    throw new StoreError('Too many others write the same record of the store.')
  }

  async function work(key: string, queue: Task<T>[]): Promise<void> {
    while (queue.length > 0) {
      await endOfTurn()
      const tasks = queue.splice(0)
      try {
        const results = await apply(key, tasks)
        for (const [i, { resolve }] of tasks.entries()) resolve(results[i] as never)
      } catch (error) {
        for (const { reject } of tasks) reject(error)
      }
    }
    waiting.delete(key)
  }

  return {
    read: async (key) => (await load(key)).value,
    recent: async (key) => atHand.get(key)?.value ?? (await load(key)).value,
    update: (key, change) =>
      new Promise((resolve, reject) => {
        const task: Task<T> = { change, resolve, reject }
        const queue = waiting.get(key)
        if (queue) {
          queue.push(task)
          return
        }
        const started = [task]
        waiting.set(key, started)
        void work(key, started)
      }),
  }
}
