import { randomBytes } from 'node:crypto'
import { parseRaw } from 'nano402/nano'
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest'
import { createSeal } from '../../src/core/seal.ts'
import { mac, sealKey } from '../../src/secret.ts'
import type { PaymentRequirements } from '../../src/x402/shapes.ts'
import { refusedAtOnce, watch } from '../support/outcome.ts'
import { openShop, purchase, type Shop } from '../support/shop.ts'
import { stores } from '../support/stores.ts'
import { createWorld, offerOf, proofHeader, type World } from '../support/world.ts'

let world: World
beforeAll(async () => {
  world = await createWorld()
})
afterEach(() => {
  vi.useRealTimers()
})
afterAll(() => world.close())

/**
 * A second session with the amount of a first one, tag included, as the shop itself would seal it: what chance makes once
 * in 10^20, made with the shop's secret.
 */
function twinOf({ amount, payTo, extra }: PaymentRequirements, path: string): PaymentRequirements {
  const seal = createSeal([sealKey(world.options.secret)], mac)
  const issuedAtMs = Date.now()
  const terms = {
    id: randomBytes(16).toString('hex'),
    issuedAtMs,
    expiresAtMs: issuedAtMs + 300_000,
    amount: parseRaw(amount),
    payTo,
    inputs: [],
  }
  const id = seal.close(terms, ['', 'nano:devnet', 'GET', path])
  return { ...offer(amount, payTo), extra: { nanoSession: { ...(extra?.nanoSession as object), id } } }
}
const offer = (amount: string, payTo: string) => ({
  scheme: 'exact',
  network: 'nano:devnet',
  asset: 'XNO',
  maxTimeoutSeconds: 300,
  amount,
  payTo,
})

describe.each(stores)('with $store', ({ open }) => {
  async function openCounter(options = {}) {
    const shop = openShop({ ...world.options, store: await open(), ...options })
    const attempt = watch(world, shop)
    const present = (offer: PaymentRequirements, hash: string, path = '/report') =>
      attempt(() => shop.ask(proofHeader(offer, hash), { path }))
    return { shop, present }
  }

  test('R12: a block that one session used up is used up for another of the very same amount', async () => {
    const { shop, present } = await openCounter()
    const first = await purchase(shop, world.buyer)
    const [twin, elsewhere] = [twinOf(first.offer, '/report'), twinOf(first.offer, '/other')]
    expect(await present(first.offer, first.hash)).toMatchObject({ status: 200, ran: 1 })
    const spent = refusedAtOnce(402, 'payment_already_spent')
    expect(await present(twin, first.hash)).toEqual(spent)
    expect(await present(elsewhere, first.hash, '/other')).toEqual(spent)
    expect(await present(twin, await world.buyer.pay(twin))).toMatchObject({ status: 200, ran: 1 })
  })

  test('R12: of sessions of the very same amount that show one block at once, one is served', async () => {
    const { shop } = await openCounter()
    const first = await purchase(shop, world.buyer)
    const offers = [first.offer, ...Array.from({ length: 19 }, () => twinOf(first.offer, '/report'))]
    const answers = await Promise.all(offers.map((offer) => shop.ask(proofHeader(offer, first.hash))))
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(1)
    expect(shop.runs()).toBe(1)
  })

  test('R12: a block whose first session has run out is still used up', async () => {
    vi.useFakeTimers({ toFake: ['Date'] })
    const { shop, present } = await openCounter({ claimWindowMs: 60_000 })
    const first = await purchase(shop, world.buyer)
    expect(await present(first.offer, first.hash)).toMatchObject({ status: 200, ran: 1 })
    vi.setSystemTime(Date.now() + 300_000 + 60_000 + 1)
    expect(await present(first.offer, first.hash)).toEqual(refusedAtOnce(402, 'session_expired'))
    expect(await present(twinOf(first.offer, '/report'), first.hash)).toEqual(
      refusedAtOnce(402, 'payment_already_spent'),
    )
  })

  test('R16: a block that everything was forgotten of fits no session that is open then', async () => {
    vi.useFakeTimers({ toFake: ['Date'] })
    const { shop, present } = await openCounter()
    const first = await purchase(shop, world.buyer)
    expect(await present(first.offer, first.hash)).toMatchObject({ status: 200, ran: 1 })
    vi.setSystemTime(Date.now() + 10 * 86_400_000)
    await forget(shop)
    expect(await present(first.offer, first.hash)).toEqual(refusedAtOnce(402, 'session_expired'))
    const now = offerOf(await shop.ask())
    expect(await present(now, first.hash)).toEqual(refusedAtOnce(402, 'amount_mismatch'))
    expect(await present({ ...now, amount: first.offer.amount }, first.hash)).toMatchObject({ status: 400, ran: 0 })
  })
})

/** Sells often enough for a store to sweep what is over. */
async function forget(shop: Shop) {
  for (let i = 0; i < 3; i++) await shop.ask((await purchase(shop, world.buyer)).headers)
}
