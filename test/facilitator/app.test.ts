/** The facilitator over HTTP, asked by x402's own client and by strangers. */
import { HTTPFacilitatorClient } from '@x402/core/http'
import { PaymentRequirementsSchema } from '@x402/core/schemas'
import type { PaymentPayload, PaymentRequirements } from '@x402/core/types'
import { createFacilitator, facilitatorApp, parseTokens } from 'nano402/facilitator'
import { createMetrics } from 'nano402/metrics'
import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest'
import { type ServedFacilitator, startFacilitator } from '../support/facilitator.ts'
import { createWorld, paymentOf, randomHash, sessionIdOf, type World } from '../support/world.ts'

const TOKEN = 'a-token-of-the-shop-0123456789'
const OTHER = 'a-token-of-another-0123456789'
const metrics = createMetrics()
let world: World
let open: ServedFacilitator
let closed: ServedFacilitator
beforeAll(async () => {
  world = await createWorld()
  open = await startFacilitator(world, {}, metrics)
  closed = await startFacilitator(
    world,
    { onEvent: metrics.onEvent },
    { ...metrics, tokens: { shop: TOKEN, other: [OTHER] } },
  )
})
afterAll(async () => {
  await Promise.all([open.close(), closed.close()])
  world.close()
})

interface Asked {
  readonly status: number
  readonly body: Record<string, unknown>
  readonly headers: Headers
}
async function post(url: string, body: unknown, token?: string): Promise<Asked> {
  const text = typeof body === 'string' || body instanceof Uint8Array ? body : JSON.stringify(body)
  const headers = { ...JSON_TYPE, ...(token && { authorization: `Bearer ${token}` }) }
  const response = await fetch(url, { method: 'POST', body: text as BodyInit, headers, redirect: 'manual' })
  return { status: response.status, body: await response.json(), headers: response.headers }
}
const JSON_TYPE = { 'content-type': 'application/json' }
const order = () => ({ method: 'GET', url: '/report', price: '0.001', payTo: world.seller.account })
async function offered({ url }: ServedFacilitator, token?: string) {
  const { body } = await post(`${url}/requirements`, order(), token)
  const [offer] = body.accepts as [ReturnType<typeof paymentOf>['accepted']]
  return offer
}

/** x402's own client: it parses every answer with its own schemas. */
const clientOf = ({ url }: ServedFacilitator, token?: string) => {
  const headers = token ? { Authorization: `Bearer ${token}` } : {}
  const createAuthHeaders = async () => ({ verify: headers, settle: headers, supported: headers })
  return new HTTPFacilitatorClient({ url, createAuthHeaders })
}
const asTheirs = (offer: unknown, payment: unknown) =>
  [payment as PaymentPayload, offer as PaymentRequirements] as const

