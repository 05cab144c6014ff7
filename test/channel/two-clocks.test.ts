/** Two servers on one Redis that do not agree on the time: one stands still for a while, or has a clock that is ahead. */
import type { PaywallOptions } from 'nano402'
import { serveDevnet } from 'nano402/devnet/server'
import { parseXno } from 'nano402/nano'
import { receivable } from 'nano402/rpc'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { hasRedis, type RedisServer, startRedis } from '../support/redis.ts'
import { createWorld, type World } from '../support/world.ts'
import { type Channel, codeOf, freshWallet, outcomeOf, prepareChannel } from './client.ts'
import { startServer } from './server.ts'
import { openChannelShop } from './shop.ts'

describe.skipIf(!hasRedis)('of two servers on one Redis', () => {
  let world: World
  let devnet: Awaited<ReturnType<typeof serveDevnet>>
  let redis: RedisServer
  beforeAll(async () => {
    devnet = await serveDevnet({ confirmMs: 0 })
    world = await createWorld({ devnet: devnet.devnet })
    redis = await startRedis()
  })
  afterAll(async () => {
    await redis.stop()
    await devnet.close()
  })

  /** One in this process, and one in its own. */
  function openBoth(options: PaywallOptions, env: Readonly<Record<string, string>>) {
    const shared = { wallet: freshWallet(), store: redis.url, ...options }
    const here = openChannelShop(world, shared)
    const { network, payTo, price, secret } = world.options
    const other = startServer({ network, payTo, price, secret, rpc: devnet.url, ...shared }, env)
    onTestFinished(() => other.child.kill())
    const at = (channel: Channel) => channel.on(async (path, init) => fetch((await other.url) + path, init)) as Channel
    return { here, other, at }
  }
  const stateOf = async (channel: Channel) => outcomeOf(await channel.state()).channelState

  test('one that stands still with a payment under way comes back too late to serve it: the other one has', async () => {
    const { here, other, at } = openBoth({ leaseMs: 500 }, { STANDS_STILL: 'yes' })
    const channel = await prepareChannel(here.ask, await world.purse())
    await channel.openOnly()
    const paymentId = channel.newId()
    const late = at(channel).pay(1, { paymentId })
    await expect.poll(async () => (await stateOf(channel)).reserved, { timeout: 10_000 }).toBe(String(channel.unit))
    const again = async () => (await channel.pay(1, { paymentId })).status
    expect(await again()).toBe(409)
    await expect.poll(again, { timeout: 10_000 }).toBe(200)
    await other.goOn()
    expect((await late).status).toBe(503)
    expect(await stateOf(channel)).toMatchObject({ charged: String(channel.unit), reserved: '0' })
  })

  test('one whose clock is ahead closes a channel early, and refunds to the raw what the other one did not serve', async () => {
    // Nearly as far as Redis lets a server's clock be from its own: ten minutes.
    const { here, at } = openBoth({ channel: { ttlSeconds: 500, sweepSeconds: 1 } }, { CLOCK_AHEAD_MS: '590000' })
    const purse = await world.purse()
    const channel = await prepareChannel(here.ask, purse, { deposit: parseXno('0.5') })
    await channel.openOnly()
    for (const k of [1, 2, 3]) expect((await channel.pay(k)).status).toBe(200)
    expect(['channel_expired', 'channel_closed']).toContain(codeOf(await at(channel).pay(4)))
    await expect.poll(async () => (await stateOf(channel)).phase, { timeout: 10_000 }).toBe('closed')
    expect([codeOf(await channel.pay(4)), here.runs()]).toEqual(['channel_closed', 3])
    const refunds = await receivable(world.devnet, purse.account, { count: 9 })
    expect(refunds.map(({ amount }) => amount)).toEqual([parseXno('0.5') + channel.tag - 3n * channel.unit])
  })
})
