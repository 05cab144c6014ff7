import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { frameworks } from '../support/frameworks.ts'
import { refusedAtOnce, watch } from '../support/outcome.ts'
import { disposable } from '../support/wait.ts'
import { createWorld, offerOf, proofHeader, type World } from '../support/world.ts'

const LIFETIME_S = 300
const CLAIM_WINDOW_MS = 3_600_000

let world: World
beforeEach(async () => {
  vi.useFakeTimers({ toFake: ['Date'] })
  world = await createWorld()
})
afterEach(() => {
  world.close()
  vi.useRealTimers()
})

const pass = (ms: number) => vi.setSystemTime(Date.now() + ms)

describe.each(frameworks)('B9 over $name', ({ serve }) => {
  /** A shop whose price is what it is set to. */
  async function openShop() {
    const shop = { price: '0.001', asked: 0 }
    const price = () => {
      shop.asked++
      return shop.price
    }
    const options = { ...world.options, price, maxTimeoutSeconds: LIFETIME_S, claimWindowMs: CLAIM_WINDOW_MS }
    const app = disposable(await serve(options))
    const ask = (headers: Record<string, string> = {}) => fetch(`${app.url}/report`, { headers })
    return { shop, app, ask }
  }

  test('what was quoted is the price until the quote runs out, and the price function is not asked again', async () => {
    const { shop, app, ask } = await openShop()
    await using _ = app
    const offer = offerOf(await ask())
    shop.price = '1'
    pass(LIFETIME_S * 1000 - 1000)
    const headers = proofHeader(offer, await world.buyer.pay(offer))
    const asked = shop.asked
    expect(await watch(world, app)(() => ask(headers))).toMatchObject({ status: 200, ran: 1 })
    expect(shop.asked).toBe(asked)
  })

  test('a payment made in time is good after the quote ran out, dearer as it may be now', async () => {
    const { shop, app, ask } = await openShop()
    await using _ = app
    const offer = offerOf(await ask())
    const headers = proofHeader(offer, await world.buyer.pay(offer))
    shop.price = '1'
    pass(LIFETIME_S * 1000 + CLAIM_WINDOW_MS - 1000)
    expect(await watch(world, app)(() => ask(headers))).toMatchObject({ status: 200, ran: 1 })
  })

  test('a payment made after the quote ran out does not buy at the old price', async () => {
    const { shop, app, ask } = await openShop()
    await using _ = app
    const offer = offerOf(await ask())
    shop.price = '1'
    pass(LIFETIME_S * 1000 + 2000)
    const headers = proofHeader(offer, await world.buyer.pay(offer))
    expect(await watch(world, app)(() => ask(headers))).toMatchObject({ status: 402, code: 'session_expired', ran: 0 })
  })

  test('a late payment that still covers the price of the day is good', async () => {
    const { shop, app, ask } = await openShop()
    await using _ = app
    const offer = offerOf(await ask())
    shop.price = '0.0005'
    pass(LIFETIME_S * 1000 + 2000)
    const headers = proofHeader(offer, await world.buyer.pay(offer))
    expect(await watch(world, app)(() => ask(headers))).toMatchObject({ status: 200, ran: 1 })
  })

  test('a late payment is not judged by a price function that fails', async () => {
    const { shop, app, ask } = await openShop()
    await using _ = app
    const offer = offerOf(await ask())
    pass(LIFETIME_S * 1000 + 2000)
    const headers = proofHeader(offer, await world.buyer.pay(offer))
    shop.price = 'nonsense'
    expect(await watch(world, app)(() => ask(headers))).toMatchObject({
      status: 503,
      code: 'price_unavailable',
      ran: 0,
    })
    shop.price = '0.001'
    expect(await watch(world, app)(() => ask(headers))).toMatchObject({ status: 200, ran: 1 })
  })

  test('after the claim window nothing is looked up for a session any more', async () => {
    const { app, ask } = await openShop()
    await using _ = app
    const offer = offerOf(await ask())
    const headers = proofHeader(offer, await world.buyer.pay(offer))
    pass(LIFETIME_S * 1000 + CLAIM_WINDOW_MS + 1000)
    expect(await watch(world, app)(() => ask(headers))).toEqual(refusedAtOnce(402, 'session_expired'))
  })
})
