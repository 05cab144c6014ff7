/** How often somebody may do what costs us something, counted in this process. */
import { LRUCache } from '#lru-cache'

export interface RateOptions {
  /** So often in each period, for each name. */
  readonly most: number
  readonly periodMs: number
  /** The clock: Unix time in ms. */
  readonly now?: () => number
}

/** How many names are counted at once. */
const COUNTED = 10_000

/** Whether there is one more, which is then counted. */
export function createRate({ most, periodMs, now = Date.now }: RateOptions): (name: string) => boolean {
  const counts = new LRUCache<string, { readonly period: number; count: number }>({ max: COUNTED })
  return (name) => {
    const period = Math.floor(now() / periodMs)
    const known = counts.get(name)
    const entry = known?.period === period ? known : { period, count: 0 }
    counts.set(name, entry)
    entry.count++
    return entry.count <= most
  }
}
