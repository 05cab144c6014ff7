/**
 * Checks of signatures. Each costs us milliseconds, and whoever asks for one must have spent more: a payment, or proof of
 * work. What was spent buys a few that fail; a good one is made once.
 */
import { LRUCache } from '#lru-cache'
import { type Refusal, refusal } from '../core/refusal.ts'

export interface Checks {
  /**
   * What is wrong with a proof; undefined: nothing.
   *
   * @param spent - Names what its asker has spent.
   * @param proof - All that the check depends on, as text.
   */
  run(spent: string, proof: string, check: () => Refusal | undefined): Refusal | undefined
}

export const MAX_FAILED_CHECKS = 8
const MAX_COUNTED = 50_000
const MAX_REMEMBERED = 10_000

export function createChecks(): Checks {
  const good = new LRUCache<string, true>({ max: MAX_REMEMBERED })
  const failed = new LRUCache<string, number>({ max: MAX_COUNTED })
  return {
    run(spent, proof, check) {
      if (good.get(proof)) return undefined
      const failures = failed.get(spent) ?? 0
      if (failures >= MAX_FAILED_CHECKS) return refusal('too_many_attempts')
      const refused = check()
      if (refused) failed.set(spent, failures + 1)
      else good.set(proof, true)
      return refused
    },
  }
}
