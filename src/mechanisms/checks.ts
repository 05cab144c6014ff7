/**
 * Checks of signatures that anybody can ask for. Each costs us milliseconds and its asker nothing, because sessions are
 * free. So those that led to no payment are counted, for each session and for all together, and a good one is made once.
 */
import { LRUCache } from 'lru-cache'
import { type Refusal, refusal } from '../core/refusal.ts'

export interface Checks {
  /**
   * What is wrong with a proof; undefined: nothing.
   *
   * @param proof - All that the check depends on, as text.
   */
  run(session: string, proof: string, check: () => Refusal | undefined): Refusal | undefined
}

/** Failed checks that a session gets, and that all together get in a second: a tenth of a core. */
export const MAX_FAILED_PER_SESSION = 8
export const MAX_FAILED_PER_SECOND = 25
const MAX_COUNTED_SESSIONS = 50_000
const MAX_REMEMBERED = 10_000

export function createChecks(): Checks {
  const good = new LRUCache<string, true>({ max: MAX_REMEMBERED })
  const failedBy = new LRUCache<string, number>({ max: MAX_COUNTED_SESSIONS })
  let second = 0
  let failed = 0

  function failedThisSecond(): number {
    const now = Math.floor(performance.now() / 1_000)
    if (now !== second) failed = 0
    second = now
    return failed
  }

  return {
    run(session, proof, check) {
      if (good.get(proof)) return undefined
      const failures = failedBy.get(session) ?? 0
      if (failures >= MAX_FAILED_PER_SESSION) return refusal('too_many_attempts')
      if (failedThisSecond() >= MAX_FAILED_PER_SECOND) return refusal('node_unavailable')
      const refused = check()
      if (refused) {
        failed++
        failedBy.set(session, failures + 1)
      } else good.set(proof, true)
      return refused
    },
  }
}
