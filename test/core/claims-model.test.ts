import fc from 'fast-check'
import type { Store } from 'nano402'
import { memoryStore } from 'nano402/stores/memory'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { claimAll, type HeldClaims } from '../../src/core/claims.ts'
import { gate } from '../support/wait.ts'

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['Date'] })
})
afterEach(() => {
  vi.useRealTimers()
})

const LEASE_MS = 1_000
const STARTED_MS = 1_800_000_000_000
const FOREVER_MS = 4_000_000_000_000

/** What one process does with a proof, and how its handler ends. */
interface Guard {
  /** The ids that it uses up. */
  readonly ids: readonly string[]
  readonly ending: 'commit' | 'release' | 'crash' | 'renew and commit' | 'late commit'
  /** What the clock does while the handler runs. */
  readonly stepMs: number
}

const guardsWith = (...proofs: readonly (readonly [session: string, block: string])[]) => {
  const guard: fc.Arbitrary<Guard> = fc.record({
    ids: fc.constantFrom(...proofs).map(([session, block]) => [`session:${session}`, `block:${block}`]),
    ending: fc.constantFrom('commit', 'commit', 'release', 'crash', 'renew and commit', 'late commit'),
    stepMs: fc.constantFrom(0, 0, 1, LEASE_MS - 1, LEASE_MS, 10 * LEASE_MS, -10 * LEASE_MS),
  })
  return fc.array(guard, { minLength: 2, maxLength: 6 })
}

/** A store each answer of which comes when the scheduler says so: everybody's steps mix in every order. */
const scheduled = (store: Store, s: fc.Scheduler): Store => ({
  ...store,
  claim: (id, owner, limits) => s.schedule(Promise.resolve(), `claim ${id}`).then(() => store.claim(id, owner, limits)),
  renew: (id, owner, ms) => s.schedule(Promise.resolve(), `renew ${id}`).then(() => store.renew(id, owner, ms)),
  commit: (id, owner, ms) => s.schedule(Promise.resolve(), `commit ${id}`).then(() => store.commit(id, owner, ms)),
  release: (id, owner) => s.schedule(Promise.resolve(), `release ${id}`).then(() => store.release(id, owner)),
})

const terms = { leaseMs: LEASE_MS, attempts: 10, keepUntilMs: FOREVER_MS }

/** Runs all guards on one store, and gives the store, how often each id bought an answer, and how many lost their lease. */
async function runAll(s: fc.Scheduler, guards: readonly Guard[]) {
  vi.setSystemTime(STARTED_MS)
  const inner = memoryStore()
  const store = scheduled(inner, s)
  const grants = new Map<string, number>()
  const serving = new Set<string>()
  let lost = 0

  async function serve(claims: HeldClaims, { ids, ending, stepMs }: Guard) {
    // While no time passes, no lease is over.
    if (Date.now() === STARTED_MS) for (const id of ids) expect(serving, 'served twice at once').not.toContain(id)
    for (const id of ids) serving.add(id)
    await s.schedule(Promise.resolve(), 'handler')
    vi.setSystemTime(Date.now() + stepMs)
    for (const id of ids) serving.delete(id)
    if (ending === 'crash') return
    if (ending === 'release') return claims.release()
    if (ending === 'renew and commit') await claims.renew()
    if (ending === 'late commit') await s.schedule(Promise.resolve(), 'late')
    const isFinal = await claims.commit().then(
      () => true,
      () => false,
    )
    if (!isFinal) lost++
    else for (const id of ids) grants.set(id, (grants.get(id) ?? 0) + 1)
  }

  const running = guards.map(async (guard) => {
    const claims = await claimAll(store, guard.ids, terms)
    if (typeof claims === 'object') await serve(claims, guard)
  })
  await s.waitFor(Promise.all(running))
  return { store: inner, grants, lost }
}

test('however guards mix their steps, die, or come late, a session and a block buy one answer at most', async () => {
  const guards = guardsWith(['1', 'A'], ['1', 'A'], ['1', 'B'], ['2', 'B'])
  await fc.assert(
    fc.asyncProperty(fc.scheduler(), guards, async (s, guards) => {
      const { grants } = await runAll(s, guards)
      for (const [id, count] of grants) expect(count, id).toBe(1)
    }),
    { numRuns: 400 },
  )
})

test('however guards mix their steps or die, a payment that bought nothing is good in the end', async () => {
  const guards = guardsWith(['1', 'A'], ['1', 'A'], ['1', 'A'], ['2', 'B'])
  await fc.assert(
    fc.asyncProperty(fc.scheduler(), guards, async (s, guards) => {
      const { store, grants, lost } = await runAll(s, guards)
      // Whose lease ends between two of its commits may have used up the block for nobody: that is listed as undelivered.
      if (lost > 0) return
      vi.setSystemTime(STARTED_MS + 1_000_000_000)
      for (const { ids } of guards) {
        if (ids.some((id) => grants.has(id))) continue
        const claims = await claimAll(store, ids, terms)
        expect(typeof claims, ids.join(' ')).toBe('object')
        if (typeof claims === 'object') await claims.release()
      }
    }),
    { numRuns: 400 },
  )
})

test('a guard that slept through its lease uses nothing up once another has begun to take over', async () => {
  const ids = ['session:1', 'block:A']
  const inner = memoryStore()
  const reached = gate()
  const goOn = gate()
  const slow: Store = {
    ...inner,
    async claim(id, owner, limits) {
      if (id.startsWith('block')) {
        reached.open()
        await goOn.promise
      }
      return inner.claim(id, owner, limits)
    },
  }
  const sleeper = await claimAll(inner, ids, terms)
  if (typeof sleeper === 'string') throw new Error(sleeper)
  vi.setSystemTime(Date.now() + 10 * LEASE_MS)
  const overtaking = claimAll(slow, ids, terms)
  await reached.promise // it has the session, and not the block yet
  await expect(sleeper.commit()).rejects.toMatchObject({ code: 'ERR_LEASE_LOST' })
  goOn.open()
  const other = await overtaking
  if (typeof other === 'string') throw new Error(other)
  await other.commit()
})
