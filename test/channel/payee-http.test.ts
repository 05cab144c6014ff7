/** Channels over sockets, frameworks and a real Redis, with two servers that share it. */
import { createPaywall, type Paywall, type PaywallOptions } from 'nano402'
import { parseXno } from 'nano402/nano'
import { accountInfo, receivable } from 'nano402/rpc'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { frameworks } from '../support/frameworks.ts'
import { hasRedis, type RedisServer, startRedis } from '../support/redis.ts'
import { createWorld, type World } from '../support/world.ts'
import { type Ask, type Channel, codeOf, freshWallet, outcomeOf, prepareChannel, settlementOf } from './client.ts'

const [one, other] = [/Express 5/, /Hono/].map((name) => frameworks.find((framework) => name.test(framework.name)))

describe.skipIf(!hasRedis)('two servers on one Redis', () => {
  let world: World
  let redis: RedisServer
  beforeAll(async () => {
    world = await createWorld()
    redis = await startRedis()
  })
  afterAll(async () => {
    await redis.stop()
    world.close()
  })

  /** Express and Hono, each with a paywall of its own, as two machines have. */
  async function openShops(options: PaywallOptions = {}, handler?: () => Promise<{ body: string }>) {
    const wallet = freshWallet()
    const { secret } = world.options
    const shops = await Promise.all(
      [one, other].map(async (framework) => {
        if (!framework) throw new Error('A framework is missing.')
        const paywall: Paywall = createPaywall({
          ...{ ...world.options, secret, wallet, store: redis.url, mechanisms: ['channel', 'session'] },
          ...options,
        })
        const served = await framework.serve(paywall, handler)
        onTestFinished(async () => {
          await served.close()
          await paywall.close({ timeoutMs: 1 })
        })
        const ask: Ask = (path, init) => fetch(served.url + path, init)
        return { ask, runs: served.runs }
      }),
    )
    const [a, b] = shops
    if (!a || !b) throw new Error('unreachable')
    const runs = () => a.runs() + b.runs()
    /** The same client at both. */
    const open = async (mode: 'payword-sha256' | 'voucher-ed25519', deposit = parseXno('0.1')) => {
      const channel = await prepareChannel(a.ask, world.buyer, { mode, deposit })
      return [channel, channel.on(b.ask) as Channel] as const
    }
    return { open, runs }
  }
  /** What the payer has, and what is on its way to it. */
  async function wealth(): Promise<bigint> {
    const { account } = world.buyer
    const waiting = await receivable(world.devnet, account, { count: 1_000 })
    const held = await accountInfo(world.devnet, account)
    return (held?.balance ?? 0n) + waiting.reduce((sum, { amount }) => sum + amount, 0n)
  }

  test.each(['payword-sha256', 'voucher-ed25519'] as const)(
    'serve one channel of %s together, and the payer has in the end exactly what it did not spend',
    async (mode) => {
      const before = await wealth()
      const { open, runs } = await openShops()
      const [a, b] = await open(mode)
      const opened = await a.open()
      expect([opened.status, settlementOf(opened).transaction]).toEqual([200, a.block])
      for (let k = 2; k <= 6; k++) {
        const answer = await (k % 2 ? a : b).pay(k)
        expect([answer.status, await answer.text()]).toEqual([200, 'paid content'])
        const outcome = outcomeOf(answer)
        expect(outcome.channelState).toMatchObject({ charged: String(BigInt(k) * a.unit), reserved: '0' })
        expect(await a.isReceipt(outcome, {})).toBe(true)
        expect(answer.headers.get('Cache-Control')).toBe('private')
      }
      const state = await b.state()
      expect([state.status, outcomeOf(state).channelState.charged]).toEqual([204, String(6n * a.unit)])
      // Shuffled, over both, with the highest first: whoever comes early finds nothing left.
      expect((await a.pay(40)).status).toBe(200)
      const ks = Array.from({ length: 32 }, (_, i) => 7 + i).sort(() => Math.random() - 0.5)
      const answers = await Promise.all(ks.map((k) => (k % 2 ? a : b).pay(k)))
      expect(answers.map(({ status }) => status)).toEqual(ks.map(() => 200))
      expect(runs()).toBe(39)
      await expect.poll(async () => outcomeOf(await b.close()).channelState.phase, { timeout: 10_000 }).toBe('closed')
      expect(before - (await wealth())).toBe(39n * a.unit)
      expect(codeOf(await a.pay(41))).toBe('channel_closed')
    },
  )

  test('serve one payment once, however often and wherever it is shown at once', async () => {
    const { open, runs } = await openShops()
    const [a, b] = await open('payword-sha256')
    await a.openOnly()
    const paymentId = a.newId()
    const answers = await Promise.all(Array.from({ length: 60 }, (_, i) => (i % 2 ? a : b).pay(30, { paymentId })))
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(1)
    expect(runs()).toBe(1)
    expect(new Set(answers.filter(({ status }) => status !== 200).map(({ status }) => status))).toEqual(new Set([409]))
    expect(outcomeOf(await b.state()).channelState).toMatchObject({ charged: String(a.unit), reserved: '0' })
  })

  test('close a channel once, under fire from both, and refund what was not served', async () => {
    const before = await wealth()
    const { open, runs } = await openShops()
    const [a, b] = await open('payword-sha256')
    await a.openOnly()
    const answers = await Promise.all(
      Array.from({ length: 40 }, (_, i) => (i === 15 || i === 16 ? (i % 2 ? a : b).close() : (i % 2 ? a : b).pay(60))),
    )
    const served = answers.filter(({ status }) => status === 200).length
    expect(served).toBe(runs())
    await expect.poll(async () => outcomeOf(await a.close()).channelState.phase, { timeout: 10_000 }).toBe('closed')
    expect(before - (await wealth())).toBe(BigInt(served) * a.unit)
  })

  test('give a payment back whose handler took too long, and take it again', async () => {
    let hangs = true
    const { open, runs } = await openShops({ leaseMs: 400, handlerTimeoutMs: 300 }, async () => {
      if (hangs) await new Promise((resolve) => setTimeout(resolve, 3_000))
      return { body: 'paid content' }
    })
    const [a, b] = await open('payword-sha256')
    await a.openOnly()
    const paymentId = a.newId()
    const given = await a.pay(1, { paymentId })
    expect([given.status, outcomeOf(await b.state()).channelState.reserved]).toEqual([504, '0'])
    hangs = false
    expect([(await b.pay(1, { paymentId })).status, runs()]).toEqual([200, 2])
  })

  test('bind a payment to the body that the handler reads, and leave that unread', async () => {
    const { open, runs } = await openShops()
    const [a, b] = await open('payword-sha256')
    await a.openOnly()
    const request = { method: 'POST', path: '/report', body: JSON.stringify({ question: 'why?' }) }
    const paymentId = a.newId()
    const shown = JSON.parse(JSON.stringify(await a.proof(1, { paymentId, request })))
    for (const at of [a, b]) {
      expect(codeOf(await at.present(shown, { paymentId, request: { ...request, body: '{}' } }))).toBe('mac')
    }
    expect([(await b.present(shown, { paymentId, request })).status, runs()]).toEqual([200, 1])
  })
})
