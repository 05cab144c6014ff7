import { expect, test } from 'vitest'
import { refusal } from '../../src/core/refusal.ts'
import { createChecks, MAX_FAILED_CHECKS } from '../../src/mechanisms/checks.ts'

const FALSE = refusal('invalid_signature')

/** What checks say, and how often one was made. */
function open() {
  const checks = createChecks()
  const made = { count: 0 }
  const run = (spent: string, proof: string, verdict?: typeof FALSE) =>
    checks.run(spent, proof, () => {
      made.count++
      return verdict
    })?.code
  return { made, run }
}

test('a good proof is checked once, however often it is shown, and whatever else failed', () => {
  const { made, run } = open()
  expect(run('a', 'good')).toBeUndefined()
  for (let i = 0; i < MAX_FAILED_CHECKS; i++) run('a', `false ${i}`, FALSE)
  const before = made.count
  for (let i = 0; i < 100; i++) expect(run('a', 'good')).toBeUndefined()
  expect(made.count).toBe(before)
})

test('what was spent buys eight that fail, also of one proof, and none after them', () => {
  const { made, run } = open()
  for (let i = 0; i < 8; i++) expect(run('a', 'false', FALSE)).toBe('invalid_signature')
  expect(run('a', 'good')).toBe('too_many_attempts')
  expect(made.count).toBe(8)
  expect(run('b', 'good')).toBeUndefined()
})
