import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { refusal } from '../../src/core/refusal.ts'
import { createChecks, MAX_FAILED_PER_SECOND, MAX_FAILED_PER_SESSION } from '../../src/mechanisms/checks.ts'

beforeEach(() => void vi.useFakeTimers({ toFake: ['performance'] }))
afterEach(() => void vi.useRealTimers())

const FALSE = refusal('invalid_signature')

/** What checks say, and how often one was made. */
function open() {
  const checks = createChecks()
  const made = { count: 0 }
  const run = (session: string, proof: string, verdict?: typeof FALSE) =>
    checks.run(session, proof, () => {
      made.count++
      return verdict
    })?.code
  return { made, run }
}

test('a good proof is checked once, however often it is shown, and whatever else failed', () => {
  const { made, run } = open()
  expect(run('a', 'good')).toBeUndefined()
  for (let i = 0; i < MAX_FAILED_PER_SESSION; i++) run('a', `false ${i}`, FALSE)
  const before = made.count
  for (let i = 0; i < 100; i++) expect(run('a', 'good')).toBeUndefined()
  expect(made.count).toBe(before)
})

test('a session has eight that fail, also of one proof, and none after them', () => {
  const { made, run } = open()
  for (let i = 0; i < 8; i++) expect(run('a', 'false', FALSE)).toBe('invalid_signature')
  expect(run('a', 'good')).toBe('too_many_attempts')
  expect(made.count).toBe(8)
  expect(run('b', 'good')).toBeUndefined()
})

test('all sessions together have so many a second that fail, and good ones do not count', () => {
  const { made, run } = open()
  for (let i = 0; i < 100; i++) expect(run(`honest ${i}`, `good ${i}`)).toBeUndefined()
  for (let i = 0; i < MAX_FAILED_PER_SECOND; i++) expect(run(`${i}`, `false ${i}`, FALSE)).toBe('invalid_signature')
  expect(run('another', 'false', FALSE)).toBe('node_unavailable')
  expect(run('honest', 'good')).toBe('node_unavailable')
  expect(made.count).toBe(100 + MAX_FAILED_PER_SECOND)
  vi.advanceTimersByTime(1_000)
  expect(run('honest', 'good')).toBeUndefined()
})
