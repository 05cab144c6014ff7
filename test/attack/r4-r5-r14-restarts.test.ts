import { join } from 'node:path'
import type { PaywallOptions, Store } from 'nano402'
import { memoryStore } from 'nano402/stores/memory'
import { sqliteStore } from 'nano402/stores/sqlite'
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest'
import { frameworks } from '../support/frameworks.ts'
import { refusedAtOnce, watch } from '../support/outcome.ts'
import { openShop, purchase } from '../support/shop.ts'
import { stores, temporaryDirectory } from '../support/stores.ts'
import { buy, createWorld, type World } from '../support/world.ts'

let world: World
beforeAll(async () => {
  world = await createWorld()
})
afterEach(() => {
  vi.useRealTimers()
})
afterAll(() => world.close())

const sockets = frameworks.filter(({ name }) => name === 'Express 5' || name === 'Hono')
const spent = refusedAtOnce(402, 'payment_already_spent')

describe.each(sockets)('R4 over $name', ({ serve }) => {
  /** One life of the server: its own connection to the store, its own view of the network. */
  async function start(path: string, options: PaywallOptions = {}) {
    const store = await sqliteStore(path)
    const app = await serve({ ...world.options, store, ...options })
    const stop = async () => {
      await app.close()
      await store.close()
    }
    const present = (headers: Record<string, string>) =>
      watch(world, app)(() => fetch(`${app.url}/report`, { headers }))
    return { app, url: `${app.url}/report`, present, stop }
  }

  test('after a restart on sqlite with the same secret, what was used stays used and what was not stays good', async () => {
    const path = join(temporaryDirectory(), 'claims.sqlite')
    const first = await start(path)
    const used = await buy(world.buyer, first.url)
    const unused = await buy(world.buyer, first.url)
    expect(await first.present(used.headers)).toMatchObject({ status: 200, ran: 1 })
    await first.stop()

    const second = await start(path)
    expect(await second.present(used.headers)).toMatchObject({ status: 402, code: 'payment_already_spent', ran: 0 })
    expect(await second.present(unused.headers)).toMatchObject({ status: 200, ran: 1 })
    await second.stop()

    const third = await start(path)
    for (const { headers } of [used, unused]) {
      expect(await third.present(headers)).toMatchObject({ status: 402, code: 'payment_already_spent', ran: 0 })
    }
    await third.stop()
  })

  test('after a restart with another secret, no session of before counts, and nothing is looked up', async () => {
    const path = join(temporaryDirectory(), 'claims.sqlite')
    const first = await start(path)
    const bought = await buy(world.buyer, first.url)
    await first.stop()
    const second = await start(path, { secret: 'another-secret-of-the-test-suite-9876543210' })
    expect(await second.present(bought.headers)).toEqual(refusedAtOnce(402, 'invalid_session'))
    await second.stop()
    const third = await start(path, { secret: ['another-secret-of-the-test-suite-9876543210', world.options.secret] })
    expect(await third.present(bought.headers)).toMatchObject({ status: 200, ran: 1 })
    await third.stop()
  })
})

/** Claims of others, as a busy server makes them. */
async function flood(store: Store, claims: number) {
  const keepUntilMs = Date.now() + 86_400_000
  for (let i = 0; i < claims; i++) {
    const id = `block:${i.toString(16).toUpperCase().padStart(64, '0')}`
    await store.claim(id, `owner ${i}`, { leaseMs: 1_000, attempts: 3, keepUntilMs })
    if (i % 2 === 0) await store.commit(id, `owner ${i}`, keepUntilMs)
    else await store.release(id, `owner ${i}`)
  }
}

describe.each(stores)('R5 with $store', ({ store: name, open }) => {
  test('a flood of other claims pushes none out', async () => {
    const store = await open()
    const shop = openShop({ ...world.options, store })
    const attempt = watch(world, shop)
    const bought = await purchase(shop, world.buyer)
    expect(await attempt(() => shop.ask(bought.headers))).toMatchObject({ status: 200, ran: 1 })
    await flood(store, name === 'memory' ? 50_000 : 500)
    expect(await attempt(() => shop.ask(bought.headers))).toEqual(spent)
  })
})

test('R5: a memory store that is full refuses new payments with 503, forgets none, and takes them when it has room', async () => {
  vi.useFakeTimers({ toFake: ['Date'] })
  const store = memoryStore({ maxClaims: 200 })
  const shop = openShop({ ...world.options, store })
  const attempt = watch(world, shop)
  const early = await purchase(shop, world.buyer)
  expect(await attempt(() => shop.ask(early.headers))).toMatchObject({ status: 200, ran: 1 })
  await flood(store, 198)
  const late = await purchase(shop, world.buyer)
  const refused = { status: 503, code: 'store_unavailable', ran: 0 }
  expect(await attempt(() => shop.ask(late.headers))).toMatchObject(refused)
  expect(await attempt(() => shop.ask(late.headers))).toEqual({ ...refused, asked: 0 })
  expect(await attempt(() => shop.ask(early.headers))).toEqual(spent)
  vi.setSystemTime(Date.now() + 86_400_001) // what flooded it may be forgotten; what was bought may not, not yet
  expect(await attempt(() => shop.ask(late.headers))).toMatchObject({ status: 200, ran: 1 })
  expect(await attempt(() => shop.ask(early.headers))).toEqual(spent)
})

describe('R14: a memory store that was started anew with the same secret', () => {
  test('takes no proof of before, used or not, says so, and sells to whoever asks from now on', async () => {
    vi.useFakeTimers({ toFake: ['Date'] })
    const before = openShop(world.options)
    const used = await purchase(before, world.buyer)
    const unused = await purchase(before, world.buyer)
    expect((await before.ask(used.headers)).status).toBe(200)
    vi.setSystemTime(Date.now() + 1_000)

    const after = openShop(world.options)
    const attempt = watch(world, after)
    for (const { headers } of [used, unused]) {
      expect(await attempt(() => after.ask(headers))).toMatchObject({ status: 503, code: 'store_reset', ran: 0 })
      const answer = await after.ask(headers)
      expect([answer.headers.get('retry-after'), answer.headers.get('payment-required')]).toEqual(['3600', null])
    }
    const fresh = await purchase(after, world.buyer)
    expect(await attempt(() => after.ask(fresh.headers))).toMatchObject({ status: 200, ran: 1 })
    expect(await attempt(() => after.ask(fresh.headers))).toEqual(spent)
  })

  test('a store that was emptied under a running server is a store that was started anew', async () => {
    vi.useFakeTimers({ toFake: ['Date'] })
    let inner = memoryStore()
    const store = new Proxy({} as Store, { get: (_, name) => inner[name as keyof Store] })
    const shop = openShop({ ...world.options, store })
    const used = await purchase(shop, world.buyer)
    expect((await shop.ask(used.headers)).status).toBe(200)
    vi.setSystemTime(Date.now() + 1_000)
    inner = memoryStore()
    const attempt = watch(world, shop)
    expect(await attempt(() => shop.ask(used.headers))).toEqual(refusedAtOnce(503, 'store_reset'))
  })
})
