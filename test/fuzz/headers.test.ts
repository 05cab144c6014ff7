import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import fc from 'fast-check'
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest'
import { encodeBase64 } from '../../src/x402/base64.ts'
import { CLIENT_WIRES } from '../../src/x402/client-wires.ts'
import type { PaymentPayload, PaymentRequirements } from '../../src/x402/shapes.ts'
import { EVERY_FORM } from '../support/forms.ts'
import { randomHash, sessionIdOf } from '../support/world.ts'
import { anyJson, bent, bentText, fuzz, type Json } from './fuzz.ts'
import { type Answered, openTarget, type Target } from './target.ts'

let target: Target
let genuine: Json
let victimHash: string
beforeAll(async () => {
  target = await openTarget()
  const offer = await target.offer()
  // A payment that somebody else made, confirmed and unused: what there is to steal.
  victimHash = await target.world.buyer.pay(offer)
  genuine = JSON.parse(JSON.stringify(paymentFor(await target.offer(), victimHash)))
})
afterAll(() => target.close())

const paymentFor = (accepted: PaymentRequirements, proof: string) => ({
  x402Version: 2,
  accepted,
  payload: { proof, sessionId: sessionIdOf(accepted) },
})

/** Refused for what it is: our own trouble only as 503, and only about a payment that could be genuine. */
function expectRefused({ status, code }: Answered) {
  if (status === 503) return expect(['settlement_pending', 'node_unavailable']).toContain(code)
  expect([400, 402, 429]).toContain(status)
}

/** The ways in which text gets into a header, right and wrong. */
const spellings: fc.Arbitrary<(text: string) => string> = fc.constantFrom<((text: string) => string)[]>(
  (text) => encodeBase64(wellFormed(text)),
  (text) => encodeBase64(wellFormed(text)),
  (text) => encodeBase64(wellFormed(text)).replaceAll('=', ''),
  (text) => Buffer.from(text).toString('base64url'),
  (text) => encodeBase64(encodeBase64(wellFormed(text))),
  (text) => encodeBase64(`\ufeff${wellFormed(text)}`),
  (text) => encodeBase64(` ${wellFormed(text)}\n`),
  (text) => Buffer.from(text, 'utf16le').toString('base64'),
  (text) => Buffer.from(text, 'latin1').toString('base64'),
  (text) => ` ${encodeBase64(wellFormed(text))}`,
  (text) => `${encodeBase64(wellFormed(text))},${encodeBase64(wellFormed(text))}`,
  (text) => Buffer.from(text).toString('hex'),
  (text) => encodeURIComponent(wellFormed(text)),
  (text) => text,
)
const wellFormed = (text: string) => Buffer.from(text).toString()

test('no text in the payment header does more than be refused, without a question to the node', async () => {
  const texts = fc.oneof(
    fc.string({ unit: 'binary', maxLength: 300 }),
    fc.string({ minLength: 1_000, maxLength: 20_000 }),
    fc.base64String({ maxLength: 400 }),
    fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes).toString('base64')),
    fc.tuple(spellings, fc.json({ maxDepth: 4 })).map(([spell, json]) => spell(json)),
    fc
      .tuple(fc.integer({ min: 1, max: 4_500 }), fc.constantFrom('[', '{"a":'))
      .map(([n, open]) => btoa(open.repeat(n))),
  )
  await fuzz(
    22,
    fc.asyncProperty(
      texts,
      fc.constantFrom('payment-signature', 'x-payment', 'payment-required'),
      async (text, name) => {
        const answered = await target.ask({ [name]: text })
        expect([400, 402]).toContain(answered.status)
        expect(answered.asked).toBe(0)
      },
    ),
  )
})

test('no change of a proof buys anything, and only with its session genuine is the node asked', async () => {
  const { sessionId } = (genuine as { payload: { sessionId: string } }).payload
  const changed = bent(genuine)
  await fuzz(
    20,
    fc.asyncProperty(changed, spellings, async (payment, spell) => {
      const answered = await target.ask({ 'payment-signature': spell(JSON.stringify(payment)) })
      expectRefused(answered)
      const shown = (payment as { payload?: { sessionId?: unknown } } | null)?.payload?.sessionId
      if (shown !== sessionId) expect(answered.asked).toBe(0)
    }),
  )
})

