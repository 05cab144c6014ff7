/** What the facilitator answers to a stock x402 server, which shows it offers and payments and no request. */
import type { Store } from 'nano402'
import { createFacilitator, type Facilitator, type FacilitatorService } from 'nano402/facilitator'
import { memoryStore } from 'nano402/stores/memory'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import type { PaymentRequirements } from '../../src/x402/shapes.ts'
import { createWorld, paymentOf, randomHash, type World } from '../support/world.ts'

let world: World
let facilitator: FacilitatorService
let shop: Facilitator
beforeAll(async () => {
  world = await createWorld()
  facilitator = createFacilitator({ network: 'nano:devnet', rpc: world.devnet, secret: world.options.secret })
  shop = facilitator.of('shop')
})
afterAll(async () => {
  await facilitator.close()
  world.close()
})

const order = (more: object = {}) => ({
  method: 'GET',
  url: '/report',
  price: '0.001',
  payTo: world.seller.account,
  ...more,
})
async function offered(more: object = {}, from = shop): Promise<PaymentRequirements> {
  const [offer] = await from.requirements(order(more))
  if (!offer) throw new Error('No offer.')
  return offer
}
const call = (offer: PaymentRequirements, proof: string, required: PaymentRequirements = offer) => ({
  x402Version: 2,
  paymentPayload: paymentOf(offer, proof),
  paymentRequirements: required,
})
const paid = async (more: object = {}) => {
  const offer = await offered(more)
  return call(offer, await world.buyer.pay(offer))
}

test('it supports the schemes of its mechanisms on its network', async () => {
  expect(await facilitator.supported()).toEqual({
    kinds: [{ x402Version: 2, scheme: 'exact', network: 'nano:devnet' }],
    extensions: [],
    signers: {},
  })
})

test('a payment is verified as often as anybody asks, and settled once', async () => {
  const request = await paid()
  const valid = { isValid: true, payer: world.buyer.account }
  expect([await shop.verify(request), await shop.verify(request)]).toEqual([valid, valid])
  const { accepted, payload } = request.paymentPayload
  expect(await shop.settle(request)).toEqual({
    success: true,
    transaction: payload.proof,
    network: 'nano:devnet',
    payer: world.buyer.account,
    amount: accepted.amount,
  })
  expect(await shop.settle(request)).toMatchObject({
    success: false,
    errorReason: 'payment_already_spent',
    transaction: '',
  })
  expect(await shop.verify(request)).toMatchObject({ isValid: false, invalidReason: 'payment_already_spent' })
})

test('verifying writes nothing; what is settled is final, and noted as delivered', async () => {
  const calls: string[] = []
  const inner = memoryStore()
  const tell =
    <P extends unknown[], R>(name: string, step: (...parameters: P) => R) =>
    (...parameters: P): R => {
      calls.push(`${name} ${String(parameters[0]).split(':').slice(0, -1).join(':')}`)
      return step(...parameters)
    }
  const { claim, renew, commit, release, write } = inner
  const watched = { claim: tell('claim', claim), renew: tell('renew', renew), commit: tell('commit', commit) }
  const store: Store = {
    ...inner,
    ...watched,
    durable: true,
    release: tell('release', release),
    write: tell('write', write),
  }
  const own = createFacilitator({ network: 'nano:devnet', rpc: world.devnet, secret: world.options.secret, store })
  onTestFinished(() => own.close())
  const offer = await offered({}, own)
  const request = call(offer, await world.buyer.pay(offer))
  expect(await own.verify(request)).toMatchObject({ isValid: true })
  expect(calls).toEqual([])
  expect(await own.settle(request)).toMatchObject({ success: true })
  expect(calls).toEqual([
    ...['claim session', 'claim block', 'commit block', 'commit session'],
    ...['write delivered:session', 'write delivered:block'],
  ])
})

test('of a hundred settlements at once one succeeds', async () => {
  const request = await paid()
  const settlements = await Promise.all(Array.from({ length: 100 }, () => shop.settle(request)))
  expect(settlements.filter(({ success }) => success)).toHaveLength(1)
  const reasons = new Set(settlements.map(({ errorReason }) => errorReason))
  expect([...reasons].filter((reason) => reason !== undefined)).toEqual(
    expect.arrayContaining([expect.stringMatching(/^payment_(in_progress|already_spent)$/)]),
  )
})

test('a settlement asked again with its id is the same settlement; with another id, or none, it is refused', async () => {
  const request = await paid()
  const settlementId = 'a-settlement-of-this-test'
  const first = await shop.settle({ ...request, settlementId })
  expect(first.success).toBe(true)
  expect(await shop.settle({ ...request, settlementId })).toEqual(first)
  expect(await shop.settle({ ...request, settlementId: 'b-settlement-of-this-test' })).toMatchObject({ success: false })
  expect(await shop.settle(request)).toMatchObject({ success: false, errorReason: 'payment_already_spent' })
  const elsewhere = facilitator.of('another shop')
  expect(await elsewhere.settle({ ...request, settlementId })).toMatchObject({ errorReason: 'resource_mismatch' })
})

test('a settlement id is long enough that nobody guesses it', async () => {
  const request = await paid()
  await expect(shop.settle({ ...request, settlementId: '1' })).rejects.toMatchObject({ code: 'ERR_INVALID_VALUE' })
})