describe('x402’s own facilitator client', () => {
  test('reads what is supported, verifies, and settles once', async () => {
    const client = clientOf(open)
    expect((await client.getSupported()).kinds).toEqual([{ x402Version: 2, scheme: 'exact', network: 'nano:devnet' }])
    const offer = await offered(open)
    PaymentRequirementsSchema.parse(offer)
    const hash = await world.buyer.pay(offer)
    const call = asTheirs(offer, paymentOf(offer, hash))
    expect(await client.verify(...call)).toMatchObject({ isValid: true })
    expect(await client.settle(...call)).toMatchObject({
      ...{ success: true, transaction: hash, network: 'nano:devnet' },
      ...{ payer: world.buyer.account, amount: offer.amount },
    })
    expect(await client.settle(...call)).toMatchObject({
      ...{ success: false, errorReason: 'payment_already_spent', transaction: '', network: 'nano:devnet' },
    })
    expect(await client.verify(...call)).toMatchObject({ isValid: false, invalidReason: 'payment_already_spent' })
  })

  test('whose answer got lost settles again under its settlement id, and gets the same answer', async () => {
    const offer = await offered(open)
    const paymentPayload = paymentOf(offer, await world.buyer.pay(offer))
    const call = { x402Version: 2, paymentPayload, paymentRequirements: offer }
    const settle = (settlementId?: unknown) => post(`${open.url}/settle`, { ...call, settlementId })
    for (const none of ['short', 7, 'x'.repeat(129)]) expect((await settle(none)).status).toBe(400)
    const first = await settle('an-id-of-this-settlement')
    expect(first.body).toMatchObject({ success: true })
    expect((await settle('an-id-of-this-settlement')).body).toEqual(first.body)
    for (const other of ['another-id-of-a-settlement', undefined]) {
      expect((await settle(other)).body).toMatchObject({ success: false, errorReason: 'payment_already_spent' })
    }
  })

  test('asks with its token, and is told apart by it', async () => {
    const offer = await offered(closed, TOKEN)
    const call = asTheirs(offer, paymentOf(offer, await world.buyer.pay(offer)))
    await expect(clientOf(closed).settle(...call)).rejects.toThrow('401')
    await expect(clientOf(closed, 'a-token-of-nobody-0123456789').verify(...call)).rejects.toThrow('401')
    expect(await clientOf(closed, OTHER).settle(...call)).toMatchObject({ errorReason: 'resource_mismatch' })
    expect(await clientOf(closed, TOKEN).settle(...call)).toMatchObject({ success: true })
  })

  test('hears of trouble of ours with a status, and in the shape that it reads', async () => {
    const down = createFacilitator({
      ...{ network: 'nano:devnet', rpc: 'http://127.0.0.1:1', secret: world.options.secret, onEvent() {} },
    })
    const app = facilitatorApp(down)
    const offer = await offered(open)
    const body = { x402Version: 2, paymentPayload: paymentOf(offer, randomHash()), paymentRequirements: offer }
    const ask = (path: string) => app.request(path, { method: 'POST', body: JSON.stringify(body), headers: JSON_TYPE })
    const [verified, settled] = [await ask('/verify'), await ask('/settle')]
    expect([verified.status, settled.status, settled.headers.get('retry-after')]).toEqual([503, 503, '2'])
    expect(await verified.json()).toMatchObject({ isValid: false, invalidReason: 'node_unavailable' })
    expect(await settled.json()).toMatchObject({
      ...{ success: false, errorReason: 'node_unavailable', transaction: '', network: 'nano:devnet' },
    })
    const health = await app.request('/health')
    expect([health.status, (await health.json()).node]).toEqual([503, { ok: false }])
    await down.close()
  })

  test('hears what is taken when a payment is something else', async () => {
    const offer = await offered(open)
    const client = clientOf(open)
    const taken = 'x402 version 2: scheme exact, network nano:devnet, asset XNO'
    const wrong: readonly (readonly [object, string])[] = [
      [{ scheme: 'upto' }, 'invalid_scheme'],
      [{ network: 'eip155:8453' }, 'invalid_network'],
    ]
    for (const [change, code] of wrong) {
      const other = { ...offer, ...change }
      const call = asTheirs(other, paymentOf(other, randomHash()))
      const message = expect.stringContaining(taken)
      expect(await client.verify(...call)).toMatchObject({ invalidReason: code, invalidMessage: message })
      expect(await client.settle(...call)).toMatchObject({ errorReason: code, errorMessage: message })
    }
    const paymentPayload = { x402Version: 1, scheme: 'exact', network: 'nano:devnet', payload: {} }
    const { body } = await post(`${open.url}/verify`, { x402Version: 1, paymentPayload, paymentRequirements: offer })
    expect(body).toMatchObject({ isValid: false, invalidReason: 'invalid_x402_version' })
    expect(body.invalidMessage).toContain(taken)
  })
})

test('no answer says the secret, a token, or anything of the node', async () => {
  const secret = 'the-secret-of-this-facilitator-0123456789'
  const rpc = { url: 'http://user:password-of-the-node@127.0.0.1:1/path-of-the-node', key: 'key-of-the-node' }
  const facilitator = createFacilitator({ network: 'nano:devnet', rpc, secret })
  onTestFinished(() => facilitator.close())
  const registry = { contentType: 'text/plain', metrics: () => Promise.reject(new Error(`failed at ${rpc.url}`)) }
  const app = facilitatorApp(facilitator, { tokens: { shop: TOKEN }, registry })
  const headers = { ...JSON_TYPE, authorization: `Bearer ${TOKEN}` }
  const ask = (path: string, body?: object) =>
    app.request(path, { headers, ...(body && { method: 'POST', body: JSON.stringify(body) }) })
  const [offer] = await facilitator.of('shop').requirements(order())
  if (!offer) throw new Error('No offer.')
  const payment = paymentOf(offer, randomHash())
  const call = { x402Version: 2, paymentPayload: payment, paymentRequirements: offer }
  const run = { method: 'GET', url: '/report', owner: '0'.repeat(32), attempts: 1, leaseMs: 1_000, payment }
  const answers = await Promise.all([
    ...['/supported', '/health', '/metrics', '/nothing'].map((path) => ask(path)),
    ...[ask('/requirements', order()), ask('/verify', call), ask('/settle', call), ask('/claim', run)],
    ...['/renew', '/commit', '/release', '/delivered'].map((path) =>
      ask(path, { owner: run.owner, ids: ['block:x'], keepUntilMs: 1, leaseMs: 1_000 }),
    ),
    ask('/settle', { settlementId: secret, ...call }),
    ask('/find', { method: 'GET', url: '/report', sessionId: sessionIdOf(offer), look: { waitMs: 50 } }),
  ])
  expect(answers.map(({ status }) => status)).toEqual([
    ...[200, 503, 503, 404, 200, 503, 503, 200, 200, 200, 200, 200, 503, 200],
  ])
  const said = await Promise.all(
    answers.map(async (answer) => JSON.stringify([...answer.headers]) + (await answer.text())),
  )
  expect(said.join()).not.toMatch(/secret-of|password|of-the-node|127\.0\.0\.1|a-token-of/)
})

