import { AsyncLocalStorage } from 'node:async_hooks'
import { type Context, type ContextManager, context, ROOT_CONTEXT, SpanStatusCode, trace } from '@opentelemetry/api'
import { BasicTracerProvider, InMemorySpanExporter, SimpleSpanProcessor } from '@opentelemetry/sdk-trace-base'
import type { PaywallOptions } from 'nano402'
import { createTracing } from 'nano402/otel'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { openShop, purchase } from '../support/shop.ts'
import { createWorld, type World } from '../support/world.ts'

let world: World
beforeAll(async () => {
  world = await createWorld()
})
afterAll(() => world.close())

function recorder() {
  const exporter = new InMemorySpanExporter()
  const tracer = new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] }).getTracer('test')
  return { tracer, spans: () => exporter.getFinishedSpans(), ...createTracing({ tracer }) }
}

/** A paid request, with what it traced. */
async function traced(options: Partial<PaywallOptions> = {}, status = 200) {
  const { onEvent, spans } = recorder()
  const shop = openShop({ ...world.options, name: 'report', onEvent, ...options }, () => new Response('x', { status }))
  const bought = await purchase(openShop(world.options), world.buyer)
  await shop.ask(bought.headers)
  return { spans: spans(), ...bought }
}

test('a paid request is traced step by step, each step as long as it took', async () => {
  const { spans, hash } = await traced()
  const names = spans.map(({ name }) => name).filter((name) => name !== 'nano402 store epoch')
  expect(names).toEqual([
    ...['nano402 node blocks_info', 'nano402 node blocks_info', 'nano402 verify'],
    ...['nano402 store claim', 'nano402 store claim', 'nano402 claim', 'nano402 settle'],
    ...['nano402 store commit', 'nano402 store commit', 'nano402 serve'],
  ])
  expect(spans.find(({ name }) => name === 'nano402 settle')?.attributes).toEqual({
    'nano402.route': 'report',
    'nano402.scheme': 'exact',
    'nano402.transaction': hash,
    'nano402.payer': world.buyer.account,
    'nano402.amount': expect.stringMatching(/^10{7}\d{20}$/),
    'nano402.network': 'nano:devnet',
  })
})

test('a span is back-dated by what it took', () => {
  const { onEvent, spans } = recorder()
  const before = Date.now()
  onEvent({ type: 'confirmed', route: 'r', scheme: 'exact', ms: 1500 })
  const [span] = spans()
  expect(span?.duration).toEqual([1, 500_000_000])
  const endMs = (span?.endTime[0] ?? 0) * 1000 + (span?.endTime[1] ?? 0) / 1e6
  expect(endMs).toBeGreaterThanOrEqual(before)
})

test('a refusal has its code, and no error: it is the payer to whom something is wrong', async () => {
  const { onEvent, spans } = recorder()
  await openShop({ ...world.options, onEvent }).ask({ 'PAYMENT-SIGNATURE': 'nonsense' })
  expect(spans().map(({ name, attributes, status }) => ({ name, code: attributes['nano402.code'], status }))).toEqual([
    { name: 'nano402 refuse', code: 'invalid_payload', status: { code: SpanStatusCode.UNSET } },
  ])
})

test('a fault of ours is an error with its message', async () => {
  const rpc = { call: () => Promise.reject(new Error('http://user:password@node.example')) }
  const { spans } = await traced({ rpc })
  expect(spans.map(({ name, status }) => [name, status])).toEqual([
    ['nano402 node blocks_info', { code: SpanStatusCode.ERROR, message: 'failed' }],
    ['nano402 refuse', { code: SpanStatusCode.ERROR, message: 'Nano node 1 of 1 failed.' }],
  ])
})

test('of an error that is not ours, only the kind is told: it may quote a secret', () => {
  const { onEvent, spans } = recorder()
  const fault = new TypeError('connect redis://:password@store.example')
  onEvent({ type: 'refused', route: 'r', code: 'unexpected_verify_error', status: 503, fault })
  expect(spans()[0]?.status).toEqual({ code: SpanStatusCode.ERROR, message: 'TypeError' })
})

test('an answer that failed is an error with its reason', async () => {
  const { spans } = await traced({}, 500)
  expect(spans.at(-1)).toMatchObject({
    name: 'nano402 serve',
    status: { code: SpanStatusCode.ERROR, message: 'handler_failed' },
  })
})

test('spans lie under the span that is active', async () => {
  const active = new AsyncLocalStorage<Context>()
  const manager: ContextManager = {
    active: () => active.getStore() ?? ROOT_CONTEXT,
    with: (inner, run, self, ...parameters) => active.run(inner, () => run.apply(self, parameters)),
    bind: (_context, target) => target,
    enable: () => manager,
    disable: () => manager,
  }
  context.setGlobalContextManager(manager)
  try {
    const { tracer, onEvent, spans } = recorder()
    const shop = openShop({ ...world.options, onEvent })
    const request = tracer.startSpan('GET /report')
    await context.with(trace.setSpan(context.active(), request), () => shop.ask())
    expect(spans()).toMatchObject([
      { name: 'nano402 challenge', parentSpanContext: { spanId: request.spanContext().spanId } },
    ])
  } finally {
    context.disable()
  }
})
