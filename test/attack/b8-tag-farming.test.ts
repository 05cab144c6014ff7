import { createPaywall, TAG_MODULUS } from 'nano402'
import { expect, test } from 'vitest'
import { createWorld } from '../support/world.ts'

test('B8: of 100,000 sessions that an attacker opens, none has the amount of a victim, nor of another', async () => {
  const world = await createWorld()
  const paywall = createPaywall(world.options)
  const request = { method: 'GET', url: '/report', headers: { get: () => null } }
  const open = async (): Promise<bigint> => {
    const outcome = await paywall.guard(request)
    if (outcome.kind === 'paid') throw new Error('Served unpaid.')
    return BigInt(/"amount":"([0-9]+)"/.exec(outcome.body ?? '')?.[1] ?? 0n)
  }
  const victims = await Promise.all(Array.from({ length: 100 }, open))
  const amounts = new Set<bigint>()
  const perDigit = new Array<number>(10).fill(0)
  for (let i = 0; i < 100_000; i++) {
    const amount = await open()
    amounts.add(amount)
    const firstDigit = Number(((amount % TAG_MODULUS) * 10n) / TAG_MODULUS)
    perDigit[firstDigit] = (perDigit[firstDigit] ?? 0) + 1
  }
  expect(amounts.size).toBe(100_000) // with tags of 7 digits, 500 of these would be missing
  expect(victims.filter((amount) => amounts.has(amount))).toEqual([])
  // All 20 digits are drawn: each tenth of the range gets a tenth, within 7 standard deviations.
  for (const count of perDigit) expect(Math.abs(count - 10_000)).toBeLessThan(665)
  expect(world.devnet.asked()).toBe(world.devnet.asked('account_info') + world.devnet.asked('process'))
  await paywall.close()
  world.close()
})