test('a payment that is not there yet is pending, and named, so that the server asks again', async () => {
  const offer = await offered()
  const slow = createFacilitator({
    ...{ network: 'nano:devnet', rpc: world.devnet, secret: world.options.secret, confirmTimeoutMs: 1 },
  }).of('shop')
  const hash = randomHash()
  expect(await slow.verify(call(offer, hash))).toMatchObject({ isValid: false, invalidReason: 'settlement_pending' })
  expect(await slow.settle(call(offer, hash))).toMatchObject({
    success: false,
    errorReason: 'settlement_pending',
    transaction: hash,
  })
})

describe('an offer is good for what it was made for alone', () => {
  test.each([
    ['another route', { url: '/dear' }],
    ['another method', { method: 'POST' }],
    ['another deployment', { realm: 'other' }],
  ])('not for %s', async (_, other) => {
    const { paymentPayload } = await paid()
    const required = { ...paymentPayload.accepted, extra: (await offered(other)).extra ?? {} }
    const request = { x402Version: 2, paymentPayload, paymentRequirements: required }
    expect(await shop.verify(request)).toMatchObject({ invalidReason: 'resource_mismatch' })
    expect(await shop.settle(request)).toMatchObject({ success: false, errorReason: 'resource_mismatch' })
  })

  test('not for a server that demands another amount', async () => {
    const { paymentPayload } = await paid()
    const dear = await offered({ price: '1' })
    const request = { x402Version: 2, paymentPayload, paymentRequirements: dear }
    expect(await shop.settle(request)).toMatchObject({ success: false, errorReason: 'invalid_payment_requirements' })
  })

  test('not for another resource server, even if it demands the same', async () => {
    const request = await paid()
    expect(await facilitator.of('other').settle(request)).toMatchObject({ errorReason: 'resource_mismatch' })
    expect(await shop.settle(request)).toMatchObject({ success: true })
  })

  test('a client that says it was made for something else is not believed', async () => {
    const { paymentPayload, paymentRequirements } = await paid()
    const boundTo = { method: 'GET', url: '/dear' }
    const lied = { ...paymentPayload.accepted, extra: { ...paymentPayload.accepted.extra, boundTo } }
    const { extra: _, ...silent } = paymentRequirements
    const request = {
      x402Version: 2,
      paymentPayload: { ...paymentPayload, accepted: lied },
      paymentRequirements: silent,
    }
    expect(await shop.settle(request)).toMatchObject({ success: false, errorReason: 'resource_mismatch' })
  })
})

describe('the offer that a request pays is made again', () => {
  test('for this very request', async () => {
    const offer = await offered()
    const paymentPayload = paymentOf(offer, randomHash())
    expect(await shop.requirements(order({ paymentPayload }))).toEqual([offer])
    expect(await shop.requirements(order({ paymentPayload, price: '2' }))).toEqual([offer])
  })

  test.each([
    ['another route', { url: '/dear', price: '1' }],
    ['another method', { method: 'DELETE' }],
  ])('and not for %s', async (_, other) => {
    const paymentPayload = paymentOf(await offered(), randomHash())
    const again = await offered({ ...other, paymentPayload })
    expect(again.amount).not.toBe(paymentPayload.accepted.amount)
  })

  test('and not for one that nobody sealed', async () => {
    const offer = await offered()
    const forged = paymentOf({ ...offer, amount: '1' }, randomHash())
    expect(await offered({ paymentPayload: forged })).not.toMatchObject({ amount: '1' })
    expect(await offered({ paymentPayload: { nonsense: true } })).not.toMatchObject({ amount: offer.amount })
  })
})

describe('what is no call is refused with x402’s own code', () => {
  test.each([
    ['a version that it does not speak', { x402Version: 1 }, 'invalid_x402_version'],
    ['a payment that is none', { paymentPayload: { x402Version: 2 } }, 'invalid_payload'],
    ['requirements that are none', { paymentRequirements: {} }, 'invalid_payment_requirements'],
  ])('%s', async (_, wrong, code) => {
    const offer = await offered()
    const request = { ...call(offer, randomHash()), ...wrong }
    expect(await shop.verify(request)).toMatchObject({ isValid: false, invalidReason: code })
    expect(await shop.settle(request)).toMatchObject({ success: false, errorReason: code, network: 'nano:devnet' })
  })

  test('another network, another scheme', async () => {
    const offer = await offered()
    for (const [wrong, code] of [
      [{ network: 'nano:mainnet' }, 'invalid_network'],
      [{ scheme: 'upto' }, 'invalid_scheme'],
    ] as const) {
      const changed = { ...offer, ...wrong }
      expect(await shop.settle(call(changed, randomHash()))).toMatchObject({ success: false, errorReason: code })
    }
  })

  test.each([
    ['an account that is none', { payTo: 'nano_1' }],
    ['a price in another currency', { price: '$1' }],
    ['a URL that is no path', { url: 'https://elsewhere.example/report' }],
    ['a method that is none', { method: 'GET /' }],
    ['a digest that is none', { inputs: { 'header:x-plan': 'gold' } }],
  ])('an order with %s makes no offer', async (_, wrong) => {
    await expect(shop.requirements(order(wrong))).rejects.toMatchObject({ code: expect.stringMatching(/^ERR_/) })
  })
})
