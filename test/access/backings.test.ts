/** Passes and free requests on what may stand behind a route: a facilitator, Redis, channels, stored answers. */
import { Redis } from 'ioredis'
import { createPaywall } from 'nano402'
import { memoryStore } from 'nano402/stores/memory'
import { redisStore } from 'nano402/stores/redis'
import { afterAll, beforeAll, expect, onTestFinished, test, vi } from 'vitest'
import { prepareChannel } from '../channel/client.ts'
import { openChannelShop } from '../channel/shop.ts'
import { startFacilitator } from '../support/facilitator.ts'
import { hasRedis, startRedis } from '../support/redis.ts'
import { temporaryDirectory } from '../support/stores.ts'
import { createWorld, offerOf, paymentHeader, paymentOf, type World } from '../support/world.ts'
import { codeOf, openAccessShop, PASS } from './shop.ts'

let world: World
beforeAll(async () => {
  world = await createWorld()
})
afterAll(() => world.close())
const pass = { uses: 3, ttlMs: 60_000 }
const free = { perDay: 1, by: () => 'me' }

test('with a facilitator they are counted and sealed in a store of the server’s own', async () => {
  const facilitator = await startFacilitator(world)
  onTestFinished(facilitator.close)
  const behind = { ...world, options: facilitator.options as unknown as World['options'] }
  const store = memoryStore()
  const [shop, other] = [openAccessShop(behind, { pass, free, store }), openAccessShop(behind, { pass, free, store })]
  expect([(await shop.ask()).status, (await other.ask()).status]).toEqual([200, 402])
  const headers = await shop.buyPass()
  expect((await other.ask(headers)).status).toBe(200)
  const elsewhere = openAccessShop(behind, { pass, store: memoryStore() })
  expect(await codeOf(await elsewhere.ask(headers))).toEqual([402, 'invalid_pass'])
})

test('with a facilitator and no store that lasts, production does not start', () => {
  vi.stubEnv('NODE_ENV', 'production')
  onTestFinished(() => void vi.unstubAllEnvs())
  const { payTo, price, network } = world.options
  const paywall = createPaywall({
    payTo,
    price,
    network,
    facilitator: { url: 'https://f.example', token: 'x'.repeat(32) },
  })
  onTestFinished(() => paywall.close())
  for (const options of [{ pass }, { free }]) {
    expect(() => paywall.route(options)).toThrow(expect.objectContaining({ code: 'ERR_CONFIG' }))
  }
  const lasting = `sqlite:${temporaryDirectory()}/access.sqlite`
  const durable = createPaywall({ payTo, price, network, facilitator: 'https://f.example', store: lasting })
  onTestFinished(() => durable.close())
  expect(() => durable.route({ pass, free })).not.toThrow()
})

test.skipIf(!hasRedis)('on Redis, fifty at once at two servers get as many answers as there are', async () => {
  const redis = await startRedis()
  onTestFinished(() => redis.stop())
  const openStore = () => {
    const client = new Redis(redis.port, '127.0.0.1')
    onTestFinished(() => client.disconnect())
    return redisStore((...command) => client.call(...command))
  }
  const shops = [
    openAccessShop(world, { pass: { ...pass, uses: 11 }, store: await openStore() }),
    openAccessShop(world, { pass: { ...pass, uses: 11 }, store: await openStore() }),
  ] as const
  const headers = await shops[0].buyPass()
  const answers = await Promise.all(Array.from({ length: 50 }, (_, i) => shops[i % 2 ? 1 : 0].ask(headers)))
  expect(answers.filter(({ status }) => status === 200)).toHaveLength(10)
  expect(await shops[1].paywall.passes.revoke(shops[0].payments[0]?.pass?.id ?? '')).toBe(true)
  expect(await codeOf(await shops[0].ask(headers))).toEqual([402, 'pass_revoked'])
})

test('a payment in a channel buys a pass, and a channel is not charged for a use of it', async () => {
  const kinds: string[] = []
  const { ask } = openChannelShop(world, { pass }, ({ kind }) => {
    kinds.push(kind)
    return new Response('paid content')
  })
  const channel = await prepareChannel(ask, world.buyer, { deposit: 10n ** 30n })
  await channel.openOnly()
  const bought = await channel.pay(1)
  const token = bought.headers.get(PASS) ?? ''
  const used = await ask('/report', { headers: { [PASS]: token } })
  expect([used.status, used.headers.get('PAYMENT-RESPONSE'), kinds]).toEqual([200, null, ['paid', 'pass']])
})

test('an answer that is given again under its payment identifier has the pass that came with it', async () => {
  const shop = openAccessShop(world, { pass, paymentIdentifier: true })
  const offer = offerOf(await shop.ask())
  const payment = paymentOf(offer, await world.buyer.pay(offer))
  const id = 'an-id-of-a-client-0123456789'
  const headers = paymentHeader({ ...payment, extensions: { 'payment-identifier': { info: { id }, schema: {} } } })
  const first = (await shop.ask(headers)).headers.get(PASS)
  let again = await shop.ask(headers)
  while (again.status === 409) again = await shop.ask(headers)
  expect([again.status, again.headers.get(PASS)]).toEqual([200, first])
  expect(shop.runs()).toBe(1)
})
