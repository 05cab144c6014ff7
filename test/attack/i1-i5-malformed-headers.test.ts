import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { frameworks, type Served } from '../support/frameworks.ts'
import { refusedAtOnce, watch } from '../support/outcome.ts'
import { exchange } from '../support/raw.ts'
import { createWorld, offerOf, paymentHeader, paymentOf, randomHash, type World } from '../support/world.ts'

const nested = (depth: number) => '['.repeat(depth) + ']'.repeat(depth)

/** Headers that hold no payment, whatever session they name. */
const meaningless: Readonly<Record<string, string>> = {
  'an empty header': '',
  'a blank header': ' ',
  'text that is not base64': '!!!',
  'base64 of text that is not JSON': btoa('not json'),
  'base64 of half a JSON object': btoa('{"x402Version":2,'),
  base64url: Buffer.from('{"a":"??>>~~"}').toString('base64url'),
  'JSON without base64': '{"x402Version":2}',
  'base64 of bytes that are not UTF-8': Buffer.from([0x22, 0xff, 0xfe, 0x22]).toString('base64'),
  'base64 of UTF-8 with a byte order mark': Buffer.from('\ufeff{"x402Version":2}').toString('base64'),
  null: btoa('null'),
  'a number': btoa('1'),
  'an empty list': btoa('[]'),
  'a string': btoa('"x"'),
  'an empty object': btoa('{}'),
  '8 KB of a letter': 'A'.repeat(8_192),
  '15 KB of a letter': 'A'.repeat(15_000),
  '4,000 lists within each other': btoa(nested(4_000)),
}

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
    const good = paymentHeader({ ...payment, extensions: { pad: 'x' } })['PAYMENT-SIGNATURE'].replace(/=+$/, '')
    const padded = [good, `${good}=`, `${good}==`].find((text) => text.length % 4 === 0) ?? ''
    const spellings = [
      `${padded}=`,
      padded.replace(/^(.{8})/, '$1 '),
      padded.replace(/^(.{8})/, '$1\t'),
      `${padded.slice(0, -4)}${padded.slice(-4).replace(/[A-Za-z0-9+/]+(=*)$/, 'QR$1')}`,
      padded.replace(/=+$/, '') + (padded.endsWith('=') ? '' : 'A'),
    ].filter((spelling) => spelling !== padded)
    for (const spelling of spellings) {
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
    const { extra: _, ...accepted } = payment.accepted
    const forged = { ...payment, accepted, payload: { ...payment.payload, sessionId: 'A'.repeat(300) } }
    const deep = JSON.stringify(forged).replace(/}$/, `,"extensions":{"deep":${nested(4_000)}}}`)
    expect(await present(btoa(deep))).toEqual(refusedAtOnce(402, 'invalid_session'))
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
    const text = JSON.stringify(payment)
    const sneaked = [
      text.replace('{', `{"${key}":{},`),
      text.replace('"payload":{', `"payload":{"${key}":{"admin":true},`),
      text.replace('"accepted":{', `"accepted":{"${key}":null,`),
      text.replace('"extra":{', `"extra":{"${key}":[],`),
      text.replace('"extra":{', `"extra":{"${key.replace('o', '\\u006f')}":[],`),
    ]
    for (const each of sneaked) expect(await present(btoa(each))).toEqual(refusedAtOnce(400, 'invalid_payload'))
  })

  test('I5: a key that comes twice is refused, however it is spelt', async () => {
    const text = JSON.stringify(payment)
    const { proof, sessionId } = payment.payload
    const doubled = [
      text.replace('{', '{"x402Version":2,'),
      text.replace('"payload":{', `"payload":{"proof":"${proof}",`),
      text.replace('"payload":{', `"payload":{"sessionId":"${sessionId}",`),
      text.replace('"payload":{', `"payload":{"\\u0070roof":"${proof}",`),
      text.replace('"payload":{', `"payload":{"proof" :"${'0'.repeat(64)}",`),
      text.replace('"accepted":{', '"accepted":{"amount":"1",'),
    ]
    for (const each of doubled) expect(await present(btoa(each))).toEqual(refusedAtOnce(400, 'invalid_payload'))
  })
})
