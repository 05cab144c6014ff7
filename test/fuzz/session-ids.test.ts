import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { targetOf } from '../../src/core/request.ts'
import { createSeal } from '../../src/core/seal.ts'
import { mac, randomKey } from '../../src/secret.ts'
import { decodeBase64Url, encodeBase64, encodeBase64Url } from '../../src/x402/base64.ts'
import type { PaymentRequirements } from '../../src/x402/shapes.ts'
import { randomHash, sessionIdOf } from '../support/world.ts'
import { anyJson, bentText, fuzz } from './fuzz.ts'
import { openTarget, type Target } from './target.ts'

const BODY = JSON.stringify({ rows: 5 })

/** One shop with a fixed price, and one whose price reads a header and the body. */
const shops = {
  'a fixed price': {},
  'a price that reads the request': {
    price: async ({ header, json }: { header(name: string): string | undefined; json(): Promise<unknown> }) => {
      const { rows = 1 } = (await json()) as { rows?: number }
      return { raw: BigInt(rows) * 10n ** 26n + BigInt(header('x-plan') === 'gold' ? 1 : 0) }
    },
    priceBodyLimit: 100,
  },
}

const request = {
  method: 'POST',
  url: '/report?day=1',
  readBody: async (limit: number) => (BODY.length > limit ? undefined : new TextEncoder().encode(BODY)),
}

/** A body of a session id, in its right form and of any contents, with what may stand in for its MAC. */
const forged = fc
  .record({
    version: fc.constantFrom(1, 1, 1, 0, 2, 255),
    head: fc.uint8Array({ minLength: 49, maxLength: 49 }),
    payTo: fc.oneof(
      fc.constant('nano_15nhh1kzw3x8ohez6s75wy3jr6dqgq65oaede1fzk5hqxk4j8ehz7iqtb3to'),
      fc.string({ unit: 'binary', maxLength: 100 }),
    ),
    inputs: fc.oneof(
      fc.constantFrom(
        '',
        'body',
        'header:x-plan',
        'header:payment-signature',
        'header:',
        'header',
        '\n\n',
        'header:a b',
      ),
      fc.constantFrom(
        'header:__proto__',
        'body\nbody',
        Array.from({ length: 40 }, (_, i) => `header:h${i}`).join('\n'),
      ),
      fc.string({ unit: 'binary', maxLength: 200 }),
    ),
    mac: fc.uint8Array({ minLength: 0, maxLength: 40 }),
  })
  .map(({ version, head, payTo, inputs, mac }) =>
    Buffer.concat([
      Buffer.from([version]),
      head,
      Buffer.from([Buffer.byteLength(payTo) & 255]),
      Buffer.from(payTo),
      Buffer.from(inputs),
      mac,
    ]),
  )

/** A genuine id with its bytes changed, or spliced with another. */
const bentBytes = (id: string, other: string): fc.Arbitrary<string> => {
  const [bytes, others] = [id, other].map((text) => decodeBase64Url(text) ?? new Uint8Array(0))
  return fc
    .tuple(
      fc.array(fc.tuple(fc.nat(), fc.integer({ min: 1, max: 255 })), { maxLength: 3 }),
      fc.constantFrom('flip', 'splice', 'cut', 'grow', 'swap'),
      fc.nat(),
    )
    .map(([flips, kind, at]) => {
      const changed = Uint8Array.from(bytes ?? [])
      for (const [place, by] of flips) changed[place % changed.length] = (changed[place % changed.length] ?? 0) ^ by
      const cut = at % changed.length
      if (kind === 'splice')
        return encodeBase64Url(Uint8Array.from([...changed.slice(0, cut), ...(others ?? []).slice(cut)]))
      if (kind === 'cut') return encodeBase64Url(changed.slice(0, cut))
      if (kind === 'grow') return encodeBase64Url(Uint8Array.from([...changed, at & 255]))
      if (kind === 'swap') return encodeBase64Url(Uint8Array.from([...changed.slice(cut), ...changed.slice(0, cut)]))
      return encodeBase64Url(changed)
    })
}

/** Other spellings of the same bytes, which are other texts. */
const respelt = (id: string): fc.Arbitrary<string> =>
  fc.constantFrom(
    `${id}=`,
    `${id}==`,
    ` ${id}`,
    `${id}\n`,
    `${id.slice(0, 40)}\n${id.slice(40)}`,
    `${id}A`,
    id.replaceAll('-', '+').replaceAll('_', '/'),
    id.toLowerCase(),
    id.toUpperCase(),
    encodeURIComponent(id),
    `"${id}"`,
    `${id}\u200b`,
    id.split('').reverse().join(''),
  )

