/** A payment buys a pass, and a pass so many requests. */
import type { PaywallEvent, PaywallOptions } from 'nano402'
import { afterAll, describe, expect, onTestFinished, test, vi } from 'vitest'
import { frameworks } from '../support/frameworks.ts'
import { challengeOf, createWorld, handover, offerOf, paymentHeader, proofHeader, signedFor } from '../support/world.ts'
import { codeOf, openAccessShop, PASS } from './shop.ts'

const world = await createWorld()
afterAll(() => world.close())
const pass = { uses: 3, ttlMs: 3_600_000 }

describe.each(frameworks)('$name', ({ serve }) => {
  test('one payment is three answers, and then there is a fresh offer', async () => {
    const headers = { 'Set-Cookie': 'own=1', 'Cache-Control': 'public' }
    const shop = await serve({ ...world.options, pass }, ({ payment }) => ({
      headers,
      body: `${payment.kind} ${payment.pass?.left} ${payment.payer === world.buyer.account}`,
    }))
    onTestFinished(shop.close)
    const offer = offerOf(await fetch(shop.url))
    const bought = await fetch(shop.url, { headers: proofHeader(offer, await world.buyer.pay(offer)) })
    expect(await bought.text()).toBe('paid 2 true')
    const token = bought.headers.get(PASS) ?? ''
    expect(token).toMatch(/^[\w-]{22}\.3\.\d{10}\.[\w-]{43}$/)
    expect(bought.headers.get('access-control-expose-headers')).toContain(PASS)
    expect(bought.headers.getSetCookie()).toEqual(['own=1'])
    for (const left of [1, 0]) {
      const used = await fetch(shop.url, { headers: { [PASS]: token } })
      expect([used.status, await used.text()]).toEqual([200, `pass ${left} true`])
      expect(used.headers.get('PAYMENT-RESPONSE') ?? used.headers.get(PASS)).toBeNull()
      expect(used.headers.get('cache-control')).toBe('private')
      expect(used.headers.get('vary')).toContain(PASS)
    }
    const over = await fetch(shop.url, { headers: { [PASS]: token } })
    expect(challengeOf(over)).toMatchObject({ error: 'pass_exhausted', accepts: [{ scheme: 'exact' }] })
    expect(shop.runs()).toBe(3)
  })
})

test('a 402 says what a payment buys, and one without passes does not', async () => {
  const shop = openAccessShop(world, { pass })
  const { extensions } = challengeOf(await shop.ask())
  expect(extensions?.['nano402-pass']).toMatchObject({
    info: { uses: 3, ttlMs: 3_600_000, scope: expect.stringMatching(/^[0-9a-z]+$/) },
    schema: { type: 'object' },
  })
  expect(await shop.paywall.describe()).toMatchObject({ extensions: ['nano402-pass'] })
  expect(challengeOf(await openAccessShop(world).ask()).extensions).toBeUndefined()
})

test.each(['signed-block', 'signature'] as const)('a pass is bought by %s as well', async (mechanism) => {
  const shop = openAccessShop(world, { pass, mechanisms: [mechanism] })
  const offer = offerOf(await shop.ask())
  const presented =
    mechanism === 'signed-block'
      ? handover(offer, await world.buyer.sign(offer.payTo, BigInt(offer.amount)))
      : signedFor(offer, await world.buyer.pay(offer), world.buyer)
  const token = (await shop.ask(paymentHeader(presented))).headers.get(PASS) ?? ''
  expect((await shop.ask({ [PASS]: token })).status).toBe(200)
})

test.each([
  ['says 404', () => new Response('none', { status: 404 })],
  [
    'throws',
    () => {
      throw new Error('The handler failed.')
    },
  ],
])('a use is given back when the handler %s, and no pass is sold by such an answer', async (_, fail) => {
  let isFailing = false
  const shop = openAccessShop(world, { pass: { ...pass, uses: 2 }, attempts: 5 }, () =>
    isFailing ? fail() : new Response('ok'),
  )
  const payment = await shop.buy()
  isFailing = true
  const failed = await shop.ask(payment).catch(() => undefined)
  expect(failed?.headers.get(PASS) ?? null).toBeNull()
  isFailing = false
  const token = (await shop.ask(payment)).headers.get(PASS) ?? ''
  isFailing = true
  for (let i = 0; i < 5; i++) await shop.ask({ [PASS]: token }).catch(() => undefined)
  isFailing = false
  expect((await shop.ask({ [PASS]: token })).status).toBe(200)
  expect(await codeOf(await shop.ask({ [PASS]: token }))).toEqual([402, 'pass_exhausted'])
})

test('a use is given back when the client goes away first, or the handler takes too long', async () => {
  let finish: (answer: Response) => void = () => {}
  const slow = () => new Promise<Response>((resolve) => (finish = resolve))
  let handler: () => Response | Promise<Response> = () => new Response('ok')
  const shop = openAccessShop(world, { pass: { ...pass, uses: 2 }, handlerTimeoutMs: 50 }, () => handler())
  const headers = await shop.buyPass()
  handler = slow
  const gone = new AbortController()
  const left = shop.ask(headers, { signal: gone.signal })
  await expect.poll(shop.runs).toBe(2)
  gone.abort()
  finish(new Response('too late'))
  await left
  expect((await shop.ask(headers)).status).toBe(504)
  handler = () => new Response('ok')
  expect((await shop.ask(headers)).status).toBe(200)
  expect(shop.events.flatMap((event) => (event.type === 'undelivered' ? [event.reason] : []))).toEqual([
    'client_gone',
    'handler_timeout',
  ])
})

