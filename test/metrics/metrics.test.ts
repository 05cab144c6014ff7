import { type PaywallEvent, REFUSALS, type RefusalCode } from 'nano402'
import { createMetrics, type Metrics } from 'nano402/metrics'
import { memoryStore } from 'nano402/stores/memory'
import { Registry } from 'prom-client'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { freshWallet, outcomeOf, prepareChannel } from '../channel/client.ts'
import { openChannelShop } from '../channel/shop.ts'
import { openShop, purchase } from '../support/shop.ts'
import { createWorld, type World } from '../support/world.ts'

let world: World
beforeAll(async () => {
  world = await createWorld()
})
afterAll(() => world.close())

const lines = async ({ registry }: Metrics) => (await registry.metrics()).split('\n')
const series = async (metrics: Metrics) => (await lines(metrics)).filter((line) => line !== '' && !line.startsWith('#'))

const payment = (amount: bigint) => ({
  kind: 'paid' as const,
  payer: 'nano_1',
  amount,
  transaction: 'AB',
  network: 'nano:devnet',
  scheme: 'exact',
})

test('an offer, a payment, its answer and its second use are counted, each once', async () => {
  const metrics = createMetrics()
  const shop = openShop({ ...world.options, name: 'report', onEvent: metrics.onEvent })
  const { headers } = await purchase(shop, world.buyer)
  await shop.ask(headers)
  await shop.ask(headers)
  const counted = await series(metrics)
  for (const line of [
    'nano402_challenges_total{route="report"} 2',
    'nano402_refusals_total{route="report",reason="payment_already_spent"} 1',
    'nano402_claims_total{route="report",mechanism="exact"} 1',
    'nano402_grants_total{route="report",mechanism="exact"} 1',
    'nano402_deliveries_total{route="report",mechanism="exact"} 1',
    'nano402_verify_duration_seconds_count{phase="verify"} 2',
    'nano402_verify_duration_seconds_count{phase="claim"} 1',
    'nano402_verify_duration_seconds_count{phase="settle"} 1',
    'nano402_handler_duration_seconds_count{route="report"} 1',
    'nano402_node_call_duration_seconds_count{action="blocks_info",outcome="ok"} 2',
    'nano402_store_call_duration_seconds_count{operation="commit",outcome="ok"} 2',
  ]) {
    expect(counted).toContain(line)
  }
  const received = counted.find((line) => line.startsWith('nano402_received_xno_total{route="report"}'))
  expect(Number(received?.split(' ')[1])).toBeCloseTo(0.001, 9)
})

test('what was not delivered is counted by its reason, and is not money received for an answer', async () => {
  const metrics = createMetrics()
  const shop = openShop({ ...world.options, onEvent: metrics.onEvent }, () => new Response('no', { status: 500 }))
  await shop.ask((await purchase(shop, world.buyer)).headers)
  const counted = await series(metrics)
  expect(counted).toContain('nano402_undelivered_total{route="default",reason="handler_failed"} 1')
  expect(counted.filter((line) => /^nano402_(received|deliveries)/.test(line))).toEqual([])
})

test('a node that fails shows as calls with the outcome error', async () => {
  const metrics = createMetrics()
  const shop = openShop({ ...world.options, onEvent: metrics.onEvent })
  const { headers } = await purchase(shop, world.buyer)
  const rpc = { call: () => Promise.reject(new Error('down')) }
  await openShop({ ...world.options, rpc, onEvent: metrics.onEvent }).ask(headers)
  expect(await series(metrics)).toContain(
    'nano402_node_call_duration_seconds_count{action="blocks_info",outcome="error"} 1',
  )
})

test('durations are in seconds', async () => {
  const metrics = createMetrics()
  metrics.onEvent({ type: 'delivered', route: 'r', payment: payment(5n * 10n ** 30n), ms: 1500 })
  const counted = await series(metrics)
  expect(counted).toContain('nano402_handler_duration_seconds_sum{route="r"} 1.5')
  expect(counted).toContain('nano402_received_xno_total{route="r"} 5')
})

