import { Redis } from 'ioredis'
import type { Store } from 'nano402'
import { redisStore } from 'nano402/stores/redis'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, onTestFinished, test } from 'vitest'
import { refusedAtOnce, watch } from '../support/outcome.ts'
import { hasRedis, type RedisServer, startProxy, startRedis } from '../support/redis.ts'
import { openShop, purchase } from '../support/shop.ts'
import { createWorld, type World } from '../support/world.ts'

const served = { status: 200, ran: 1 }
const unavailable = { status: 503, code: 'store_unavailable', ran: 0 }

describe.skipIf(!hasRedis)('a paywall on Redis', () => {
  let world: World
  let redis: RedisServer
  beforeAll(async () => {
    world = await createWorld()
  })
  afterAll(() => world.close())
  beforeEach(async () => {
    redis = await startRedis()
  })
  afterEach(() => redis.stop())

  /** Over a client of its own, which fails commands while it is not connected. */
  async function openStore({ port }: { readonly port: number } = redis): Promise<Store> {
    const client = new Redis(port, '127.0.0.1', { retryStrategy: () => 10, maxRetriesPerRequest: 0 })
    client.on('error', () => {})
    onTestFinished(() => client.disconnect())
    return redisStore((...command) => client.call(...command), { timeoutMs: 200 })
  }
  const options = async (store = openStore()) => ({ ...world.options, store: await store, leaseMs: 300 })

  test('that is down: 503 store_unavailable, no handler runs, and the proof is good once it is back', async () => {
    const shop = openShop(await options())
    const attempt = watch(world, shop)
    const bought = await purchase(shop, world.buyer)
    await redis.kill()
    for (let i = 0; i < 5; i++) expect(await attempt(() => shop.ask(bought.headers))).toMatchObject(unavailable)
    expect((await shop.ask()).status).toBe(402) // whoever has not paid yet gets an offer all the same
    expect((await shop.paywall.health()).store).toEqual({ ok: false, durable: true })
    await redis.restart()
    await untilHealthy(shop)
    expect(await attempt(() => shop.ask(bought.headers))).toMatchObject(served)
    expect(await attempt(() => shop.ask(bought.headers))).toMatchObject({
      status: 402,
      code: 'payment_already_spent',
      ran: 0,
    })
  })

  test('that was emptied: 503 store_reset for whatever was sealed before, used or not, and no handler runs', async () => {
    const shop = openShop(await options())
    const attempt = watch(world, shop)
    const [used, unused] = [await purchase(shop, world.buyer), await purchase(shop, world.buyer)]
    expect(await attempt(() => shop.ask(used.headers))).toMatchObject(served)
    await redis.restart({ empty: true })
    await untilHealthy(shop)
    for (const { headers } of [used, unused, used]) {
      expect(await attempt(() => shop.ask(headers))).toMatchObject({ status: 503, code: 'store_reset', ran: 0 })
    }
    expect(await redis.command('KEYS', '*claim*')).toEqual([]) // and no attempt of theirs is counted
    const after = await purchase(shop, world.buyer)
    expect(await attempt(() => shop.ask(after.headers))).toMatchObject(served)
  })

  test('that is emptied between the look at its epoch and the claim: 503 store_reset, and no handler runs', async () => {
    const store = await openStore()
    let emptied = 0
    const emptiedJustBefore: Store = {
      ...store,
      async claim(...args) {
        if (emptied++ === 0) await redis.command('FLUSHALL')
        return store.claim(...args)
      },
    }
    const shop = openShop(await options())
    const late = openShop(await options(Promise.resolve(emptiedJustBefore)))
    const used = await purchase(shop, world.buyer)
    expect((await shop.ask(used.headers)).status).toBe(200)
    expect(await watch(world, late)(() => late.ask(used.headers))).toMatchObject({
      status: 503,
      code: 'store_reset',
      ran: 0,
    })
    expect(emptied).toBe(2)
  })

  test('that is emptied while the handler runs: its answer does not leave, and the proof buys nothing any more', async () => {
    const shop = openShop(await options(), async () => {
      await redis.command('FLUSHALL')
      return new Response('paid content')
    })
    const attempt = watch(world, shop)
    const bought = await purchase(shop, world.buyer)
    expect(await attempt(() => shop.ask(bought.headers))).toMatchObject({ ...unavailable, ran: 1 })
    expect(await attempt(() => shop.ask(bought.headers))).toMatchObject({ status: 503, code: 'store_reset', ran: 0 })
  })

  test('that answers too late: 503, nobody else can use the proof meanwhile, and it is good afterwards', async () => {
    const proxy = await startProxy(redis)
    onTestFinished(() => proxy.close())
    const store = await openStore(proxy)
    let isSlow = true
    const slowToClaim: Store = {
      ...store,
      claim(...args) {
        if (isSlow) proxy.holdAnswers()
        return store.claim(...args)
      },
      release(...args) {
        proxy.passAnswers()
        isSlow = false
        return store.release(...args)
      },
    }
    const shop = openShop(await options(Promise.resolve(slowToClaim)))
    const attempt = watch(world, shop)
    const bought = await purchase(shop, world.buyer)
    expect(await attempt(() => shop.ask(bought.headers))).toMatchObject(unavailable)
    expect(await attempt(() => shop.ask(bought.headers))).toMatchObject(served)
  })

  test('that dies in the handler: the answer does not leave, and the proof is good once it is back', async () => {
    let dies = true
    const shop = openShop(await options(), async () => {
      if (dies) await redis.kill()
      dies = false
      return new Response('paid content')
    })
    const attempt = watch(world, shop)
    const bought = await purchase(shop, world.buyer)
    expect(await attempt(() => shop.ask(bought.headers))).toMatchObject({ ...unavailable, ran: 1 })
    await redis.restart()
    await untilHealthy(shop)
    await new Promise((resolve) => setTimeout(resolve, 300)) // the lease of the first run, which nobody gave back
    expect(await attempt(() => shop.ask(bought.headers))).toMatchObject(served)
  })

  test('that is away for a moment while the handler runs: its answer leaves, late', async () => {
    let restarted: Promise<void> | undefined
    const shop = openShop({ ...(await options()), leaseMs: 10_000 }, async () => {
      await redis.kill()
      restarted = redis.restart()
      return new Response('paid content')
    })
    const attempt = watch(world, shop)
    const bought = await purchase(shop, world.buyer)
    expect(await attempt(() => shop.ask(bought.headers))).toMatchObject(served)
    await restarted
    expect(await attempt(() => shop.ask(bought.headers))).toMatchObject({ status: 402, code: 'payment_already_spent' })
  })

  test('that is full: 503, and the proof is good once there is room', async () => {
    const shop = openShop(await options())
    const attempt = watch(world, shop)
    const bought = await purchase(shop, world.buyer)
    await redis.command('CONFIG', 'SET', 'maxmemory', '1')
    for (let i = 0; i < 5; i++) expect(await attempt(() => shop.ask(bought.headers))).toMatchObject(unavailable)
    await redis.command('CONFIG', 'SET', 'maxmemory', '0')
    expect(await attempt(() => shop.ask(bought.headers))).toMatchObject(served)
  })

  test('a hundred requests with one proof at four servers at once: one is served', async () => {
    const shops = await Promise.all([1, 2, 3, 4].map(async () => openShop(await options())))
    const [first] = shops as [(typeof shops)[0]]
    const bought = await purchase(first, world.buyer)
    const answers = Array.from({ length: 100 }, (_, i) => shops[i % 4]?.ask(bought.headers))
    const statuses = (await Promise.all(answers)).map((answer) => answer?.status)
    expect(statuses.filter((status) => status === 200)).toHaveLength(1)
    expect(statuses.filter((status) => status !== 200 && status !== 409 && status !== 402)).toEqual([])
    expect(shops.map((shop) => shop.runs()).reduce((a, b) => a + b)).toBe(1)
  })

  test('a paywall that starts while its redis:// URL does not answer bills nobody, and sells once it does', async () => {
    await redis.kill()
    const shop = openShop({ ...world.options, store: redis.url })
    expect(await watch(world, shop)(() => shop.ask())).toEqual(refusedAtOnce(503, 'store_unavailable'))
    await redis.restart()
    const bought = await purchase(shop, world.buyer)
    expect(await watch(world, shop)(() => shop.ask(bought.headers))).toMatchObject(served)
  })
})

/** Until the client is connected again, which it does in its own time. */
async function untilHealthy({ paywall }: ReturnType<typeof openShop>): Promise<void> {
  while (!(await paywall.health()).store.ok) await new Promise((resolve) => setTimeout(resolve, 10))
}
