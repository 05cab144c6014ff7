/** What stands in for `lru-cache` outside Node does what the package does, as far as we use it. */

import { array, assert, constantFrom, integer, property, tuple } from 'fast-check'
import { expect, test } from 'vitest'
import { LRUCache as ofNode } from '#lru-cache'
import { LRUCache as ofTheWeb } from '../src/lru-cache.web.ts'

const STEPS = array(tuple(constantFrom('get', 'has', 'set', 'delete'), integer({ min: 0, max: 6 })), { maxLength: 60 })

test('both remember and forget the same, whatever is asked of them', () => {
  assert(
    property(STEPS, integer({ min: 1, max: 5 }), (steps, max) => {
      const [one, other] = [new ofNode<number, number>({ max }), new ofTheWeb<number, number>({ max })]
      steps.forEach(([step, key], index) => {
        if (step === 'set') for (const cache of [one, other]) cache.set(key, index)
        else expect(other[step](key)).toBe(one[step](key))
      })
    }),
  )
})

test('a hundred times too many keys leave as many as may be kept', () => {
  const cache = new ofTheWeb<number, true>({ max: 1_000 })
  for (let key = 0; key < 100_000; key++) cache.set(key, true)
  expect(cache.has(98_999)).toBe(false)
  expect(cache.has(99_000)).toBe(true)
})
