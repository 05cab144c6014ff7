/**
 * Thousands of clients open a channel, pay in it and close it, while strangers send rubbish: `npm run test:stress`, with
 * NANO402_STRESS_CLIENTS (5000), NANO402_STRESS_AT_ONCE (64), NANO402_STRESS_SECONDS (900: then no further client begins) and
 * NANO402_STRESS_P99_MS (2000: the slowest that one paid request in a hundred may be).
 */
import { serveDevnet } from 'nano402/devnet/server'
import { accountInfo, receivable } from 'nano402/rpc'
import { expect, onTestFinished, test } from 'vitest'
import { startService } from '../../scripts/channel-system.ts'
import { type Ask, codeOf, outcomeOf, prepareChannel } from '../channel/client.ts'
import { hasRedis, startRedis } from '../support/redis.ts'
import { createWorld, paymentHeader, randomHash } from '../support/world.ts'

const { NANO402_STRESS_CLIENTS = '5000', NANO402_STRESS_AT_ONCE = '64' } = process.env
const { NANO402_STRESS_SECONDS = '900', NANO402_STRESS_P99_MS = '2000' } = process.env
const PAYMENTS = 5

test(`${NANO402_STRESS_CLIENTS} clients open, pay and close while strangers send rubbish, and every raw is accounted for`, {
  timeout: 1_000 * Number(NANO402_STRESS_SECONDS) + 120_000,
}, async () => {
  const node = await serveDevnet({ confirmMs: 0 })
  onTestFinished(() => node.close())
  const redis = hasRedis ? await startRedis() : undefined
  onTestFinished(() => redis?.stop())
  const vendor = await startService('vendor', ['--port', '0'], {
    ...{ NANO402_NETWORK: 'nano:devnet', NANO402_RPC_URL: node.url, NANO402_WS_URL: node.wsUrl },
    ...{ NANO402_STORE: redis?.url ?? 'memory', NANO402_SEED: randomHash() },
  })
  onTestFinished(() => vendor.stop())
  const world = await createWorld({ devnet: node.devnet })
  const { url, account } = vendor.said
  const ask: Ask = (_path, init) => fetch(`${url}/paid`, init)

  const latencies: number[] = []
  let [served, closed] = [0, 0]
  async function client(): Promise<void> {
    const channel = await prepareChannel(ask, await world.purse(), { maxK: 10 })
    expect((await channel.openOnly()).status).toBe(204)
    for (let k = 1; k <= PAYMENTS; k++) {
      const startMs = performance.now()
      const answer = await channel.pay(k, { request: { path: '/paid' } })
      latencies.push(performance.now() - startMs)
      expect(answer.status, codeOf(answer)).toBe(200)
      served++
    }
    for (;;) {
      // 204 with the refund's block, or asked again while that is being made.
      const answer = await channel.close()
      if (answer.status === 204 && outcomeOf(answer).channelState.phase === 'closed') break
    }
    closed++
  }

  let left = Number(NANO402_STRESS_CLIENTS)
  const startMs = performance.now()
  const seconds = () => (performance.now() - startMs) / 1_000
  const worker = async () => {
    while (left-- > 0 && seconds() < Number(NANO402_STRESS_SECONDS)) await client()
  }
  let rubbish = 0
  let isOver = false
  const strangers = Array.from({ length: 2 }, async () => {
    const token = { type: 'token', channelId: randomHash(), k: 2 ** 20, token: randomHash(), mac: randomHash() }
    const accepted = { scheme: 'batch-settlement', network: 'nano:devnet', amount: '1', asset: 'XNO', payTo: account }
    const extensions = { 'payment-identifier': { info: { id: 'a-stranger-without-a-key' } } }
    const payment = { x402Version: 2, accepted: { ...accepted, maxTimeoutSeconds: 300 }, payload: token, extensions }
    while (!isOver) {
      for (const [said, status] of [
        [payment, 402],
        ['rubbish', 400],
      ] as const) {
        expect((await fetch(`${url}/paid`, { headers: paymentHeader(said) })).status).toBe(status)
        rubbish++
      }
    }
  })
  await Promise.all(Array.from({ length: Number(NANO402_STRESS_AT_ONCE) }, worker))
  isOver = true
  await Promise.all(strangers)

  const sorted = latencies.sort((a, b) => a - b)
  const at = (share: number) => Math.round(sorted[Math.floor(share * (sorted.length - 1))] ?? 0)
  const took = seconds()
  const figures = {
    ...{ clients: closed, served, seconds: Math.round(took), 'clients/s': Math.round(closed / took) },
    ...{ rubbish, 'p50 ms': at(0.5), 'p95 ms': at(0.95), 'p99 ms': at(0.99), 'max ms': at(1) },
  }
  process.stdout.write(`\n${JSON.stringify(figures)}\n`)
  expect(served).toBe(PAYMENTS * closed)
  expect(at(0.99)).toBeLessThan(Number(NANO402_STRESS_P99_MS))

  const held = await accountInfo(node.devnet, account as never)
  const coming = await receivable(node.devnet, account as never, { count: 10_000 })
  const price = 10n ** 25n
  const has = coming.reduce((sum, { amount }) => sum + amount, held?.balance ?? 0n)
  expect(has).toBe(BigInt(served) * price)
})