describe('tokens', () => {
  const paths = ['requirements', 'verify', 'settle', 'claim', 'renew', 'commit', 'release', 'delivered', 'find']
  test.each(paths)('%s is for those who have one', async (path) => {
    for (const token of [undefined, 'wrong', `${TOKEN}x`, TOKEN.slice(0, -1), TOKEN.toUpperCase()]) {
      expect(await post(`${closed.url}/${path}`, {}, token)).toMatchObject({
        status: 401,
        body: { error: 'unauthorized' },
      })
    }
    expect((await post(`${closed.url}/${path}`, {}, TOKEN)).status).not.toBe(401)
  })

  test('whether it is healthy is asked of node and store no more often than every five seconds', async () => {
    vi.useFakeTimers({ toFake: ['Date'] })
    onTestFinished(() => void vi.useRealTimers())
    vi.setSystemTime(Date.now() + 60_000)
    const before = world.devnet.asked('block_info')
    await Promise.all(Array.from({ length: 50 }, () => fetch(`${open.url}/health`)))
    expect(world.devnet.asked('block_info') - before).toBe(1)
  })

  test('what is supported, and whether it is healthy, is for everybody; metrics are not', async () => {
    const statuses = await Promise.all(
      ['supported', 'health', 'metrics'].map(async (path) => (await fetch(`${closed.url}/${path}`)).status),
    )
    expect(statuses).toEqual([200, 200, 401])
    const authorization = `Bearer ${TOKEN}`
    const text = await (await fetch(`${closed.url}/metrics`, { headers: { authorization } })).text()
    expect(text).toContain('nano402_claims_total{route="shop",mechanism="exact"} 1')
  })

  test('in the environment they are name:token, and one server may have two', () => {
    expect(parseTokens('shop:one, shop:two,blog:three')).toEqual({ shop: ['one', 'two'], blog: ['three'] })
    for (const wrong of ['', 'token-without-a-name', 'a:', ':b', 'a:b,,']) {
      expect(() => parseTokens(wrong)).toThrow(expect.objectContaining({ code: 'ERR_CONFIG' }))
    }
  })

  test('one that can be guessed, or that two servers have, is refused without being quoted', () => {
    const app = (tokens: Record<string, string>) => () => facilitatorApp(open.facilitator, { tokens })
    expect(app({ shop: 'short' })).toThrow(/^(?!.*short\b).*16 characters/)
    expect(app({ shop: TOKEN, blog: TOKEN })).toThrow(/^(?!.*a-token).*same token/)
  })

  test('production asks for tokens, or for the word that nobody else can come', () => {
    vi.stubEnv('NODE_ENV', 'production')
    expect(() => facilitatorApp(open.facilitator)).toThrow('NANO402_FACILITATOR_TOKENS')
    facilitatorApp(open.facilitator, { allowAnyone: true })
    vi.unstubAllEnvs()
  })
})

