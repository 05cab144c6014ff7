import { join } from 'node:path'
import fc from 'fast-check'
import type { Store } from 'nano402'
import { memoryStore } from 'nano402/stores/memory'
import { sqliteStore } from 'nano402/stores/sqlite'
import { expect, test } from 'vitest'
import { temporaryDirectory } from '../support/stores.ts'

/** What is known of a claim, by the comments of the interface; undefined: it was never made, or is forgotten. */
type State =
  | {
      readonly owner: string | undefined
      readonly spent: boolean
      readonly attempts: number
      readonly leaseEndsAtMs: number
      readonly keepUntilMs: number
    }
  | undefined

/**
 * What a store may be in for each id. There is more than one possibility once a claim's time was over: a store may have
 * forgotten it then, or not, and a clock that steps back brings the difference to light.
 */
interface Model {
  readonly states: Map<string, readonly State[]>
  /** Processes that were killed: they never come back under their name. */
  readonly dead: Set<string>
  /** Who used an id up, and until when that must be remembered. */
  readonly spent: Map<string, { readonly owner: string; readonly untilMs: number }>
  latestMs: number
}
interface Real {
  readonly store: Store
  readonly run: string
  readonly clock: { nowMs: number }
}

const isHeld = (state: State, nowMs: number) => state?.owner !== undefined && state.leaseEndsAtMs > nowMs
const isOver = (state: State, nowMs: number) =>
  state !== undefined && state.keepUntilMs < nowMs && state.leaseEndsAtMs <= nowMs

/** One step of a store, as each of its possible states takes it: what it answers, and what it is then. */
type Transition<A> = (state: State, nowMs: number) => readonly [answer: A, next: State]

/** Does it to the store, and keeps the states from which the store can have answered so. */
async function take<A>(model: Model, real: Real, id: string, transition: Transition<A>, answer: Promise<A>) {
  const { nowMs } = real.clock
  const possible = model.states.get(id) ?? [undefined]
  const outcomes = possible.map((state) => transition(state, nowMs))
  const actual = await answer
  const fitting = outcomes.filter(([expected]) => JSON.stringify(expected) === JSON.stringify(actual))
  expect(fitting, `${JSON.stringify(actual)} from ${JSON.stringify(possible)} at ${nowMs}`).not.toHaveLength(0)
  const next = new Map(fitting.map(([, state]) => [JSON.stringify(state), state]))
  model.states.set(id, [...next.values()])
  return actual
}

/** Somebody's step. The text is what fast-check prints of a run that failed. */
const step = (
  text: string,
  owner: string,
  run: (model: Model, real: Real) => Promise<void>,
): fc.AsyncCommand<Model, Real> => ({
  check: ({ dead }) => !dead.has(owner),
  async run(model, real) {
    const { nowMs } = real.clock
    model.latestMs = Math.max(model.latestMs, nowMs)
    // What is over may be swept away by anything that is done to the store.
    for (const [id, states] of model.states) {
      if (states.some((state) => isOver(state, nowMs))) model.states.set(id, [...states, undefined])
    }
    await run(model, real)
  },
  toString: () => text,
})

const owned = (state: State, owner: string) => (state?.owner === owner ? state : undefined)

const claim = (owner: string, id: string, [leaseMs, attempts, keepMs]: readonly [number, number, number]) =>
  step(`${owner}: claim(${id}, ${leaseMs} ms, ${attempts}, ${keepMs} ms)`, owner, async (model, real) => {
    const keepUntilMs = real.clock.nowMs + keepMs
    const transition: Transition<string> = (known, nowMs) => {
      const state = isOver(known, nowMs) ? undefined : known
      const isMine = state?.owner === owner
      if (state?.spent) return ['spent', known]
      if (!isMine && isHeld(state, nowMs)) return ['held', known]
      if (!isMine && (state?.attempts ?? 0) >= attempts) return ['exhausted', known]
      const used = (state?.attempts ?? 0) + (isMine ? 0 : 1)
      const kept = Math.max(keepUntilMs, state?.keepUntilMs ?? 0)
      return ['claimed', { owner, spent: false, attempts: used, leaseEndsAtMs: nowMs + leaseMs, keepUntilMs: kept }]
    }
    const limits = { leaseMs, attempts, keepUntilMs }
    const answer = await take(model, real, id, transition, real.store.claim(real.run + id, owner, limits))
    const use = model.spent.get(id)
    if (use && model.latestMs <= use.untilMs) expect(answer, 'what was used stays used').toBe('spent')
  })

const renew = (owner: string, id: string, leaseMs: number) =>
  step(`${owner}: renew(${id}, ${leaseMs} ms)`, owner, async (model, real) => {
    const transition: Transition<boolean> = (state, nowMs) => {
      const mine = owned(state, owner)
      if (!mine) return [false, state]
      // Of a claim that is spent already, the lease means nothing.
      return [true, { ...mine, leaseEndsAtMs: nowMs + leaseMs }]
    }
    await take(model, real, id, transition, real.store.renew(real.run + id, owner, leaseMs))
  })

