/** One rate of several, so that none of them can move it alone. */
import { ONE } from './decimal.ts'

export interface Agreement {
  /** Fewer are not believed. */
  readonly minSources: number
  /** How far from the median counts as agreeing: a part of it, times `ONE`. */
  readonly maxSpread: bigint
}

/**
 * The median, if more than half of the rates are near it. Of two in the middle it is the lower, which makes prices dearer
 * in XNO: who sells for a dollar does not get less than a dollar.
 */
export function agree(rates: readonly bigint[], { minSources, maxSpread }: Agreement): bigint | 'few' | 'apart' {
  const median = rates.toSorted((a, b) => (a < b ? -1 : 1))[Math.floor((rates.length - 1) / 2)]
  if (median === undefined || rates.length < minSources) return 'few'
  const near = rates.filter((rate) => (rate > median ? rate - median : median - rate) * ONE <= maxSpread * median)
  return near.length >= minSources && 2 * near.length > rates.length ? median : 'apart'
}
