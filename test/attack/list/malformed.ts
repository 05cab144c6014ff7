/** Payment headers that are not one payment in its one spelling. */
import { paymentHeader, type paymentOf } from '../../support/world.ts'

type Payment = ReturnType<typeof paymentOf>

/** JSON so many levels deep. */
export const nested = (depth: number) => '['.repeat(depth) + ']'.repeat(depth)

/** Headers that hold no payment, whatever session they name. */
export const meaningless: Readonly<Record<string, string>> = {
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

/** I1: a good payment in base64 with padding dropped or added, spaces, or stray bits. */
export function otherSpellings(payment: Payment): readonly string[] {
  const good = paymentHeader({ ...payment, extensions: { pad: 'x' } })['PAYMENT-SIGNATURE'].replace(/=+$/, '')
  const padded = [good, `${good}=`, `${good}==`].find((text) => text.length % 4 === 0) ?? ''
  return [
    `${padded}=`,
    padded.replace(/^(.{8})/, '$1 '),
    padded.replace(/^(.{8})/, '$1\t'),
    `${padded.slice(0, -4)}${padded.slice(-4).replace(/[A-Za-z0-9+/]+(=*)$/, 'QR$1')}`,
    padded.replace(/=+$/, '') + (padded.endsWith('=') ? '' : 'A'),
  ].filter((spelling) => spelling !== padded)
}

/** I5: a payment as JSON with a key that some parsers take for the object's own nature. */
export const withKey = (payment: Payment, key: string): readonly string[] => {
  const text = JSON.stringify(payment)
  return [
    text.replace('{', `{"${key}":{},`),
    text.replace('"payload":{', `"payload":{"${key}":{"admin":true},`),
    text.replace('"accepted":{', `"accepted":{"${key}":null,`),
    text.replace('"extra":{', `"extra":{"${key}":[],`),
    text.replace('"extra":{', `"extra":{"${key.replace('o', '\\u006f')}":[],`),
  ]
}

/** I5: a payment as JSON with a key that comes twice, however it is spelt. */
export function withDoubledKey(payment: Payment): readonly string[] {
  const text = JSON.stringify(payment)
  const { proof, sessionId } = payment.payload
  return [
    text.replace('{', '{"x402Version":2,'),
    text.replace('"payload":{', `"payload":{"proof":"${proof}",`),
    text.replace('"payload":{', `"payload":{"sessionId":"${sessionId}",`),
    text.replace('"payload":{', `"payload":{"\\u0070roof":"${proof}",`),
    text.replace('"payload":{', `"payload":{"proof" :"${'0'.repeat(64)}",`),
    text.replace('"accepted":{', '"accepted":{"amount":"1",'),
  ]
}

/** I3: a payment for a forged session, with something 4,000 levels deep beside it. */
export function withDepth(payment: Payment): string {
  const { extra: _, ...accepted } = payment.accepted
  const forged = { ...payment, accepted, payload: { ...payment.payload, sessionId: 'A'.repeat(300) } }
  return JSON.stringify(forged).replace(/}$/, `,"extensions":{"deep":${nested(4_000)}}}`)
}
