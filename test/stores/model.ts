/** What a store promises of one id and one key, in the fewest words, and random steps that hold a store against it. */
import fc from 'fast-check'
import { expect } from 'vitest'
import type { Store } from '../../src/core/store.ts'
import type { Clock } from './clock.ts'

interface Model {
  state: 'free' | 'leased' | 'spent'
  owner: string | undefined
  used: number
  leaseEndsAtMs: number
  record: { version: number; value: string; untilMs: number } | undefined
}
type Real = { readonly store: Store; readonly id: string; readonly clock: Clock }

/** Does one thing to the store and to the model, and compares. The text is what fast-check prints of a failed run. */
const step = (text: string, run: (model: Model, real: Real) => Promise<void>): fc.AsyncCommand<Model, Real> => ({
  check: () => true,
  async run(model, real) {
    if (model.record && model.record.untilMs < real.clock.now()) model.record = undefined
    await run(model, real)
    await real.clock.settle(model.leaseEndsAtMs)
    await real.clock.settle(model.record?.untilMs ?? 0)
  },
  toString: () => text,
})

const keepUntil = (clock: Clock) => clock.now() + 86_400_000
const owner = fc.constantFrom('one', 'two', 'three')

const claim = (owner: string, leaseMs: number, attempts: number) =>
  step(`claim(${owner}, ${leaseMs} ms, ${attempts})`, async (model, { store, id, clock }) => {
    const answer = await store.claim(id, owner, { leaseMs, attempts, keepUntilMs: keepUntil(clock) })
    const isOwners = model.state === 'leased' && model.owner === owner
    const isHeld = model.state === 'leased' && !isOwners && clock.now() < model.leaseEndsAtMs
    if (model.state === 'spent') return expect(answer).toBe('spent')
    if (isHeld) return expect(answer).toBe('held')
    if (!isOwners && model.used >= attempts) return expect(answer).toBe('exhausted')
    expect(answer).toBe('claimed')
    if (!isOwners) model.used++
    Object.assign(model, { state: 'leased', owner, leaseEndsAtMs: clock.now() + leaseMs })
  })
const renew = (owner: string, leaseMs: number) =>
  step(`renew(${owner}, ${leaseMs} ms)`, async (model, { store, id, clock }) => {
    expect(await store.renew(id, owner, leaseMs)).toBe(model.owner === owner)
    if (model.owner === owner) model.leaseEndsAtMs = clock.now() + leaseMs
  })
const commit = (owner: string) =>
  step(`commit(${owner})`, async (model, { store, id, clock }) => {
    expect(await store.commit(id, owner, keepUntil(clock))).toBe(model.owner === owner)
    if (model.owner === owner) model.state = 'spent'
  })
const release = (owner: string) =>
  step(`release(${owner})`, async (model, { store, id }) => {
    await store.release(id, owner)
    if (model.owner === owner && model.state === 'leased') Object.assign(model, { state: 'free', owner: undefined })
  })
const inspect = () =>
  step('inspect', async ({ state, used, leaseEndsAtMs }, { store, id, clock }) => {
    const unspent = state === 'leased' && clock.now() < leaseEndsAtMs ? 'held' : 'released'
    const record = { state: state === 'spent' ? 'spent' : unspent, attempts: used }
    expect(await store.inspect(id)).toEqual(used === 0 ? undefined : record)
  })
const wait = (ms: number) => step(`wait(${ms} ms)`, async (_, { clock }) => clock.advance(ms))
const write = (expectedVersion: number, value: string, lifeMs: number) =>
  step(`write(${expectedVersion}, ${JSON.stringify(value)}, ${lifeMs} ms)`, async (model, { store, id, clock }) => {
    const version = model.record?.version ?? 0
    expect(await store.write(id, expectedVersion, value, clock.now() + lifeMs)).toBe(version === expectedVersion)
    if (version === expectedVersion) model.record = { version: version + 1, value, untilMs: clock.now() + lifeMs }
  })
const read = () =>
  step('read', async ({ record }, { store, id }) => {
    expect(await store.read(id)).toEqual(record && { version: record.version, value: record.value })
  })

const stepsOver = (ms: fc.Arbitrary<number>) => {
  const claims = fc.tuple(owner, ms, fc.integer({ min: 1, max: 4 })).map((args) => claim(...args))
  return fc.commands(
    [
      claims,
      claims,
      fc.tuple(owner, ms).map((args) => renew(...args)),
      owner.map(commit),
      owner.map(release),
      fc.constant(inspect()),
      ms.map(wait),
      fc.tuple(fc.integer({ min: 0, max: 3 }), fc.string(), ms).map((args) => write(...args)),
      fc.constant(read()),
    ],
    { maxCommands: 40 },
  )
}

/** Holds the store that `open` gives against the model, this many random runs. */
export async function followsTheModel(open: () => Promise<Store>, clock: Clock, numRuns: number): Promise<void> {
  const store = await open()
  await fc.assert(
    fc.asyncProperty(stepsOver(fc.constantFrom(...clock.durationsMs)), async (steps) => {
      const id = crypto.randomUUID()
      const model: Model = { state: 'free', owner: undefined, used: 0, leaseEndsAtMs: 0, record: undefined }
      await fc.asyncModelRun(() => ({ model, real: { store, id, clock } }), steps)
    }),
    { numRuns },
  )
  await store.close()
}
