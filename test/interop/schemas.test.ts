/** Everything we say parses with the shapes of the official SDK. */

import { createPayer } from 'nano402/client'
import { createFacilitator, facilitatorApp } from 'nano402/facilitator'
import { describe, expect, test, vi } from 'vitest'
import { decodeBase64 } from '../../src/x402/base64.ts'
import { listenFetch } from '../support/frameworks.ts'
import { installOnce } from '../support/registry.ts'
import { openShop } from '../support/shop.ts'
import { createWorld, offerOf, paymentOf, proofHeader } from '../support/world.ts'

vi.setConfig({ hookTimeout: 180_000 })

const isInstalled = await installOnce('test/interop')
const MECHANISMS = ['session', 'signed-block', 'signature'] as const

const jsonIn = (response: Response, header: string): unknown =>
  JSON.parse(decodeBase64(response.headers.get(header) ?? '') ?? 'null')

describe.skipIf(!isInstalled)('the SDK reads', async () => {
  if (!isInstalled) return
  const { PaymentPayloadSchema, PaymentRequiredSchema, PaymentRequirementsV2Schema, ...sdk } = await import(
    './schemas.ts'
  )

  test('our 402, whatever it offers and whatever is wrong', async () => {
    const world = await createWorld()
    const shop = openShop({
      ...world.options,
      mechanisms: MECHANISMS,
      description: 'Reports "daily", 🦊 and more',
      mimeType: 'application/json',
    })
    const offer = offerOf(await shop.ask())
    const answers = [await shop.ask(), await shop.ask(proofHeader(offer, await world.buyer.send(offer.payTo, 1n)))]
    for (const answer of answers) {
      expect(PaymentRequiredSchema.parse(jsonIn(answer, 'PAYMENT-REQUIRED'))).toMatchObject({ x402Version: 2 })
      expect(PaymentRequiredSchema.parse(await answer.json())).toMatchObject({ x402Version: 2 })
    }
    world.close()
  })

  test('our 402 of version 1', async () => {
    const world = await createWorld()
    const shop = openShop({ ...world.options, wire: ['x402-v1'] })
    expect(PaymentRequiredSchema.parse(await (await shop.ask()).json())).toMatchObject({ x402Version: 1 })
    world.close()
  })

  test('what became of a payment, good or bad', async () => {
    const world = await createWorld()
    const shop = openShop(world.options)
    const offer = offerOf(await shop.ask())
    const headers = proofHeader(offer, await world.buyer.pay(offer))
    const answers = [await shop.ask(headers), await shop.ask(headers), await shop.ask({ 'PAYMENT-SIGNATURE': '!' })]
    expect(answers.map(({ status }) => status)).toEqual([200, 402, 400])
    for (const answer of answers) {
      const settlement = await sdk.readSettlement(jsonIn(answer, 'PAYMENT-RESPONSE'))
      expect(settlement).toMatchObject({ success: answer.ok, network: 'nano:devnet' })
    }
    world.close()
  })

  test('what our payer presents', async () => {
    const world = await createWorld()
    const shop = openShop(world.options)
    const { privateKey } = await world.devnet.fundedSeed()
    const presented: unknown[] = []
    const payer = createPayer({
      ...{ privateKey, rpc: world.devnet, network: 'nano:devnet', work: 'cpu' },
      budget: { perRequest: '0.01', total: '1' },
      async fetch(request) {
        const header = request.headers.get('PAYMENT-SIGNATURE')
        if (header !== null) presented.push(JSON.parse(decodeBase64(header) ?? ''))
        return shop.ask(Object.fromEntries(request.headers))
      },
    })
    expect((await payer.fetch('http://shop.example/report')).status).toBe(200)
    expect(presented.map((payment) => PaymentPayloadSchema.parse(payment))).toHaveLength(1)
    payer.close()
    world.close()
  })

  test('what our facilitator answers', async () => {
    const world = await createWorld()
    const { rpc, network, secret, payTo, price } = world.options
    const facilitator = createFacilitator({ rpc, network, secret, mechanisms: MECHANISMS })
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
    expect(await theirs.settle(good, offer)).toMatchObject({ success: true })
    expect(await theirs.settle(good, offer)).toMatchObject({ success: false, errorReason: 'payment_already_spent' })
    await close()
    await facilitator.close()
    world.close()
  })
})
