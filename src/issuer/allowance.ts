/** How often something may be done. */
import { LRUCache } from '#lru-cache'

const MINUTE_MS = 60_000

export interface Allowance {
  /** False: there is not so much left in this minute. */
  take(amount: number): boolean
  give(amount: number): void
}

/** So much may be taken in each minute. */
export function createAllowance(perMinute: number, now: () => number): Allowance {
  let minute = 0
  let left = 0
  return {
    take(amount: number): boolean {
      const current = Math.floor(now() / MINUTE_MS)
      if (current !== minute) {
        minute = current
        left = perMinute
      }
      if (left < amount) return false
      left -= amount
      return true
    },
    give(amount: number): void {
      left = Math.min(perMinute, left + amount)
    },
  }
}

/** The same for each of many names, of which those are remembered that were seen last. */
export function createAllowances(perMinute: number, now: () => number): (name: string) => Allowance {
  const known = new LRUCache<string, Allowance>({ max: 10_000 })
  return (name) => {
    const allowance = known.get(name) ?? createAllowance(perMinute, now)
    known.set(name, allowance)
    return allowance
  }
}
