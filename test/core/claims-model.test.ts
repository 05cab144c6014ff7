import fc from 'fast-check'
import type { Store } from 'nano402'
import { memoryStore } from 'nano402/stores/memory'
import { expect, test } from 'vitest'
import { claimAll, type HeldClaims } from '../../src/core/claims.ts'

const LEASE_MS = 1_000
const STARTED_MS = 1_800_000_000_000
const FOREVER_MS = 4_000_000_000_000

/** What one process does with a proof: the ids that it uses up, and how its handler ends. */
const guards = fc.record({
  session: fc.constantFrom('session:1', 'session:1', 'session:2'),
  block: fc.constantFrom('block:A', 'block:A', 'block:B'),
  ending: fc.constantFrom('commit', 'commit', 'release', 'crash', 'renew and commit', 'late commit'),
  /** What the clock does while the handler runs. */
  stepMs: fc.constantFrom(0, 0, 1, LEASE_MS - 1, LEASE_MS, 10 * LEASE_MS, -10 * LEASE_MS),
})

/** A store each answer of which comes when the scheduler says so: everybody's steps mix in every order. */
const scheduled = (store: Store, s: fc.Scheduler): Store => ({
  ...store,
  claim: (id, owner, limits) => s.schedule(Promise.resolve(), `claim ${id}`).then(() => store.claim(id, owner, limits)),
  renew: (id, owner, ms) => s.schedule(Promise.resolve(), `renew ${id}`).then(() => store.renew(id, owner, ms)),
  commit: (id, owner, ms) => s.schedule(Promise.resolve(), `commit ${id}`).then(() => store.commit(id, owner, ms)),
  release: (id, owner) => s.schedule(Promise.resolve(), `release ${id}`).then(() => store.release(id, owner)),
})

test('however many guards mix their steps, die, or come late, a session and a block buy one answer at most', async () => {
  await fc.assert(
    fc.asyncProperty(fc.scheduler(), fc.array(guards, { minLength: 2, maxLength: 6 }), async (s, all) => {
      let nowMs = STARTED_MS
      const inner = memoryStore({ now: () => nowMs })
      const store = scheduled(inner, s)
      const terms = { leaseMs: LEASE_MS, attempts: 10, keepUntilMs: FOREVER_MS }
      const grants = new Map<string, number>()
      const serving = new Set<string>()
      let leasesLost = 0

      async function serve(claims: HeldClaims, { ending, stepMs, session, block }: (typeof all)[number]) {
        // While no time passes, no lease is over.
        if (nowMs === STARTED_MS)
          for (const id of [session, block]) expect(serving, 'served twice at once').not.toContain(id)
        for (const id of [session, block]) serving.add(id)
        await s.schedule(Promise.resolve(), 'handler')
        nowMs += stepMs
        for (const id of [session, block]) serving.delete(id)
        if (ending === 'crash') return
        if (ending === 'release') return claims.release()
        if (ending === 'renew and commit') await claims.renew()
        if (ending === 'late commit') await s.schedule(Promise.resolve(), 'late')
        const isFinal = await claims.commit().then(
          () => true,
          () => false,
        )
        if (!isFinal) leasesLost++
        else for (const id of [session, block]) grants.set(id, (grants.get(id) ?? 0) + 1)
      }

      const running = all.map(async (guard) => {
        const claims = await claimAll(store, [guard.session, guard.block], terms)
        if (typeof claims === 'object') await serve(claims, guard)
      })
      await s.waitFor(Promise.all(running))

      for (const [id, count] of grants) expect(count, id).toBe(1)
      // Nothing is lost either: what no grant used up can be had, once every lease is over. A guard that slept through its
      // lease may have used up one id before it learned that the other was taken: an undelivered payment, for reconciliation.
      if (leasesLost > 0) return
      nowMs = 1_900_000_000_000
      for (const { session, block } of all) {
        const claims = await claimAll(inner, [session, block], terms)
        if (grants.has(session) || grants.has(block)) continue
        expect(typeof claims, `${session} ${block}`).toBe('object')
        if (typeof claims === 'object') await claims.release()
      }
    }),
    { numRuns: 600 },
  )
})
