/** S6: a check of a signature costs us milliseconds, and asking for one should cost something as well. */
import type { Signature, StateBlock } from 'nano402/nano'
import { publish } from 'nano402/rpc'
import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest'
import { MAX_FAILED_PER_SECOND } from '../../src/mechanisms/checks.ts'
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
afterEach(() => void vi.useRealTimers())
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

test('eight false signatures of one signed block are checked for a session, and then none', async () => {
  const { newOffer, present } = openCounter()
  const offer = await newOffer('nanoTxn')
  const block = await world.buyer.sign(offer.payTo, BigInt(offer.amount))
  for (let i = 0; i < 8; i++)
    expect(await present(handover(offer, unsigned(block)))).toMatchObject({ status: 402, code: 'invalid_signature' })
  expect(await present(handover(offer, block))).toMatchObject({ status: 429, code: 'too_many_attempts', ran: 0 })
})

test('a flood of them over many sessions gets so many a second, and no payment is lost to it', async () => {
  vi.useFakeTimers({ toFake: ['performance'] })
  const { newOffer, present } = openCounter()
  const purse = await world.purse()
  for (let i = 0; i < MAX_FAILED_PER_SECOND; i++) {
    const offer = await newOffer('nanoTxn')
    const payment = handover(offer, unsigned(await purse.sign(offer.payTo, BigInt(offer.amount))))
    expect(await present(payment)).toMatchObject({ status: 402, code: 'invalid_signature', ran: 0 })
  }
  const offers = [await newOffer('nanoTxn'), await newOffer('nanoTxn')] as const
  const [first, second] = [
    await world.buyer.sign(offers[0].payTo, BigInt(offers[0].amount)),
    await purse.sign(offers[1].payTo, BigInt(offers[1].amount)),
  ]
  for (const payment of [handover(offers[0], first), handover(offers[1], second)])
    expect(await present(payment)).toMatchObject({ status: 503, code: 'node_unavailable', ran: 0 })
  // What its payer publishes has cost something, and waits for nobody.
  await publish(world.devnet, first, 'send')
  expect(await present(handover(offers[0], first))).toMatchObject({ status: 200, ran: 1 })
  vi.advanceTimersByTime(1_000)
  expect(await present(handover(offers[1], second))).toMatchObject({ status: 200, ran: 1 })
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