test('random paths and names do not make the number of series grow (S12)', async () => {
  const metrics = createMetrics()
  const shop = openShop({ ...world.options, onEvent: metrics.onEvent })
  for (let i = 0; i < 10_000; i++) await shop.ask({}, { path: `/${crypto.randomUUID()}?${i}` })
  expect((await series(metrics)).length).toBe(1)

  const codes = Object.keys(REFUSALS) as RefusalCode[]
  for (let i = 0; i < 10_000; i++) {
    const name = `${crypto.randomUUID()}${'x'.repeat(i % 200)}`
    const sold = { ...payment(1n), scheme: name }
    const events: PaywallEvent[] = [
      { type: 'challenged', route: name, amount: 1n },
      ...codes.map((code) => ({ type: 'refused', route: name, code, status: 402 }) as const),
      { type: 'claimed', route: name, scheme: name, ms: 1 },
      { type: 'granted', route: name, payment: sold, ms: 1 },
      { type: 'delivered', route: name, payment: sold, ms: 1 },
      { type: 'undelivered', route: name, payment: sold, reason: 'client_gone', ms: 1 },
      { type: 'node_call', action: name, ok: i % 2 === 0, ms: 1 },
      { type: 'store_call', operation: name, ok: i % 2 === 0, ms: 1 },
    ]
    for (const event of events) metrics.onEvent(event)
  }
  const counted = await series(metrics)
  expect(counted.length).toBeLessThan(10_000)
  expect(counted).toContainEqual(expect.stringMatching(/^nano402_challenges_total\{route="other"\} \d{4}$/))
  expect(Math.max(...counted.map((line) => line.length))).toBeLessThan(300)
})

test('two sets of metrics share a registry under two prefixes, and under one they do not', () => {
  const registry = new Registry()
  createMetrics({ registry })
  expect(createMetrics({ registry, prefix: 'shop_' }).registry).toBe(registry)
  expect(() => createMetrics({ registry })).toThrow(/already been registered/)
})

test('the life of a channel is counted, and what it holds is the difference of three sums', async () => {
  const metrics = createMetrics()
  const { ask } = openChannelShop(world, { name: 'report', onEvent: metrics.onEvent })
  const channel = await prepareChannel(ask, world.buyer, { deposit: 10n ** 30n })
  await channel.openOnly()
  await channel.pay(2)
  await channel.pay(2)
  await expect.poll(async () => outcomeOf(await channel.close()).channelState.phase).toBe('closed')
  const counted = await series(metrics)
  for (const line of [
    'nano402_channels_opened_total{mode="payword-sha256"} 1',
    'nano402_channels_closed_total 1',
    'nano402_channel_reserved_xno 0',
    'nano402_channel_token_steps_bucket{le="0"} 1',
    'nano402_channel_token_steps_bucket{le="2"} 2',
    'nano402_channel_verify_duration_seconds_count{mode="payword-sha256"} 2',
    'nano402_channel_close_duration_seconds_count 1',
    'nano402_refund_failures_total 0',
    'nano402_channel_reservation_age_seconds_count 2',
  ]) {
    expect(counted).toContain(line)
  }
  const money = (state: string) =>
    Number(counted.find((line) => line.startsWith(`nano402_channel_xno_total{state="${state}"}`))?.split(' ')[1])
  expect(money('charged')).toBeCloseTo(0.002, 9)
  expect(money('deposited') - money('charged') - money('refunded')).toBeCloseTo(0, 9)
})

test('what all channels come to is told as the store has it, also to a process that did not open them', async () => {
  const metrics = createMetrics()
  const store = memoryStore()
  const wallet = freshWallet()
  const channel = await prepareChannel(openChannelShop(world, { store, wallet }).ask, world.buyer, {
    deposit: 10n ** 30n,
  })
  await channel.open()
  openChannelShop(world, { store, wallet, onEvent: metrics.onEvent })
  await expect.poll(() => series(metrics)).toContain('nano402_channels{state="open"} 1')
  const counted = await series(metrics)
  const raw = (sum: string) =>
    Number(counted.find((line) => line.startsWith(`nano402_channel_raw{sum="${sum}"}`))?.split(' ')[1])
  expect(raw('locked') + raw('charged')).toBeCloseTo(1e30, -21) // the deposit's tag is below 10^20
  for (const [sum, amount] of [
    ['charged', 1e27],
    ['authorized', 1e27],
    ['reserved', 0],
    ['refund_due', 0],
  ] as const) {
    expect(raw(sum)).toBe(amount)
  }
})

test('passes are counted as they are sold and revoked, and what they, and free requests, let in', async () => {
  const metrics = createMetrics()
  const shop = openShop({
    ...world.options,
    pass: { uses: 3, ttlMs: 60_000 },
    free: { perDay: 1, by: () => 'me' },
    onEvent: metrics.onEvent,
  })
  await shop.ask()
  const { headers } = await purchase(shop, world.buyer)
  const bought = await shop.ask(headers)
  const token = bought.headers.get('Nano402-Pass') ?? ''
  await shop.ask({ 'Nano402-Pass': token })
  await shop.paywall.passes.revoke(token.slice(0, 22))
  const counted = await series(metrics)
  for (const line of [
    'nano402_passes_total{action="sold"} 1',
    'nano402_passes_total{action="revoked"} 1',
    'nano402_grants_total{route="default",mechanism="pass"} 1',
    'nano402_deliveries_total{route="default",mechanism="free"} 1',
    'nano402_refusals_total{route="default",reason="free_exhausted"} 1',
  ]) {
    expect(counted).toContain(line)
  }
})
