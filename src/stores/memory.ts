/**
 * Claims and records in this process: the fastest store, and gone with the process. It forgets as it goes, a few entries
 * for each new one, so it needs no timer; what may not be forgotten yet is never pushed out.
 */
import type { ClaimId, ClaimResult, Owner, Store, Versioned } from '../core/store.ts'
import { StoreFullError } from '../errors.ts'
import { type ClaimState, inspectClaim, isForgettable, take } from './claim.ts'

/** How much is remembered. */
export interface MemoryStoreOptions {
  /** How many claims it holds, and how many records, before it refuses new ones. Default 1,000,000, about 300 bytes each. */
  readonly maxClaims?: number
  /** The clock: Unix time in ms. */
  readonly now?: () => number
}

type Mutable<T> = { -readonly [Key in keyof T]: T[Key] }

// Made once: a paid request asks a handful of times, and these are all the answers that there are.
const YES = Promise.resolve(true)
const NO = Promise.resolve(false)
const DONE = Promise.resolve()
const RESULTS: Readonly<Record<ClaimResult, Promise<ClaimResult>>> = {
  claimed: Promise.resolve('claimed'),
  held: Promise.resolve('held'),
  spent: Promise.resolve('spent'),
  exhausted: Promise.resolve('exhausted'),
}

/**
 * A store in this process's memory. A restart empties it.
 *
 * `claim` and `write` reject with {@link StoreFullError} (`ERR_STORE_FULL`) when there is no room and nothing to forget.
 *
 * @example
 * memoryStore().durable // false
 */
export function memoryStore({ maxClaims = 1_000_000, now = Date.now }: MemoryStoreOptions = {}): Store {
  const claims = forgetfulMap<Mutable<ClaimState>>(maxClaims, now)
  const records = forgetfulMap<{ readonly record: Versioned; readonly keepUntilMs: number }>(maxClaims, now)
  const epoch = Promise.resolve(now())

  const ownersClaim = (id: ClaimId, owner: Owner) => {
    const claim = claims.get(id)
    return claim?.owner === owner ? claim : undefined
  }
  const currentRecord = (key: string): Versioned | undefined => {
    const entry = records.get(key)
    return entry && !isForgettable(entry, now()) ? entry.record : undefined
  }

  return {
    durable: false,
    epochMs: () => epoch,
    claim(id, owner, limits) {
      const taken = take(claims.get(id), { owner, limits, nowMs: now() })
      if (typeof taken === 'string') return RESULTS[taken]
      return claims.set(id, taken) ? RESULTS.claimed : Promise.reject(full())
    },
    renew(id, owner, leaseMs) {
      const claim = ownersClaim(id, owner)
      if (claim) claim.leaseEndsAtMs = now() + leaseMs
      return claim ? YES : NO
    },
    commit(id, owner, keepUntilMs) {
      const claim = ownersClaim(id, owner)
      if (!claim) return NO
      claim.spent = true
      claim.leaseEndsAtMs = 0
      claim.keepUntilMs = Math.max(keepUntilMs, claim.keepUntilMs)
      return YES
    },
    release(id, owner) {
      const claim = ownersClaim(id, owner)
      if (claim && !claim.spent) {
        claim.owner = undefined
        claim.leaseEndsAtMs = 0
      }
      return DONE
    },
    inspect: (id) => Promise.resolve(inspectClaim(claims.get(id), now())),
    read: (key) => Promise.resolve(currentRecord(key)),
    write(key, expectedVersion, value, keepUntilMs) {
      if ((currentRecord(key)?.version ?? 0) !== expectedVersion) return NO
      const record = { version: expectedVersion + 1, value }
      return records.set(key, { record, keepUntilMs }) ? YES : Promise.reject(full())
    },
    close: () => DONE,
  }
}

const full = () =>
  new StoreFullError('The memory store is full: raise its maxClaims, or use a store that keeps its claims on disk.')

/** A map with a limit, which makes room by forgetting what may be forgotten, and only that. */
function forgetfulMap<T extends Parameters<typeof isForgettable>[0]>(limit: number, now: () => number) {
  const entries = new Map<string, T>()
  let cursor = entries.entries()
  let untilSweep = 0

  function sweep(steps: number): void {
    const nowMs = now()
    for (let i = 0; i < steps; i++) {
      const next = cursor.next()
      if (next.done) cursor = entries.entries()
      else if (isForgettable(next.value[1], nowMs)) entries.delete(next.value[0])
    }
  }

  /** Looks at two entries for each new one, so that what may be forgotten never piles up; at many when full. */
  function hasRoom(): boolean {
    if (entries.size >= limit) sweep(1000)
    else if (untilSweep-- === 0) {
      untilSweep = 15
      sweep(32)
    }
    return entries.size < limit
  }

  return {
    get: (key: string) => entries.get(key),
    /** False: it is new, and there is no room for it. */
    set(key: string, value: T): boolean {
      if (!entries.has(key) && !hasRoom()) return false
      entries.set(key, value)
      return true
    },
  }
}
