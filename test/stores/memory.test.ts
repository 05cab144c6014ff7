import { memoryStore } from 'nano402/stores/memory'
import { expect, test } from 'vitest'
import { stoppedClock } from './clock.ts'

const MINUTE = 60_000

test('a full store refuses a new claim and a new record, and gives up none that it has', async () => {
  const { now } = stoppedClock()
  const store = memoryStore({ maxClaims: 3, now })
  const limits = { leaseMs: MINUTE, attempts: 1, keepUntilMs: now() + MINUTE }
  for (const id of ['held', 'spent', 'used up']) expect(await store.claim(id, 'one', limits)).toBe('claimed')
  await store.commit('spent', 'one', now() + MINUTE)
  await store.release('used up', 'one')

  await expect(store.claim('fourth', 'one', limits)).rejects.toMatchObject({ code: 'ERR_STORE_FULL' })
  expect(await store.claim('held', 'two', limits)).toBe('held')
  expect(await store.claim('spent', 'two', limits)).toBe('spent')
  expect(await store.claim('used up', 'two', limits)).toBe('exhausted')

  for (const key of ['a', 'b', 'c']) expect(await store.write(key, 0, 'value', now() + MINUTE)).toBe(true)
  await expect(store.write('d', 0, 'value', now() + MINUTE)).rejects.toMatchObject({ code: 'ERR_STORE_FULL' })
  expect(await store.write('a', 1, 'changed', now() + MINUTE)).toBe(true)
})

test('a full store has room again once what it holds may be forgotten', async () => {
  const { now, advance } = stoppedClock()
  const store = memoryStore({ maxClaims: 100, now })
  const claim = (id: string) => store.claim(id, 'one', { leaseMs: 1, attempts: 1, keepUntilMs: now() + MINUTE })
  for (let i = 0; i < 100; i++) await claim(`first ${i}`)
  await expect(claim('too many')).rejects.toMatchObject({ code: 'ERR_STORE_FULL' })
  advance(MINUTE)
  await expect(claim('too many')).rejects.toMatchObject({ code: 'ERR_STORE_FULL' })
  advance(1)
  for (let i = 0; i < 100; i++) expect(await claim(`second ${i}`)).toBe('claimed')
  await expect(claim('too many')).rejects.toMatchObject({ code: 'ERR_STORE_FULL' })
})

test('an hour of claims that are each kept for a minute never fills a store of two minutes', async () => {
  const { now, advance } = stoppedClock()
  const store = memoryStore({ maxClaims: 2 * 60, now })
  for (let second = 0; second < 3600; second++) {
    const limits = { leaseMs: 1000, attempts: 1, keepUntilMs: now() + MINUTE }
    expect(await store.claim(`id ${second}`, 'one', limits)).toBe('claimed')
    await store.commit(`id ${second}`, 'one', now() + MINUTE)
    expect(await store.claim(`id ${Math.max(0, second - 60)}`, 'two', limits)).toBe('spent')
    advance(1000)
  }
})

test('a claim is forgotten after its time, unless somebody holds it', async () => {
  const { now, advance } = stoppedClock()
  const store = memoryStore({ now })
  const limits = { leaseMs: 2 * MINUTE, attempts: 1, keepUntilMs: now() + MINUTE }
  await store.claim('held', 'one', limits)
  await store.claim('spent', 'one', limits)
  await store.commit('spent', 'one', now() + MINUTE)
  advance(MINUTE + 1)
  expect(await store.claim('held', 'two', limits)).toBe('held')
  expect(await store.claim('spent', 'two', limits)).toBe('claimed')
  advance(MINUTE)
  expect(await store.claim('held', 'two', limits)).toBe('claimed')
})

const CLAIMS = 100_000

test('each of a hundred thousand claims is remembered in a few hundred bytes', async () => {
  const store = memoryStore({ maxClaims: CLAIMS })
  const limits = { leaseMs: MINUTE, attempts: 3, keepUntilMs: Date.now() + MINUTE }
  const before = process.memoryUsage().heapUsed
  const startedAt = performance.now()
  for (let i = 0; i < CLAIMS; i += 2) {
    const id = i.toString(16).padStart(64, '0')
    for (const kind of ['session', 'block']) {
      await store.claim(`${kind}:${id}`, id, limits)
      await store.commit(`${kind}:${id}`, id, limits.keepUntilMs)
    }
  }
  const bytes = (process.memoryUsage().heapUsed - before) / CLAIMS
  const micros = ((performance.now() - startedAt) * 1000) / (CLAIMS / 2)
  process.stdout.write(
    `memory store: ${bytes.toFixed()} bytes per claim, ${micros.toFixed(1)} µs per two claims and commits\n`,
  )
  expect(bytes).toBeLessThan(1000)
  await expect(store.claim('one more', 'one', limits)).rejects.toMatchObject({ code: 'ERR_STORE_FULL' })
})