describe.each(Object.entries(shops))('with %s', (_name, options) => {
  let target: Target
  let offers: readonly PaymentRequirements[]
  beforeAll(async () => {
    target = await openTarget(options as object)
    offers = [await target.offer({ 'x-plan': 'free' }, request), await target.offer({ 'x-plan': 'gold' }, request)]
  })
  afterAll(() => target.close())

  test('no session id but a genuine one has the node asked or the handler run', async () => {
    const [accepted, other] = offers
    if (!accepted || !other) throw new Error('No offers.')
    const [id, otherId] = [sessionIdOf(accepted), sessionIdOf(other)]
    const ids: fc.Arbitrary<unknown> = fc.oneof(
      bentText(id),
      bentBytes(id, otherId),
      respelt(id),
      forged.map((bytes) => bytes.toString('base64url')),
      fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes).toString('base64url')),
      fc.string({ unit: 'binary', maxLength: 300 }),
      anyJson,
    )
    await fuzz(
      5,
      fc.asyncProperty(ids, fc.boolean(), async (sessionId, isGold) => {
        if (sessionId === id || sessionId === otherId) return
        const payment = { x402Version: 2, accepted, payload: { proof: randomHash(), sessionId } }
        const header = encodeBase64(Buffer.from(JSON.stringify(payment)).toString())
        const { status, code, asked } = await target.ask(
          { 'payment-signature': header, 'x-plan': isGold ? 'gold' : 'free' },
          request,
        )
        expect([400, 402]).toContain(status)
        expect(['invalid_payload', 'invalid_session', 'resource_mismatch']).toContain(code)
        expect(asked).toBe(0)
      }),
    )
  })

  test('a genuine session id has no other meaning for another request', async () => {
    const [accepted] = offers
    if (!accepted) throw new Error('No offer.')
    const payment = { x402Version: 2, accepted, payload: { proof: randomHash(), sessionId: sessionIdOf(accepted) } }
    const header = encodeBase64(JSON.stringify(payment))
    const anything = fc.record({
      method: fc.constantFrom('POST', 'GET', 'post', 'HEAD', 'X'),
      url: fc.oneof(fc.webPath(), bentText(request.url), fc.constant(request.url)),
      body: fc.oneof(fc.constant(BODY), bentText(BODY), fc.string({ maxLength: 150 })),
      plan: fc.oneof(fc.constant('free'), fc.string({ maxLength: 5 })),
    })
    await fuzz(
      2,
      fc.asyncProperty(anything, async ({ method, url, body, plan }) => {
        const readsAll = 'price' in options
        const same =
          method === request.method &&
          targetOf({ url }) === request.url &&
          (!readsAll || (body === BODY && plan === 'free'))
        if (same) return
        const bytes = new TextEncoder().encode(body)
        const readBody = async (limit: number) => (bytes.length > limit ? undefined : bytes)
        const answered = await target.ask({ 'payment-signature': header, 'x-plan': plan }, { method, url, readBody })
        // A 402 makes a new offer, and for a body that is no JSON the price function has none.
        expect([402, 413, 503]).toContain(answered.status)
        if (answered.status === 503) expect(answered.code).toBe('price_unavailable')
        expect(answered.asked).toBe(0)
      }),
    )
  })
})

test('the seal opens what it closed, and nothing else, whatever is in it', async () => {
  const seal = createSeal([randomKey(), randomKey()], mac)
  const stranger = createSeal([randomKey()], mac)
  const terms = fc.record({
    id: fc.uint8Array({ minLength: 16, maxLength: 16 }).map((bytes) => Buffer.from(bytes).toString('hex')),
    issuedAtMs: fc.nat({ max: 2 ** 47 }),
    expiresAtMs: fc.nat({ max: 2 ** 47 }),
    amount: fc.bigInt({ min: 0n, max: 2n ** 128n - 1n }),
    payTo: fc.string({ unit: 'grapheme', maxLength: 20 }),
    inputs: fc.array(fc.stringMatching(/^[a-z:-]{1,20}$/), { maxLength: 4 }),
  })
  const fields = fc.array(fc.oneof(fc.string(), fc.uint8Array(), fc.constant(undefined)), { maxLength: 4 })
  await fuzz(
    3,
    fc.asyncProperty(terms, fields, fields, async (terms, bound, others) => {
      const id = seal.close(terms, bound)
      expect(seal.peek(id)?.open(bound)).toEqual(terms)
      const isSame = JSON.stringify(asText(bound)) === JSON.stringify(asText(others))
      if (!isSame) expect(typeof seal.peek(id)?.open(others)).toBe('string')
      expect(typeof stranger.peek(id)?.open(bound)).toBe('string')
    }),
  )
})

/** Fields are bytes: text and its UTF-8 are the same field. */
const asText = (fields: readonly (string | Uint8Array | undefined)[]) =>
  fields.map((field) => (field === undefined ? null : Buffer.from(field as string).toString('hex')))
