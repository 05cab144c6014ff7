import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { frameworks, type Served } from '../support/frameworks.ts'
import { refusedAtOnce, watch } from '../support/outcome.ts'
import { exchange } from '../support/raw.ts'
import { createWorld, offerOf, paymentHeader, paymentOf, randomHash, type World } from '../support/world.ts'
import { meaningless, otherSpellings, withDepth, withDoubledKey, withKey } from './list/malformed.ts'

let world: World
beforeAll(async () => {
  world = await createWorld()
})
afterAll(() => world.close())

describe.each(frameworks)('I1, I3 to I5 over $name', ({ serve }) => {
  let app: Served
  let payment: ReturnType<typeof paymentOf>
  beforeAll(async () => {
    app = await serve(world.options)
    payment = paymentOf(offerOf(await fetch(`${app.url}/report`)), randomHash())
  })
  afterAll(() => app.close())
  const present = (header: string) =>
    watch(world, app)(() => fetch(`${app.url}/report`, { headers: { 'PAYMENT-SIGNATURE': header } }))

  test.each(Object.entries(meaningless))('I1, I3: %s is refused as unreadable', async (_name, header) => {
    expect(await present(header)).toEqual(refusedAtOnce(400, 'invalid_payload'))
  })

  test('I1: base64 has one spelling: padding dropped, spaces, line breaks and stray bits are refused', async () => {
    for (const spelling of otherSpellings(payment)) {
      expect(await present(spelling), spelling.slice(-12)).toEqual(refusedAtOnce(400, 'invalid_payload'))
    }
  })

  test('I3: a good payment in 15 KB is too long to be read, and one in 8 KB is not', async () => {
    const padTo = (length: number) => paymentHeader({ ...payment, extensions: { pad: 'x'.repeat(length) } })
    expect(await present(padTo(11_000)['PAYMENT-SIGNATURE'])).toEqual(refusedAtOnce(400, 'invalid_payload'))
    const forged = { ...payment, payload: { ...payment.payload, sessionId: 'A'.repeat(300) } }
    const readable = paymentHeader({ ...forged, extensions: { pad: 'x'.repeat(5_000) } })
    expect(await present(readable['PAYMENT-SIGNATURE'])).toEqual(refusedAtOnce(402, 'invalid_session'))
  })

  test('I3: 4,000 levels within an otherwise good payment crash nothing', async () => {
    expect(await present(btoa(withDepth(payment)))).toEqual(refusedAtOnce(402, 'invalid_session'))
  })

  test('I4: the header sent twice is ambiguous, even with the same value', async () => {
    const header = `PAYMENT-SIGNATURE: ${paymentHeader(payment)['PAYMENT-SIGNATURE']}`
    const twice = () => exchange(app.url, ['GET /report HTTP/1.1', 'Host: shop', header, header])
    expect(await watch(world, app)(twice)).toEqual(refusedAtOnce(400, 'invalid_payload'))
  })

  test('I4: version 1 and version 2 of the protocol in one request are ambiguous', async () => {
    const both = { ...paymentHeader(payment), 'X-PAYMENT': btoa('{"x402Version":1}') }
    const request = () => fetch(`${app.url}/report`, { headers: both })
    expect(await watch(world, app)(request)).toEqual(refusedAtOnce(400, 'invalid_payload'))
  })

  test.each(['__proto__', 'constructor', 'prototype'])('I5: a key named %s is refused at any depth', async (key) => {
    for (const each of withKey(payment, key)) {
      expect(await present(btoa(each))).toEqual(refusedAtOnce(400, 'invalid_payload'))
    }
  })

  test('I5: a key that comes twice is refused, however it is spelt', async () => {
    for (const each of withDoubledKey(payment)) {
      expect(await present(btoa(each))).toEqual(refusedAtOnce(400, 'invalid_payload'))
    }
  })
})
