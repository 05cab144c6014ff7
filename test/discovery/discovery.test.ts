/** What a paywall says about itself, held against what its 402s ask. */
import { PaymentRequirementsV2Schema, ResourceInfoSchema } from '@x402/core/schemas'
import { createPaywall, type DiscoveredResource, type PaywallOptions, type RouteOptions } from 'nano402'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { startFacilitator } from '../support/facilitator.ts'
import { challengeOf, createWorld, freshAccount, type World } from '../support/world.ts'

const PUBLIC_URL = 'https://shop.example'
let world: World
beforeAll(async () => {
  world = await createWorld()
})
afterAll(() => world.close())

function open(options: Partial<PaywallOptions> = {}) {
  const paywall = createPaywall({ ...world.options, publicUrl: PUBLIC_URL, ...options })
  onTestFinished(() => paywall.close({ timeoutMs: 1 }))
  const self = async (path: string): Promise<Response> => {
    const answer = await paywall.routes()(new Request(`${PUBLIC_URL}${path}`))
    if (!answer) throw new Error(`Nothing at ${path}.`)
    return answer
  }
  return { paywall, self }
}

const routes: readonly (readonly [name: string, request: string, route: RouteOptions])[] = [
  [
    'a fixed price',
    'GET /report',
    { price: '0.002', description: 'A report', mimeType: 'text/plain', discovery: { path: '/report' } },
  ],
  [
    'a price that is rounded up',
    'GET /odd',
    { price: { raw: '123456789012345678901234567890' }, discovery: { path: '/odd' } },
  ],
  [
    'a price of the query',
    'GET /search?depth=3',
    {
      price: ({ query }) => `0.00${query('depth') ?? '9'}`,
      discovery: { path: '/search', queryParams: { depth: 3 } },
    },
  ],
  [
    'a parameter in the path',
    'GET /items/7',
    {
      price: ({ path }) => (path === '/items/7' ? '0.007' : '1'),
      discovery: { path: '/items/:id', pathParams: { id: '7' } },
    },
  ],
  [
    'a body',
    'POST /orders',
    { price: '0.01', maxTimeoutSeconds: 60, discovery: { path: '/orders', body: { item: 'tea' } } },
  ],
  ['an account of its own', 'GET /other', { payTo: freshAccount(), discovery: { path: '/other', method: 'GET' } }],
]

describe('what is listed is what the 402 asks', () => {
  test.each(routes)('%s', async (_name, request, route) => {
    const { paywall, self } = open()
    const guarded = paywall.route(route)
    const [method = '', target = ''] = request.split(' ')
    const outcome = await guarded.guard(new Request(`${PUBLIC_URL}${target}`, { method }))
    if (outcome.kind !== 'refused') throw new Error('It is free.')
    const required = challengeOf(outcome.toResponse())
    const list = (await (await self('/discovery/resources')).json()) as { items: DiscoveredResource[] }
    const [item, ...others] = list.items
    expect(others).toEqual([])
    expect(item?.accepts).toEqual(
      required.accepts.map(({ extra, amount: _, ...offer }) => ({
        ...offer,
        amount: (extra as { nanoSession: { resourceAmountRaw: string } }).nanoSession.resourceAmountRaw,
      })),
    )
    expect(item?.extensions).toEqual(required.extensions)
    const { url: _, ...about } = required.resource
    expect(item).toMatchObject({ ...about, type: 'http', x402Version: 2 })
    const { amount, payTo, schemes } = await guarded.describe()
    const [offer] = item?.accepts ?? []
    if (amount !== undefined) expect(amount).toBe(offer?.amount)
    expect([payTo, schemes]).toEqual([offer?.payTo, [offer?.scheme]])
    for (const one of item?.accepts ?? []) PaymentRequirementsV2Schema.parse(one)
    ResourceInfoSchema.parse({ url: item?.resource, ...about })
  })
})

test('what a facilitator offers, by several mechanisms, is listed as its 402s ask it, once', async () => {
  const facilitator = await startFacilitator(world, { mechanisms: ['session', 'signed-block', 'signature'] })
  onTestFinished(() => facilitator.close())
  const paywall = createPaywall({ ...facilitator.options, publicUrl: PUBLIC_URL })
  const outcome = await paywall.route({ discovery: { path: '/report' } }).guard(new Request(`${PUBLIC_URL}/report`))
  if (outcome.kind !== 'refused') throw new Error('It is free.')
  const { accepts } = challengeOf(outcome.toResponse())
  const [listed, ...others] = (await paywall.resources())[0]?.accepts ?? []
  expect([accepts.length, others]).toEqual([3, []])
  for (const { extra: _, amount, ...offer } of accepts) {
    expect(listed).toEqual({ ...offer, amount: `${amount.slice(0, -20)}${'0'.repeat(20)}` })
  }
})

test('a list is made no more often than every five seconds, however many ask', async () => {
  let priced = 0
  const { paywall, self } = open()
  paywall.route({ price: () => `0.00${++priced}`, discovery: { path: '/priced' } })
  await Promise.all(Array.from({ length: 100 }, () => self('/.well-known/x402')))
  await Promise.all(Array.from({ length: 100 }, () => self('/discovery/resources')))
  expect(priced).toBe(1)
})

