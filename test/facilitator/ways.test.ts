/** Every way to pay, and every form of the headers, through a facilitator: for a guard, and for a stock server. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type ServedFacilitator, startFacilitator } from '../support/facilitator.ts'
import { forms, settle } from '../support/forms.ts'
import { openShop } from '../support/shop.ts'
import {
  createWorld,
  handover,
  offerOf,
  type Purse,
  paymentHeader,
  paymentOf,
  receiptFor,
  signedFor,
  type World,
} from '../support/world.ts'

let world: World
let facilitator: ServedFacilitator
beforeAll(async () => {
  world = await createWorld()
  facilitator = await startFacilitator(world, { mechanisms: ['session', 'signed-block', 'signature'] })
})
afterAll(async () => {
  await facilitator.close()
  world.close()
})

type Offer = ReturnType<typeof offerOf>
const ways = {
  nanoSession: async (buyer: Purse, offer: Offer) => paymentOf(offer, await buyer.pay(offer)),
  nanoTxn: async (buyer: Purse, offer: Offer) => handover(offer, await buyer.sign(offer.payTo, BigInt(offer.amount))),
  nanoSignature: async (buyer: Purse, offer: Offer) => signedFor(offer, await buyer.pay(offer), buyer),
}

describe.each(Object.entries(ways))('%s', (name, pay) => {
  test('buys one answer from a guard', async () => {
    const shop = openShop(facilitator.options)
    const headers = paymentHeader(await pay(world.buyer, offerOf(await shop.ask(), name as keyof typeof ways)))
    expect((await shop.ask(headers)).status).toBe(200)
    expect((await shop.ask(headers)).status).toBe(402)
    expect(shop.runs()).toBe(1)
  })

  test('is verified as often as asked, and settled once, or once per settlement id', async () => {
    const order = { method: 'GET', url: '/report', price: '0.001', payTo: world.seller.account }
    const offers = await facilitator.facilitator.requirements(order)
    const offer = offers.find(({ extra }) => extra && name in extra)
    if (!offer) throw new Error(`No offer of ${name}.`)
    const call = { x402Version: 2, paymentPayload: await pay(world.buyer, offer), paymentRequirements: offer }
    expect(await facilitator.facilitator.verify(call)).toEqual({ isValid: true, payer: world.buyer.account })
    const first = await facilitator.facilitator.settle({ ...call, settlementId: 'a-settlement-of-this' })
    expect(first).toMatchObject({ success: true, amount: offer.amount, payer: world.buyer.account })
    expect(await facilitator.facilitator.settle({ ...call, settlementId: 'a-settlement-of-this' })).toEqual(first)
    expect(await facilitator.facilitator.settle(call)).toMatchObject({ success: false, transaction: '' })
    expect(await facilitator.facilitator.verify(call)).toMatchObject({ invalidReason: 'payment_already_spent' })
  })
})

test.each(forms)('a payment in the form $name buys one answer', async (form) => {
  const shop = openShop({ ...facilitator.options, wire: [form.name] })
  const bill = await form.read(await shop.ask())
  const headers = bill.present(await settle(world.buyer, bill))
  expect((await shop.ask(headers)).status).toBe(200)
  expect((await shop.ask(headers)).status).toBe(402)
  expect(shop.runs()).toBe(1)
})

test('a receipt of NanoSession revision 7 buys one answer from a guard', async () => {
  const shop = openShop({ ...facilitator.options, wire: ['nanosession-7'] })
  const offer = offerOf(await shop.ask(), 'nanoSignature')
  const headers = paymentHeader(receiptFor(offer, await world.buyer.pay(offer), world.buyer))
  expect((await shop.ask(headers)).status).toBe(200)
  expect((await shop.ask(headers)).status).toBe(402)
  expect(shop.runs()).toBe(1)
})
