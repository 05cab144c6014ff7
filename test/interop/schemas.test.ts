/** Everything we say parses with the shapes of the official SDK. */

import { createPaywall, type PaywallOptions, type WireName } from 'nano402'
import { createPayer } from 'nano402/client'
import { createFacilitator, facilitatorApp } from 'nano402/facilitator'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { decodeBase64 } from '../../src/x402/base64.ts'
import { forms } from '../support/forms.ts'
import { listenFetch } from '../support/frameworks.ts'
import { installOnce } from '../support/registry.ts'
import { openShop } from '../support/shop.ts'
import { createWorld, paymentOf, type World } from '../support/world.ts'

vi.setConfig({ hookTimeout: 180_000 })

const isInstalled = await installOnce('test/interop')
const MECHANISMS = ['session', 'signed-block', 'signature'] as const
/** All that a 402 can have in it. */
const EVERYTHING = {
  mechanisms: MECHANISMS,
  description: 'Reports "daily", 🦊 and more',
  mimeType: 'application/json',
  publicUrl: 'https://shop.example',
  paymentIdentifier: true,
  receipts: 'ab'.repeat(32),
  discovery: { path: '/report', queryParams: { day: '1' }, output: { type: 'json', example: { rain: 1 } } },
} as const satisfies PaywallOptions

const jsonIn = (response: Response, header: string): unknown =>
  JSON.parse(decodeBase64(response.headers.get(header) ?? '') ?? 'null')

