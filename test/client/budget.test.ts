import { parseXno } from 'nano402/nano'
import { describe, expect, test } from 'vitest'
import { type BudgetOptions, createBudget } from '../../src/client/budget.ts'
import { memoryJournal } from '../../src/client/memory-journal.ts'
import { buyerFor, devnetForTest, openShop, sentBy } from './support.ts'

const HOUR_MS = 3_600_000
const one = parseXno('1')

function budgetAt(options: BudgetOptions) {
  const clock = { nowMs: 1_000 * HOUR_MS }
  return { clock, budget: createBudget(options, () => clock.nowMs) }
}

describe('a budget', () => {
  test('allows a bound to the last raw, and not one more', () => {
    const { budget } = budgetAt({ perRequest: '5', total: '2' })
    budget.reserve('a', one)
    budget.reserve('a', parseXno('0.999999999999999999999999999999'))
    expect(() => budget.reserve('a', 2n as typeof one)).toThrow(/total/)
    budget.reserve('a', 1n as typeof one)
  })

  test.each([
    ['perRequest', { perRequest: '0.5', total: '9' }],
    ['perHost', { perRequest: '1', perHost: '0.5', total: '9' }],
    ['perDay', { perRequest: '1', perDay: '0.5' }],
    ['total', { perRequest: '1', total: '0.5' }],
  ] as const)('names the bound %s, what was asked and what is left', (bound, options) => {
    const { budget } = budgetAt(options)
    try {
      budget.reserve('a', one)
      expect.unreachable()
    } catch (error) {
      expect(error).toMatchObject({ code: 'ERR_OVER_BUDGET', bound, asked: one, left: parseXno('0.5') })
    }
  })

  test('counts each host for itself', () => {
    const { budget } = budgetAt({ perRequest: '1', perHost: '1', total: '9' })
    budget.reserve('a:80', one)
    budget.reserve('b:80', one)
    expect(() => budget.reserve('a:80', one)).toThrow(/perHost/)
  })

  test('has a day that moves along', () => {
    const { budget, clock } = budgetAt({ perRequest: '1', perDay: '2' })
    budget.reserve('a', one)
    clock.nowMs += 12 * HOUR_MS
    budget.reserve('a', one)
    clock.nowMs += 12 * HOUR_MS - 1
    expect(() => budget.reserve('a', one)).toThrow(/perDay/)
    clock.nowMs += 1
    budget.reserve('a', one)
    expect(() => budget.reserve('a', one)).toThrow(/perDay/)
  })

  test('gets an amount back once, however often it is given back', () => {
    const { budget } = budgetAt({ perRequest: '1', perHost: '1', perDay: '1', total: '1' })
    const release = budget.reserve('a', one)
    release()
    release()
    budget.reserve('a', one)
    expect(() => budget.reserve('a', one)).toThrow(/allows/)
  })

  test.each([
    ['no bound at all', undefined],
    ['no bound per request', { total: '1' }],
    ['no bound over time', { perRequest: '1', perHost: '1' }],
    ['a number', { perRequest: 0.01, total: '1' }],
    ['raw', { perRequest: '10000000000000000000000000000', total: '1' }],
    ['infinity', { perRequest: '1', total: 'Infinity' }],
  ])('with %s is refused', (_, options) => {
    expect(() => createBudget(options as unknown as BudgetOptions)).toThrow(
      expect.objectContaining({ code: 'ERR_CONFIG', message: expect.stringContaining('budget') }),
    )
  })
})

describe('a payer', () => {
  test('does not exceed its budget with many requests at once', async () => {
    const devnet = devnetForTest()
    const shop = await openShop(devnet)
    const { payer } = await buyerFor(devnet, { budget: { perRequest: '0.01', total: '0.0035' } })
    const outcomes = await Promise.allSettled(Array.from({ length: 10 }, () => payer.fetch(shop.url)))
    expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(3)
    expect(await sentBy(devnet, payer.address)).toHaveLength(3)
  })

  test('counts what its journal knows: everything for the total, the last 24 hours for the day', async () => {
    const devnet = devnetForTest()
    const shop = await openShop(devnet)
    const journal = memoryJournal()
    const past = (hash: string, atMs: number, amount: string) =>
      journal.put({
        hash,
        state: 'delivered',
        atMs,
        key: '',
        origin: shop.origin,
        payTo: '',
        amount: parseXno(amount).toString(),
      })
    await past('A', Date.now() - 25 * HOUR_MS, '0.5')
    await past('B', Date.now() - 23 * HOUR_MS, '0.3')

    const withBudget = (budget: Partial<BudgetOptions>) =>
      buyerFor(devnet, { journal, budget: { perRequest: '0.01', ...budget } })
    const day = await withBudget({ perDay: '0.3' })
    await expect(day.payer.fetch(shop.url)).rejects.toMatchObject({ bound: 'perDay', left: 0n })
    const total = await withBudget({ total: '0.8' })
    await expect(total.payer.fetch(shop.url)).rejects.toMatchObject({ bound: 'total', left: 0n })
    const host = await withBudget({ perHost: '0.8', total: '9' })
    await expect(host.payer.fetch(shop.url)).rejects.toMatchObject({ bound: 'perHost', left: 0n })
    const enough = await withBudget({ perHost: '0.9', perDay: '0.31', total: '0.9' })
    expect((await enough.payer.fetch(shop.url)).status).toBe(200)
  })
})