test('no change of the JSON text of a proof buys anything', async () => {
  await fuzz(
    5,
    fc.asyncProperty(bentText(JSON.stringify(genuine)), async (changed) => {
      expectRefused(await target.ask({ 'payment-signature': encodeBase64(wellFormed(changed)) }))
    }),
  )
})

test('no change of a proof in an older form buys anything, and only with its session genuine is the node asked', async () => {
  const every = await openTarget({ wire: EVERY_FORM })
  onTestFinished(() => every.close())
  const offer = await every.offer()
  const { sessionId } = paymentFor(offer, victimHash).payload
  const presented = Object.values(CLIENT_WIRES).map(({ present }) =>
    Object.entries(present(paymentFor(offer, victimHash) as PaymentPayload)),
  )
  const bentHeaders = fc
    .constantFrom(...presented)
    .chain((headers) => fc.tuple(...headers.map(([name, value]) => fc.tuple(fc.constant(name), bentValue(value)))))
  await fuzz(
    5,
    fc.asyncProperty(bentHeaders, async (headers) => {
      const answered = await every.ask(Object.fromEntries(headers))
      expectRefused(answered)
      const shown = headers.map(([, value]) => `${value} ${Buffer.from(value, 'base64')}`).join()
      if (!shown.includes(sessionId)) expect(answered.asked).toBe(0)
    }),
  )
})

/** A header's text bent as it is, or within its base64. */
const bentValue = (value: string): fc.Arbitrary<string> =>
  value.startsWith('ey') ? bentText(atob(value)).map((text) => encodeBase64(wellFormed(text))) : bentText(value)

test('a key that comes twice in one object is unreadable, whichever comes first and whatever it says', async () => {
  const text = JSON.stringify(genuine)
  const { payload, accepted } = genuine as { readonly [part: string]: { readonly [key: string]: Json } }
  const objects: readonly (readonly [opening: string, object: object])[] = [
    ['{"x402Version"', genuine as object],
    ['{"proof"', payload ?? {}],
    ['{"scheme"', accepted ?? {}],
  ]
  const doubled = fc
    .constantFrom(...objects)
    .chain(([opening, object]) =>
      fc
        .tuple(fc.constantFrom(...Object.entries(object)), anyJson, fc.boolean())
        .map(([[key, value], other, same]) =>
          text.replace(opening, `{${JSON.stringify(key)}:${JSON.stringify(same ? value : other)},${opening.slice(1)}`),
        ),
    )
  await fuzz(
    3,
    fc.asyncProperty(doubled, async (changed) => {
      const answered = await target.ask({ 'payment-signature': encodeBase64(wellFormed(changed)) })
      expect(answered).toEqual({ status: 400, code: expect.stringMatching(/^invalid_/), asked: 0 })
    }),
  )
})

test('no change of the header itself buys anything', async () => {
  const header = encodeBase64(JSON.stringify(genuine))
  await fuzz(
    8,
    fc.asyncProperty(bentText(header), async (changed) => {
      expectRefused(await target.ask({ 'payment-signature': changed }))
    }),
  )
})

test('a genuine session and any hash buy nothing, and the questions to the node are few', async () => {
  const proofs = fc.oneof(
    fc.constant(null).map(() => randomHash()),
    fc.string({ unit: 'binary', maxLength: 70 }),
    fc.constant(victimHash),
    bentText(victimHash),
  )
  await fuzz(
    2,
    fc.asyncProperty(proofs, fc.integer({ min: 1, max: 12 }), async (proof, times) => {
      const payment = paymentFor(await target.offer(), proof)
      const header = { 'payment-signature': encodeBase64(JSON.stringify(payment)) }
      for (let i = 0; i < times; i++) {
        const answered = await target.ask(header)
        expectRefused(answered)
        expect(answered.asked).toBeLessThanOrEqual(5)
      }
    }),
  )
})

test('ten thousand refusals leave memory where it was', async () => {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  const payments = fc.sample(bent(genuine), 200)
  const flood = async () => {
    for (const payment of payments) {
      await target.ask({ 'payment-signature': encodeBase64(wellFormed(JSON.stringify(payment))) })
    }
  }
  await flood()
  collect()
  const before = process.memoryUsage().heapUsed
  for (let i = 0; i < 50; i++) await flood()
  collect()
  expect(process.memoryUsage().heapUsed - before).toBeLessThan(8_000_000)
})