describe.skipIf(!isInstalled)('the SDK reads', async () => {
  if (!isInstalled) return
  const { PaymentPayloadSchema, PaymentRequiredSchema, PaymentRequirementsV2Schema, ...sdk } = await import(
    './schemas.ts'
  )
  let world: World
  beforeAll(async () => {
    world = await createWorld()
  })
  afterAll(() => world.close())

  const required = (x402Version: 1 | 2, said: unknown) =>
    expect(PaymentRequiredSchema.parse(said)).toMatchObject({ x402Version })
  /** The header that says it, of the forms that have one. */
  const outcomeHeader = (wire: WireName) => (wire === 'x402-v1' ? 'X-PAYMENT-RESPONSE' : 'PAYMENT-RESPONSE')

  describe.each(forms.filter(({ name }) => name === 'x402' || name === 'x402-v1' || name === 'nanosession-7'))(
    'in the form $name',
    ({ name, read }) => {
      test('our 402, whatever it offers and whatever is wrong, and what became of a payment', async () => {
        const shop = openShop({ ...world.options, ...EVERYTHING, confirmTimeoutMs: 20, wire: [name] })
        const bill = await read(await shop.ask())
        const headers = bill.present(await world.buyer.send(bill.payTo, bill.amount))
        const wrong = bill.present(await world.buyer.send(bill.payTo, 1n))
        const [asked, refused, paid, spent] = [
          await shop.ask(),
          await shop.ask(wrong),
          await shop.ask(headers),
          await shop.ask(headers),
        ]
        world.devnet.hold()
        const next = await read(await shop.ask())
        const early = await shop.ask(next.present(await world.buyer.send(next.payTo, next.amount)))
        world.devnet.release()
        const malformed = await shop.ask({ [name === 'x402-v1' ? 'X-PAYMENT' : 'PAYMENT-SIGNATURE']: '!' })
        const answers = [refused, paid, spent, early, malformed]
        expect(answers.map(({ status }) => status)).toEqual([402, 200, 402, 503, 400])
        for (const answer of [asked, refused, spent]) {
          if (name !== 'x402-v1') required(2, jsonIn(answer, 'PAYMENT-REQUIRED'))
          required(name === 'x402-v1' ? 1 : 2, await answer.json())
        }
        for (const answer of answers) {
          const settlement = await sdk.readSettlement(jsonIn(answer, outcomeHeader(name)))
          expect(settlement).toMatchObject({ success: answer.ok, network: 'nano:devnet' })
        }
      })
    },
  )

  test('our 402 in every form at once: version 2 in the header, version 1 in the body', async () => {
    const shop = openShop({ ...world.options, ...EVERYTHING, wire: ['x402-v1', 'nanosession-5', 'nanosession-7'] })
    const answer = await shop.ask()
    required(2, jsonIn(answer, 'PAYMENT-REQUIRED'))
    required(1, await answer.json())
  })

  test.each([
    ...MECHANISMS.map((mechanism) => ({ wire: 'x402' as const, mechanism })),
    { wire: 'x402-v1' as const, mechanism: 'session' as const },
  ])('what our payer presents in $wire by $mechanism', async ({ wire, mechanism }) => {
    const shop = openShop({ ...world.options, wire: [wire], mechanisms: [mechanism], paymentIdentifier: true })
    const { privateKey } = await world.devnet.fundedSeed()
    const presented: unknown[] = []
    const payer = createPayer({
      ...{ privateKey, rpc: world.devnet, network: 'nano:devnet', work: 'cpu' },
      budget: { perRequest: '0.01', total: '1' },
      async fetch(request) {
        const header = request.headers.get(wire === 'x402' ? 'PAYMENT-SIGNATURE' : 'X-PAYMENT')
        if (header !== null) presented.push(JSON.parse(decodeBase64(header) ?? ''))
        return shop.ask(Object.fromEntries(request.headers))
      },
    })
    expect((await payer.fetch('http://shop.example/report')).status).toBe(200)
    expect(presented.map((payment) => PaymentPayloadSchema.parse(payment))).toHaveLength(1)
    payer.close()
  })

  test('what our facilitator answers, good or bad', async () => {
    const { rpc, network, secret, payTo, price } = world.options
    const facilitator = createFacilitator({ rpc, network, secret, mechanisms: MECHANISMS, confirmTimeoutMs: 20 })
    const { url, close } = await listenFetch(facilitatorApp(facilitator).fetch)
    const theirs = sdk.askFacilitator(url)
    expect((await theirs.supported()).kinds).toEqual([{ x402Version: 2, scheme: 'exact', network }])
    const accepts = await facilitator.requirements({ method: 'GET', url: '/report', price, payTo })
    expect(accepts.map((offer) => PaymentRequirementsV2Schema.parse(offer))).toHaveLength(3)
    const [offer] = accepts
    if (!offer) throw new Error('No offer.')
    const good = paymentOf(offer, await world.buyer.pay(offer))
    const bad = paymentOf(offer, await world.buyer.send(offer.payTo, 1n))
    expect(await theirs.verify(good, offer)).toMatchObject({ isValid: true })
    expect(await theirs.verify(bad, offer)).toMatchObject({ isValid: false, invalidReason: 'amount_mismatch' })
    expect(await theirs.settle(bad, offer)).toMatchObject({ success: false, errorReason: 'amount_mismatch' })
    world.devnet.faults.down = 'reset'
    const unseen = paymentOf(offer, '0'.repeat(64))
    await expect(theirs.verify(unseen, offer)).rejects.toMatchObject({ invalidReason: 'node_unavailable' })
    await expect(theirs.settle(unseen, offer)).rejects.toMatchObject({ errorReason: 'node_unavailable' })
    world.devnet.faults.down = undefined
    expect(await theirs.settle(good, offer)).toMatchObject({ success: true })
    expect(await theirs.settle(good, offer)).toMatchObject({ success: false, errorReason: 'payment_already_spent' })
    await close()
    await facilitator.close()
  })

  test('our discovery list, its offers, and what it says of input and output', async () => {
    const { discovery, ...options } = EVERYTHING
    const paywall = createPaywall({ ...world.options, ...options })
    paywall.route({ discovery })
    const { url, close } = await listenFetch(
      async (request) => (await paywall.routes()(request)) ?? new Response(null, { status: 404 }),
    )
    const { x402Version, items, pagination } = await sdk.askFacilitator(url).resources()
    expect({ x402Version, pagination }).toEqual({ x402Version: 2, pagination: { limit: 100, offset: 0, total: 1 } })
    expect(items).toEqual([
      expect.objectContaining({ resource: 'https://shop.example/report', type: 'http', x402Version: 2 }),
    ])
    for (const { accepts, lastUpdated, extensions } of items) {
      expect(accepts.map((offer) => PaymentRequirementsV2Schema.parse(offer))).toHaveLength(1)
      expect(new Date(lastUpdated).toISOString()).toBe(lastUpdated)
      expect(sdk.discoveryProblems(extensions)).toEqual([])
    }
    await close()
    await paywall.close()
  })

  test('the extensions of a 402', async () => {
    const shop = openShop({ ...world.options, ...EVERYTHING })
    const { extensions } = await (await shop.ask()).json()
    expect(Object.keys(extensions ?? {})).toEqual(
      expect.arrayContaining(['payment-identifier', 'offer-receipt', 'bazaar']),
    )
    expect(sdk.discoveryProblems(extensions)).toEqual([])
  })
})