test('the list is in the forms of x402, page by page, and names only routes that say where they are', async () => {
  const { paywall, self } = open()
  for (const [, , route] of routes) paywall.route(route)
  paywall.route({ price: '0.5', description: 'not listed' })
  const wellKnown = await (await self('/.well-known/x402')).json()
  expect(wellKnown).toMatchObject({ version: 1, x402Version: 2 })
  expect(wellKnown.resources).toEqual(
    ['/report', '/odd', '/search', '/items/:id', '/orders', '/other'].map((path) => `${PUBLIC_URL}${path}`),
  )
  const page = await (await self('/discovery/resources?limit=2&offset=1')).json()
  expect(page.pagination).toEqual({ limit: 2, offset: 1, total: 6 })
  expect(page.items.map((item: DiscoveredResource) => item.resource)).toEqual([
    `${PUBLIC_URL}/odd`,
    `${PUBLIC_URL}/search`,
  ])
  for (const query of ['limit=-1', 'limit=1e9', 'offset=99999999', 'limit=x&offset=y']) {
    expect((await self(`/discovery/resources?${query}`)).status).toBe(200)
  }
})

test('no list carries a session: nobody can present what it says', async () => {
  const { paywall, self } = open()
  for (const [, , route] of routes) paywall.route(route)
  for (const path of ['/.well-known/x402', '/discovery/resources']) {
    expect(await (await self(path)).text()).not.toMatch(/nanoSession|sessionId|"tag"/)
  }
})

test('a price that needs more of a request than there is leaves its route out, and the others in', async () => {
  const { paywall, self } = open()
  paywall.route({ price: ({ header }) => header('x-plan') as string, discovery: { path: '/plans' } })
  paywall.route({ discovery: { path: '/report' } })
  const { items } = await (await self('/discovery/resources')).json()
  expect(items.map((item: DiscoveredResource) => item.resource)).toEqual([`${PUBLIC_URL}/report`])
})

test('a route says what it charges, and that a price depends on the request', async () => {
  const { paywall } = open({ receipts: 'ab'.repeat(32), paymentIdentifier: true })
  expect(await paywall.describe()).toEqual({
    name: 'default',
    network: 'nano:devnet',
    schemes: ['exact'],
    asset: 'XNO',
    amount: '1000000000000000000000000000',
    payTo: world.seller.account,
    maxTimeoutSeconds: 300,
    extensions: ['offer-receipt', 'payment-identifier'],
  })
  const ofRequest = paywall.route({ price: () => '1', payTo: () => world.seller.account })
  const { amount, payTo } = await ofRequest.describe()
  expect([amount, payTo]).toEqual([undefined, undefined])
})

describe('the bazaar entry of a 402', () => {
  const entry = async (discovery: RouteOptions['discovery'] & object, init: RequestInit = {}) => {
    const { paywall } = open()
    const outcome = await paywall.route({ discovery }).guard(new Request(`${PUBLIC_URL}/any`, init))
    if (outcome.kind !== 'refused') throw new Error('It is free.')
    return challengeOf(outcome.toResponse()).extensions?.bazaar
  }

  test('says how a query is asked and what comes back', async () => {
    const output = { type: 'json', example: { days: [21] }, schema: { type: 'object' } }
    const properties = { city: { type: 'string' } }
    expect(await entry({ queryParams: { city: 'Berlin' }, inputSchema: { properties }, output })).toMatchObject({
      info: {
        input: { type: 'http', method: 'GET', queryParams: { city: 'Berlin' } },
        output: { type: 'json', example: { days: [21] } },
      },
      schema: {
        properties: {
          input: { properties: { method: { enum: ['GET'] }, queryParams: { type: 'object', properties } } },
          output: { properties: { example: { type: 'object' } } },
        },
      },
    })
  })

  test('says how a body is sent, and where a parameter of the path stands', async () => {
    const discovery = { path: '/items/:id', pathParams: { id: '7' }, bodyType: 'json', body: { n: 1 } } as const
    expect(await entry(discovery, { method: 'POST', body: '{}' })).toMatchObject({
      info: { input: { type: 'http', method: 'POST', bodyType: 'json', body: { n: 1 }, pathParams: { id: '7' } } },
      schema: { properties: { input: { required: ['type', 'method', 'bodyType', 'body'] } } },
      routeTemplate: '/items/:id',
    })
  })
})

describe('an OpenAPI document', () => {
  const document = {
    openapi: '3.1.0',
    info: { title: 'Shop', version: '1' },
    paths: {
      '/items/{id}': { get: { responses: { 200: { description: 'an item' } } }, parameters: [] },
      '/plans': { get: { responses: {} } },
      '/free': { get: { responses: { 200: { description: 'free' } } } },
    },
  }

  test('says of each paid operation what it costs, and is otherwise as it was', async () => {
    const { paywall } = open()
    paywall.route({ price: '0.007', discovery: { path: '/items/:id', pathParams: { id: '7' } } })
    paywall.route({ price: ({ header }) => header('x-plan') as string, discovery: { path: '/plans' } })
    paywall.route({ discovery: { path: '/not-in-the-document' } })
    const before = structuredClone(document)
    const priced = await paywall.openapi(document)
    expect(document).toEqual(before)
    const get = priced.paths['/items/{id}'].get as unknown as Record<string, unknown>
    expect(get['x-payment-info']).toEqual({
      protocols: [{ x402: {} }],
      price: { mode: 'fixed', currency: 'XNO', amount: '0.007' },
      accepts: (await paywall.resources())[0]?.accepts,
    })
    expect(Object.keys(get.responses as object)).toEqual(['200', '402'])
    expect(priced.paths['/plans'].get).toMatchObject({ 'x-payment-info': { price: { mode: 'dynamic' } } })
    expect(priced.paths['/free']).toEqual(document.paths['/free'])
    expect(Object.keys(priced.paths)).toEqual(Object.keys(document.paths))
  })
})
