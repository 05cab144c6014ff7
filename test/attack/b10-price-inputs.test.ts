import type { Price, RequestView } from 'nano402'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { frameworks } from '../support/frameworks.ts'
import { refusedAtOnce, watch } from '../support/outcome.ts'
import { codeIn, exchange } from '../support/raw.ts'
import { disposable } from '../support/wait.ts'
import { buy, createWorld, offerOf, proofHeader, type World } from '../support/world.ts'

let world: World
beforeAll(async () => {
  world = await createWorld()
})
afterAll(() => world.close())

const DEAR = '1'
const CHEAP = '0.001'
const MISMATCH = refusedAtOnce(402, 'resource_mismatch')

describe.each(frameworks)('B10 over $name', ({ serve }) => {
  const open = async (price: (request: RequestView) => Price | Promise<Price>, priceBodyLimit = 0) =>
    disposable(await serve({ ...world.options, price, ...(priceBodyLimit > 0 && { priceBodyLimit }) }))

  test('a header that decided the price is bound to its value, and so is its absence', async () => {
    await using app = await open((request) => (request.header('X-Plan') === 'bulk' ? DEAR : CHEAP))
    const attempt = watch(world, app)
    const { headers } = await buy(world.buyer, `${app.url}/report`)
    for (const plan of ['bulk', 'other', '']) {
      expect(await attempt(() => fetch(`${app.url}/report`, { headers: { ...headers, 'X-Plan': plan } }))).toEqual(
        MISMATCH,
      )
    }
    expect(await attempt(() => fetch(`${app.url}/report`, { headers }))).toMatchObject({ status: 200, ran: 1 })

    const small = await buy(world.buyer, `${app.url}/report`, { headers: { 'x-plan': 'small' } })
    expect(await attempt(() => fetch(`${app.url}/report`, { headers: small.headers }))).toEqual(MISMATCH)
    const same = { ...small.headers, 'X-PLAN': 'small' }
    expect(await attempt(() => fetch(`${app.url}/report`, { headers: same }))).toMatchObject({ status: 200, ran: 1 })
  })

  test('a header that is read only when another one says so is bound once it was read', async () => {
    await using app = await open((request) => {
      if (request.header('x-unit') === undefined) return CHEAP
      return request.header('x-size') === 'large' ? DEAR : CHEAP
    })
    const attempt = watch(world, app)
    const { headers } = await buy(world.buyer, `${app.url}/report`, { headers: { 'x-unit': 'a', 'x-size': 'small' } })
    const present = (more: Record<string, string>) =>
      attempt(() => fetch(`${app.url}/report`, { headers: { ...headers, ...more } }))
    expect(await present({ 'x-unit': 'a', 'x-size': 'large' })).toEqual(MISMATCH)
    expect(await present({ 'x-unit': 'a' })).toEqual(MISMATCH)
    expect(await present({ 'x-size': 'small' })).toEqual(MISMATCH)
    expect(await present({ 'x-unit': 'a', 'x-size': 'small' })).toMatchObject({ status: 200, ran: 1 })
  })

  test('a header that comes twice is not the header that came once', async () => {
    await using app = await open((request) => (request.header('x-plan') === 'small' ? CHEAP : DEAR))
    const { headers } = await buy(world.buyer, `${app.url}/report`, { headers: { 'x-plan': 'small' } })
    const proof = `PAYMENT-SIGNATURE: ${headers['PAYMENT-SIGNATURE']}`
    const lines = ['GET /report HTTP/1.1', 'Host: shop', proof, 'X-Plan: small', 'X-Plan: bulk']
    expect(await watch(world, app)(() => exchange(app.url, lines))).toEqual(MISMATCH)
  })

  test('a length that decided the price is not evaded by a chunked body', async () => {
    await using app = await open((request) => (Number(request.header('content-length') ?? 0) > 100 ? DEAR : CHEAP))
    const { headers } = await buy(world.buyer, `${app.url}/report`, { method: 'POST', body: 'short' })
    const proof = `PAYMENT-SIGNATURE: ${headers['PAYMENT-SIGNATURE']}`
    const long = 'x'.repeat(500)
    const attempt = watch(world, app)
    const chunked = ['POST /report HTTP/1.1', 'Host: shop', proof, 'Transfer-Encoding: chunked']
    expect(await attempt(() => exchange(app.url, chunked, `1f4\r\n${long}\r\n0\r\n\r\n`))).toEqual(MISMATCH)
    const longer = ['POST /report HTTP/1.1', 'Host: shop', proof, 'Content-Length: 500']
    expect(await attempt(() => exchange(app.url, longer, long))).toEqual(MISMATCH)
    const both = [...chunked, 'Content-Length: 5'] // request smuggling's favourite
    const { status } = await exchange(app.url, both, `1f4\r\n${long}\r\n0\r\n\r\n`)
    expect([400, 402]).toContain(status)
    expect(app.runs()).toBe(0)
  })

  test('a value in the body that decided the price is bound', async () => {
    const byRows = async (request: RequestView) => {
      const { rows } = (await request.json()) as { rows: number }
      return { raw: BigInt(rows) * 10n ** 24n }
    }
    await using app = await open(byRows, 1_000)
    const post = (body: string, headers = {}) => fetch(`${app.url}/rows`, { method: 'POST', body, headers })
    const offer = offerOf(await post('{"rows":1}'))
    const headers = proofHeader(offer, await world.buyer.pay(offer))
    const attempt = watch(world, app)
    for (const body of ['{"rows":2}', '{"rows":1,"rows":1000000}', '{"rows":1} ', '{"rows": 1}']) {
      expect(await attempt(() => post(body, headers))).toEqual(MISMATCH)
    }
    expect(await attempt(() => post(`{"rows":1${' '.repeat(1_000)}}`, headers))).toEqual(
      refusedAtOnce(413, 'body_too_large'),
    )
    expect(await attempt(() => post('{"rows":1}', headers))).toMatchObject({ status: 200, ran: 1 })
  })

  test('a body that a price may not read is not read for a forged session either', async () => {
    await using app = await open(() => CHEAP)
    await using reading = await open(async (request) => ((await request.text()) === '' ? CHEAP : DEAR), 1_000)
    const offer = offerOf(await fetch(`${reading.url}/report`, { method: 'POST', body: 'text' }))
    const headers = proofHeader(offer, 'A'.repeat(64))
    const outcome = await watch(world, app)(() => fetch(`${app.url}/report`, { method: 'POST', body: 'text', headers }))
    expect(outcome).toEqual(refusedAtOnce(402, 'invalid_session'))
  })

  test.each(['PAYMENT-SIGNATURE', 'x-payment', 'Payment-Response'])('a price may not depend on %s', async (name) => {
    await using app = await open((request) => (request.header(name) === undefined ? DEAR : CHEAP))
    const outcome = await watch(world, app)(() => fetch(`${app.url}/report`))
    expect(outcome).toEqual(refusedAtOnce(503, 'price_unavailable'))
  })

  test('a body longer than the price may read is refused with 413, chunked or not', async () => {
    await using app = await open(async (request) => ((await request.text()) === '' ? CHEAP : DEAR), 100)
    const attempt = watch(world, app)
    const body = 'x'.repeat(101)
    for (const long of [body, 'x'.repeat(200_000)]) {
      const answer = await attempt(() => fetch(`${app.url}/x`, { method: 'POST', body: long }))
      expect(answer).toEqual(refusedAtOnce(413, 'body_too_large'))
    }
    const chunked = ['POST /x HTTP/1.1', 'Host: shop', 'Transfer-Encoding: chunked']
    const answer = await exchange(app.url, chunked, `65\r\n${body}\r\n0\r\n\r\n`)
    expect([answer.status, codeIn(answer.body)]).toEqual([413, 'body_too_large'])
    expect((await fetch(`${app.url}/x`, { method: 'POST', body: 'x'.repeat(100) })).status).toBe(402)
    expect((await fetch(`${app.url}/x`, { method: 'POST', body: '' })).status).toBe(402)
  })
})