const commit = (owner: string, id: string, keepMs: number) =>
  step(`${owner}: commit(${id}, ${keepMs} ms)`, owner, async (model, real) => {
    const keepUntilMs = real.clock.nowMs + keepMs
    const transition: Transition<boolean> = (state) => {
      const mine = owned(state, owner)
      if (!mine) return [false, state]
      return [true, { ...mine, spent: true, leaseEndsAtMs: 0, keepUntilMs: Math.max(keepUntilMs, mine.keepUntilMs) }]
    }
    const isFinal = await take(model, real, id, transition, real.store.commit(real.run + id, owner, keepUntilMs))
    if (!isFinal) return
    const use = model.spent.get(id)
    if (use && model.latestMs <= use.untilMs) expect(use.owner, 'one grant, ever').toBe(owner)
    model.spent.set(id, { owner, untilMs: Math.max(keepUntilMs, use?.untilMs ?? 0) })
  })

const release = (owner: string, id: string) =>
  step(`${owner}: release(${id})`, owner, async (model, real) => {
    const transition: Transition<undefined> = (state) => {
      const mine = owned(state, owner)
      return [undefined, mine && !mine.spent ? { ...mine, owner: undefined, leaseEndsAtMs: 0 } : state]
    }
    await take(
      model,
      real,
      id,
      transition,
      real.store.release(real.run + id, owner).then(() => undefined),
    )
  })

const inspect = (id: string) =>
  step(`inspect(${id})`, '', async (model, real) => {
    const transition: Transition<unknown> = (state, nowMs) => {
      if (!state || isOver(state, nowMs)) return [undefined, state]
      const status = state.spent ? 'spent' : isHeld(state, nowMs) ? 'held' : 'released'
      return [{ state: status, attempts: state.attempts }, state]
    }
    await take(model, real, id, transition, real.store.inspect(real.run + id))
  })

/** Killed: what it holds is freed by its lease alone. */
const crash = (owner: string) => step(`${owner}: killed`, owner, async ({ dead }) => void dead.add(owner))

const tick = (ms: number) =>
  step(`clock ${ms} ms`, '', async (_, { clock }) => {
    clock.nowMs += ms
  })

/** Others come and go, so that the store sweeps. */
const churn = (claims: number) =>
  step(`${claims} others`, '', async (_, { store, run, clock }) => {
    for (let i = 0; i < claims; i++) {
      const limits = { leaseMs: 1, attempts: 1, keepUntilMs: clock.nowMs }
      await store.claim(`${run} other ${clock.nowMs} ${i} ${Math.random()}`, 'other', limits)
    }
  })

const HOUR = 3_600_000
const owner = fc.constantFrom('one', 'two', 'one again', 'two again')
const id = fc.constantFrom('a', 'a', 'b', 'c')
const leaseMs = fc.constantFrom(1, 50, 30_000)
const keepMs = fc.constantFrom(0, 1, 1_000, HOUR, 24 * HOUR)
const attempts = fc.integer({ min: 1, max: 3 })
const ms = fc.constantFrom(1, 49, 51, 30_001, HOUR, 24 * HOUR + 1, -1, -51, -30_000, -HOUR, -25 * HOUR)

const steps = fc.commands(
  [
    fc.tuple(owner, id, fc.tuple(leaseMs, attempts, keepMs)).map((args) => claim(...args)),
    fc.tuple(owner, id, fc.tuple(leaseMs, attempts, keepMs)).map((args) => claim(...args)),
    fc.tuple(owner, id, leaseMs).map((args) => renew(...args)),
    fc.tuple(owner, id, keepMs).map((args) => commit(...args)),
    fc.tuple(owner, id).map((args) => release(...args)),
    id.map(inspect),
    owner.map(crash),
    ms.map(tick),
    fc.integer({ min: 1, max: 40 }).map(churn),
  ],
  { maxCommands: 60, size: 'max' },
)

async function followsTheModel(open: (now: () => number) => Promise<Store>, numRuns: number) {
  const clock = { nowMs: 1_800_000_000_000 }
  const store = await open(() => clock.nowMs)
  let runs = 0
  await fc.assert(
    fc.asyncProperty(steps, async (steps) => {
      const run = `run ${runs++} `
      clock.nowMs = 1_800_000_000_000
      const model: Model = { states: new Map(), dead: new Set(), spent: new Map(), latestMs: 0 }
      await fc.asyncModelRun(() => ({ model, real: { store, run, clock } }), steps)
    }),
    { numRuns },
  )
  await store.close()
}

test('with crashes, clocks that step back and forth, and several ids, the memory store is what the model may be', () =>
  followsTheModel(async (now) => memoryStore({ now }), 1_000))

test('with crashes, clocks that step back and forth, and several ids, the sqlite store is what the model may be', () =>
  followsTheModel((now) => sqliteStore(join(temporaryDirectory(), 'claims.sqlite'), { now }), 50))
