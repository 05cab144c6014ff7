/** S6: a check of a signature costs us milliseconds, and asking for one should cost something as well. */
import type { Signature, StateBlock, Work } from 'nano402/nano'
import { publish } from 'nano402/rpc'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { PaymentRequirements } from '../../src/x402/shapes.ts'
import { watch } from '../support/outcome.ts'
import { openShop } from '../support/shop.ts'
import {
  createWorld,
  handover,
  offerOf,
  paymentHeader,
  paymentOf,
  randomHash,
  signedFor,
  type World,
} from '../support/world.ts'

let world: World
beforeAll(async () => {
  world = await createWorld()
})
afterAll(() => world.close())

function openCounter() {
  const shop = openShop({
    ...world.options,
    mechanisms: ['signed-block', 'signature', 'session'],
    confirmTimeoutMs: 20,
  })
  const newOffer = async (name: 'nanoTxn' | 'nanoSignature') => offerOf(await shop.ask(), name)
  const present = (payment: unknown) => watch(world, shop)(() => shop.ask(paymentHeader(payment)))
  return { shop, newOffer, present }
}

/** A signature that is none. No two are the same. */
const rubbish = () => (randomHash() + randomHash()) as Signature
/** A block on a rich account's frontier, as everybody can make one, but for the signature. */
const unsigned = (block: StateBlock): StateBlock => ({ ...block, signature: rubbish() })

test('a false signature is checked for whoever did the work of a block, eight times for one piece of work', async () => {
  const { newOffer, present } = openCounter()
  const offers = await Promise.all(Array.from({ length: 9 }, () => newOffer('nanoTxn')))
  const last = offers.pop() as PaymentRequirements
  const purse = await world.purse()
  // A session costs nothing, so each has its own.
  for (const offer of offers) {
    const payment = handover(offer, unsigned(await purse.sign(offer.payTo, BigInt(offer.amount))))
    expect(await present(payment)).toMatchObject({ status: 402, code: 'invalid_signature', ran: 0 })
  }
  const block = await purse.sign(last.payTo, BigInt(last.amount))
  expect(await present(handover(last, unsigned(block)))).toMatchObject({ status: 429, code: 'too_many_attempts' })
  // What its payer publishes waits for nobody.
  await publish(world.devnet, block, 'send')
  expect(await present(handover(last, block))).toMatchObject({ status: 200, ran: 1 })
})

test('without work, no signature is checked, and the payers of other accounts do not notice', async () => {
  const { newOffer, present } = openCounter()
  const purse = await world.purse()
  for (let i = 0; i < 20; i++) {
    const offer = await newOffer('nanoTxn')
    const block = { ...(await purse.sign(offer.payTo, BigInt(offer.amount))), work: '0000000000000000' as Work }
    expect(await present(handover(offer, unsigned(block)))).toMatchObject({ status: 402, code: 'invalid_work' })
  }
  for (const honest of [world.buyer, purse]) {
    const offer = await newOffer('nanoTxn')
    const payment = handover(offer, await honest.sign(offer.payTo, BigInt(offer.amount)))
    expect(await present(payment)).toMatchObject({ status: 200, ran: 1 })
  }
})

test('a signature over a block is not checked before that block has paid the very session', async () => {
  const { newOffer, present } = openCounter()
  const [offer, other] = [await newOffer('nanoSignature'), await newOffer('nanoSignature')]
  const paidForOther = await world.buyer.pay(other)
  const show = (hash: string) => {
    const { payload, ...payment } = signedFor(offer, hash, world.buyer)
    return present({ ...payment, payload: { ...payload, signature: rubbish() } })
  }
  expect(await show(randomHash())).toMatchObject({ status: 503, code: 'settlement_pending', ran: 0 })
  expect(await show(paidForOther)).toMatchObject({ status: 402, code: 'amount_mismatch', ran: 0 })
})

test('and of one that has, eight false signatures are checked; its true one is good under the session mechanism still', async () => {
  const { shop, present } = openCounter()
  const asked = await shop.ask()
  const offer = offerOf(asked, 'nanoSignature')
  const hash = await world.buyer.pay(offer)
  const { payload, ...payment } = signedFor(offer, hash, world.buyer)
  for (let i = 0; i < 8; i++)
    expect(await present({ ...payment, payload: { ...payload, signature: rubbish() } })).toMatchObject({
      code: 'invalid_signature',
    })
  expect(await present({ ...payment, payload })).toMatchObject({ status: 429, code: 'too_many_attempts', ran: 0 })
  expect(await present(paymentOf(offerOf(asked, 'nanoSession'), hash))).toMatchObject({ status: 200, ran: 1 })
})
