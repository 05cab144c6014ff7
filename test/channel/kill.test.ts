/** Servers that are killed with -9 on the way, on SQLite: what another process makes of it. */
import { join } from 'node:path'
import { serveDevnet } from 'nano402/devnet/server'
import { parseXno } from 'nano402/nano'
import { receivable } from 'nano402/rpc'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { ROOT, startChild } from '../support/child.ts'
import { temporaryDirectory } from '../support/stores.ts'
import { createWorld, type World } from '../support/world.ts'
import { type Ask, type Channel, codeOf, freshWallet, outcomeOf, prepareChannel } from './client.ts'
import { openChannelShop } from './shop.ts'

let world: World
let served: Awaited<ReturnType<typeof serveDevnet>>
beforeAll(async () => {
  served = await serveDevnet({ confirmMs: 0 })
  world = await createWorld({ devnet: served.devnet })
})
afterAll(() => served.close())

/** A channel with a payment in it, at a server that dies at a moment of the request that is made of it next. */
async function killAt(moment: string) {
  const purse = await world.purse()
  const store = `sqlite:${join(temporaryDirectory(), 'store.sqlite')}`
  const { rpc: _, ...options } = world.options
  const shared = { ...options, wallet: freshWallet(), store, leaseMs: 500 }
  const before = openChannelShop(world, shared)
  const channel = await prepareChannel(before.ask, purse, { deposit: parseXno('0.5') })
  await channel.open()
  await before.paywall.close({ timeoutMs: 1 })
  /** The same client at the server that will be killed. */
  const die: Ask = async (_path, init) => {
    const env = {
      ...{ NODE_URL: served.url, STORE: store.slice('sqlite:'.length), MOMENT: moment },
      OPTIONS: JSON.stringify({ ...shared, store: undefined, mechanisms: ['channel', 'session'] }),
      PAYMENT: JSON.stringify(init?.headers),
    }
    const child = startChild(process.execPath, ['--import', 'tsx', 'test/channel/kill-child.ts'], { cwd: ROOT, env })
    expect([await child.ended, child.output()]).toEqual([null, 'about to be killed\n'])
    return new Response(null, { headers: { 'PAYMENT-RESPONSE': '' } })
  }
  const goOn = () => {
    const { ask, runs } = openChannelShop(world, shared)
    return { next: channel.on(ask) as Channel, runs }
  }
  const refunds = async () => (await receivable(world.devnet, purse.account, { count: 9 })).map(({ amount }) => amount)
  return { channel, doomed: channel.on(die) as Channel, goOn, refunds, deposit: parseXno('0.5') + channel.tag }
}
const stateOf = async (channel: Channel) => outcomeOf(await channel.state()).channelState

describe('kill -9', () => {
  test.each(['reserved', 'handler has run'])(
    'of a server with a payment at "%s": nothing is charged, and another one serves it',
    async (moment) => {
      const { channel, doomed, goOn } = await killAt(moment)
      const paymentId = channel.newId()
      await doomed.pay(2, { paymentId })
      const { next, runs } = goOn()
      expect(await stateOf(next)).toMatchObject({ charged: String(channel.unit), reserved: String(channel.unit) })
      await expect.poll(async () => (await next.pay(2, { paymentId })).status, { timeout: 5_000 }).toBe(200)
      expect([runs(), await stateOf(next)]).toMatchObject([1, { charged: String(2n * channel.unit), reserved: '0' }])
    },
  )

  test('of a server that has charged and not answered: it is charged once, and told so', async () => {
    const { channel, doomed, goOn } = await killAt('charged')
    const paymentId = channel.newId()
    await doomed.pay(2, { paymentId })
    const { next, runs } = goOn()
    const again = await next.pay(2, { paymentId })
    expect([codeOf(again), outcomeOf(again).chargedAmount, runs()]).toEqual([
      'answer_not_stored',
      String(channel.unit),
      0,
    ])
    expect(await stateOf(next)).toMatchObject({ charged: String(2n * channel.unit), reserved: '0' })
  })

  test.each(['close begun', 'refund stored', 'refund published'])(
    'of a server that closes, at "%s": the next one finishes it by itself, long before it expires, and refunds once',
    async (moment) => {
      const { channel, doomed, goOn, refunds, deposit } = await killAt(moment)
      await doomed.close()
      expect(await refunds()).toHaveLength(moment === 'refund published' ? 1 : 0)
      const { next } = goOn()
      await expect.poll(async () => (await stateOf(next)).phase, { timeout: 10_000 }).toBe('closed')
      expect(await refunds()).toEqual([deposit - channel.unit])
      expect(codeOf(await next.pay(2))).toBe('channel_closed')
    },
  )
})
