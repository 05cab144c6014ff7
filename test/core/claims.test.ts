import { memoryStore } from 'nano402/stores/memory'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { claimAll } from '../../src/core/claims.ts'

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['Date'] })
})
afterEach(() => {
  vi.useRealTimers()
})

const [SESSION, BLOCK] = ['session:a', 'block:B']
const terms = { leaseMs: 1_000, attempts: 2, keepUntilMs: 4_000_000_000_000 }

test('whoever asks while the first lease of a dead guard is over, and its second is not, uses up no attempt', async () => {
  const store = memoryStore()
  await store.claim(SESSION, 'dead', terms)
  vi.advanceTimersByTime(5)
  await store.claim(BLOCK, 'dead', terms)
  vi.advanceTimersByTime(terms.leaseMs - 5)

  for (let asked = 0; asked < 10; asked++) expect(await claimAll(store, [SESSION, BLOCK], terms)).toBe('held')
  vi.advanceTimersByTime(5)
  expect(await claimAll(store, [SESSION, BLOCK], terms)).toMatchObject({ hold: { ids: [SESSION, BLOCK] } })
})