test('a pass that has expired is told so', async () => {
  const shop = openAccessShop(world, { pass: { uses: 3, ttlMs: 1_000 } })
  const headers = await shop.buyPass()
  vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 2_000 })
  onTestFinished(() => void vi.useRealTimers())
  expect(await codeOf(await shop.ask(headers))).toEqual([402, 'pass_expired'])
})

test('what another request holds is not there, and comes back by itself when its process dies', async () => {
  const hang = () => new Promise<Response>(() => {})
  const first = openAccessShop(world, { pass: { ...pass, uses: 2 }, handlerTimeoutMs: 60_000 })
  const headers = await first.buyPass()
  const dying = openAccessShop(
    world,
    { pass: { ...pass, uses: 2 }, store: first.store, handlerTimeoutMs: 60_000 },
    hang,
  )
  void dying.ask(headers)
  await expect.poll(dying.runs).toBe(1)
  expect(await codeOf(await first.ask(headers))).toEqual([402, 'pass_in_use'])
  vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 121_000 })
  onTestFinished(() => void vi.useRealTimers())
  expect((await first.ask(headers)).status).toBe(200)
})

test('a pass that is bound to somebody is good for nobody else', async () => {
  const by = (request: { header(name: string): string | undefined }) => request.header('x-user') ?? 'nobody'
  const shop = openAccessShop(world, { pass: { ...pass, by } })
  const headers = await shop.buyPass({ 'X-User': 'alice' })
  expect((await shop.ask(headers)).status).toBe(200)
  expect(await codeOf(await shop.ask({ ...headers, 'X-User': 'mallory' }))).toEqual([402, 'invalid_pass'])
})

test('a named route or a scope keeps its passes when the price changes, and one without a name does not', async () => {
  const price = '0.002'
  for (const [options, status] of [
    [{ name: 'report', pass }, 200],
    [{ pass: { ...pass, scope: 'all' } }, 200],
    [{ pass }, 402],
  ] as const) {
    const shop = openAccessShop(world, options)
    const headers = await shop.buyPass()
    const later = openAccessShop(world, { ...options, price, store: shop.store })
    expect((await later.ask(headers)).status).toBe(status)
  }
})

test('passes that could be bought cheaply for something dear are a mistake in the options', () => {
  const { paywall } = openAccessShop(world)
  const open = (options: PaywallOptions) => () => openAccessShop(world, options).paywall.route()
  expect(open({ price: () => '0.001', pass })).toThrow(/has one price/)
  expect(open({ price: () => '0.001', pass: { ...pass, scope: 'all' } })).not.toThrow()
  paywall.route({ name: 'report', price: '0.001', pass })
  expect(() => paywall.route({ name: 'report', price: '0.002', pass })).toThrow(/differ in price/)
  for (const wrong of [{ uses: 1 }, { ttlMs: 0 }, { uses: 1.5 }, { path: 'x; Domain=evil.example' }, { use: 3 }]) {
    expect(open({ pass: { ...pass, ...wrong } })).toThrow(/Option pass/)
  }
})

test('a pass is revoked by its id, in every process, while what is served on it goes on', async () => {
  const shop = openAccessShop(world, { pass })
  const headers = await shop.buyPass()
  const id = shop.payments[0]?.pass?.id ?? ''
  const other = openAccessShop(world, { pass, store: shop.store })
  expect((await other.ask(headers)).status).toBe(200)
  expect(await shop.paywall.passes.revoke(id)).toBe(true)
  for (const { ask } of [shop, other]) expect(await codeOf(await ask(headers))).toEqual([402, 'pass_revoked'])
  expect(await shop.paywall.passes.revoke('0'.repeat(22))).toBe(false)
  await expect(shop.paywall.passes.revoke(headers[PASS] ?? '')).rejects.toThrow(/id of a pass/)
  expect(shop.events).toContainEqual({ type: 'pass_revoked', pass: id })
})

test('events and payments name the pass, and neither they nor the store have it', async () => {
  const shop = openAccessShop(world, { pass, name: 'report' })
  const written: string[] = []
  const write: typeof shop.store.write = (...record) => {
    written.push(String(record))
    return shop.store.write(...record)
  }
  const headers = await openAccessShop(world, {
    pass,
    name: 'report',
    store: { ...shop.store, write },
    onEvent: (event) => shop.events.push(event),
  }).buyPass()
  await shop.ask(headers)
  const told = (type: PaywallEvent['type']) => shop.events.filter((event) => event.type === type)
  const { id } = shop.payments[0]?.pass ?? {}
  expect(told('granted')).toMatchObject([
    { payment: { kind: 'paid', pass: { id, uses: 3, left: 2 } } },
    { payment: { kind: 'pass', scheme: 'pass', amount: 0n, payer: world.buyer.account, pass: { id, left: 1 } } },
  ])
  expect(told('delivered')).toMatchObject([{ payment: { kind: 'paid' } }, { payment: { kind: 'pass' } }])
  const said = JSON.stringify([shop.events, written], (_, value) => (typeof value === 'bigint' ? String(value) : value))
  expect(said).toContain(`pass:${id}`)
  expect(said).not.toContain(headers[PASS])
})