describe('a stranger’s body', () => {
  test.each([
    ['is not JSON', '{'],
    ['is no object', '[]'],
    ['repeats a key', '{"x402Version":2,"x402Version":2}'],
    ['has a key of JavaScript’s own', '{"__proto__":{}}'],
    ['is not UTF-8', Uint8Array.of(0x22, 0xff, 0x22)],
    ['is empty', ''],
  ])('that %s is 400', async (_, body) => {
    for (const path of ['verify', 'settle', 'requirements', 'claim', 'commit', 'find']) {
      expect(await post(`${open.url}/${path}`, body)).toMatchObject({ status: 400, body: { error: 'invalid_request' } })
    }
  })

  test('of more than 64 kB is 413, however it is sent', async () => {
    const big = JSON.stringify({ x: 'x'.repeat(70_000) })
    expect(await post(`${open.url}/settle`, big)).toMatchObject({ status: 413, body: { error: 'body_too_large' } })
    const body = new ReadableStream({
      pull: (controller) => controller.enqueue(new TextEncoder().encode('x'.repeat(10_000))),
    })
    const init = { method: 'POST', body, headers: JSON_TYPE, duplex: 'half' } as RequestInit
    const endless = await fetch(`${open.url}/settle`, init)
    expect(endless.status).toBe(413)
  })

  test('may have keys that nobody knows', async () => {
    const offer = await offered(open)
    const paymentPayload = { ...paymentOf(offer, await world.buyer.pay(offer)), more: true }
    const body = { x402Version: 2, paymentPayload, paymentRequirements: { ...offer, more: 1 }, more: [] }
    expect(await post(`${open.url}/settle`, body)).toMatchObject({ status: 200, body: { success: true } })
  })

  test.each([
    ['an owner that is none', { owner: 'me' }],
    ['more attempts than there are', { attempts: 1e9 }],
    ['a lease for a day', { leaseMs: 86_400_000 }],
    ['a URL that is no path', { url: 'report' }],
    ['a payment that is none', { payment: 'nonsense' }],
  ])('that claims with %s is 400', async (_, wrong) => {
    const claim = { method: 'GET', url: '/report', owner: '0'.repeat(32), attempts: 1, leaseMs: 1_000 }
    const body = { ...claim, payment: { accepted: {}, payload: {} }, ...wrong }
    expect(await post(`${open.url}/claim`, body)).toMatchObject({ status: 400 })
  })

  test('that a page could have a browser send, as text or as a form, is 415', async () => {
    const offer = await offered(open)
    const paymentPayload = paymentOf(offer, await world.buyer.pay(offer))
    const call = JSON.stringify({ x402Version: 2, paymentPayload, paymentRequirements: offer })
    const settle = (type?: string) =>
      fetch(`${open.url}/settle`, { method: 'POST', body: call, ...(type && { headers: { 'content-type': type } }) })
    for (const type of [undefined, 'text/plain', 'application/x-www-form-urlencoded', 'application/jsonp']) {
      const refused = await settle(type)
      expect([refused.status, (await refused.json()).error]).toEqual([415, 'unsupported_media_type'])
    }
    expect(await (await settle('Application/JSON; charset=utf-8')).json()).toMatchObject({ success: true })
  })

  test('by another method is 405, and says which', async () => {
    for (const method of ['GET', 'PUT', 'DELETE', 'OPTIONS']) {
      const refused = await fetch(`${open.url}/settle`, { method })
      expect([method, refused.status, refused.headers.get('allow')]).toEqual([method, 405, 'POST'])
    }
    const posted = await post(`${open.url}/supported`, {})
    expect([posted.status, posted.headers.get('allow')]).toEqual([405, 'GET, HEAD'])
    expect((await fetch(`${open.url}/supported`, { method: 'HEAD' })).status).toBe(200)
  })

  test('for an endpoint that there is not is 404, and nothing is cached', async () => {
    const { status, headers } = await post(`${open.url}/refund`, {})
    expect([status, headers.get('cache-control')]).toEqual([404, 'no-store'])
  })
})

test('nobody can do anything to claims that are not his', async () => {
  const offer = await offered(open)
  const hash = await world.buyer.pay(offer)
  const owner = '1'.repeat(32)
  const claim = { method: 'GET', url: '/report', payment: paymentOf(offer, hash), attempts: 3, leaseMs: 60_000 }
  const { body } = await post(`${open.url}/claim`, { ...claim, owner })
  const granted = body.granted as { session: string; ids: string[]; keepUntilMs: number }
  const hold = { owner, leaseMs: 60_000, ...granted }
  const step = async (path: string, more: object) => (await post(`${open.url}/${path}`, { ...hold, ...more })).body.done
  const stranger = { owner: '2'.repeat(32) }
  for (const path of ['renew', 'commit', 'delivered']) expect(await step(path, stranger)).toBe(false)
  await step('release', stranger)
  expect((await post(`${open.url}/claim`, { ...claim, ...stranger })).body).toEqual({ refused: 'payment_in_progress' })
  expect([await step('renew', {}), await step('commit', {}), await step('commit', {})]).toEqual([true, true, true])
  expect(await step('delivered', {})).toBe(true)
  const { session, ids } = hold
  expect((await post(`${open.url}/claim`, { ...claim, owner })).body).toEqual({
    refused: 'payment_already_spent',
    spent: { session, ids, keepUntilMs: expect.any(Number) },
  })
})
