import { expect, test } from 'vitest'
import { createRate } from '../../src/mechanisms/channel/rate.ts'

test('a rate lets so many through in each period, for each name', () => {
  let nowMs = 1_000_000
  const may = createRate({ most: 2, periodMs: 1_000, now: () => nowMs })
  expect([may('a'), may('a'), may('a'), may('b')]).toEqual([true, true, false, true])
  nowMs += 1_000
  expect([may('a'), may('a'), may('a')]).toEqual([true, true, false])
})
