/** A facilitator between resource servers, payers and strangers: replays, wrong routes, other servers, crashes (F1 to F4). */
import type { PaywallOptions, RequestView } from 'nano402'
import { memoryStore } from 'nano402/stores/memory'
import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest'
import { type ServedFacilitator, startFacilitator } from '../support/facilitator.ts'
import { codeIn } from '../support/raw.ts'
import { openShop, purchase } from '../support/shop.ts'
import { gate } from '../support/wait.ts'
import { challengeOf, createWorld, offerOf, paymentOf, proofHeader, type World } from '../support/world.ts'

const TOKENS = { shop: 'a-token-of-the-shop-0123456789', blog: 'a-token-of-the-blog-0123456789' }
let world: World
let facilitator: ServedFacilitator
beforeAll(async () => {
  world = await createWorld()
  facilitator = await startFacilitator(world, {}, { tokens: TOKENS })
})
afterAll(async () => {
  await facilitator.close()
  world.close()
})

/** A resource server that has nothing but the facilitator. */
const shopOf = (token: keyof typeof TOKENS, more: PaywallOptions = {}) =>
  openShop({ ...facilitator.options, facilitator: { url: facilitator.url, token: TOKENS[token] }, ...more })
const codeOf = async (response: Response) => [response.status, codeIn(await response.text())]

describe('F1: one payment, many times', () => {
  test('of a hundred requests at two servers with one token one is served', async () => {
    const shops = [shopOf('shop'), shopOf('shop')] as const
    const { headers } = await purchase(shops[0], world.buyer)
    const answers = await Promise.all(Array.from({ length: 100 }, (_, i) => shops[i % 2 === 0 ? 0 : 1].ask(headers)))
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(1)
    expect(answers.filter(({ status }) => ![200, 402, 409].includes(status))).toEqual([])
    expect(shops[0].runs() + shops[1].runs()).toBe(1)
  })

  test('what a stock server has settled no guard serves, and the other way round', async () => {
    const shop = shopOf('shop')
    const stock = facilitator.facilitator.of('shop')
    const order = { method: 'GET', url: '/report', price: '0.001', payTo: world.seller.account, realm: '' }
    const [required = offerOf(await shop.ask())] = await stock.requirements(order)
    const [settledFirst, servedFirst] = [await world.buyer.pay(required), await purchase(shop, world.buyer)]
    const call = { x402Version: 2, paymentPayload: paymentOf(required, settledFirst), paymentRequirements: required }
    expect(await stock.settle(call)).toMatchObject({ success: true })
    expect(await codeOf(await shop.ask(proofHeader(required, settledFirst)))).toEqual([402, 'payment_already_spent'])

    expect((await shop.ask(servedFirst.headers)).status).toBe(200)
    const { extra } = required
    const boundTo = extra?.boundTo
    const offer = { ...servedFirst.offer, extra: { ...servedFirst.offer.extra, boundTo } }
    const again = { x402Version: 2, paymentPayload: paymentOf(offer, servedFirst.hash), paymentRequirements: offer }
    expect(await stock.settle(again)).toMatchObject({ success: false, errorReason: 'payment_already_spent' })
  })
})

describe('F2: a payment for something else', () => {
  test('a cheap route’s proof buys nothing at a dear one', async () => {
    const price = (view: RequestView) => (view.path === '/dear' ? '1' : '0.001')
    const shop = shopOf('shop', { price })
    const { headers } = await purchase(shop, world.buyer)
    const dear = await shop.ask(headers, { path: '/dear' })
    expect([dear.status, challengeOf(dear).error]).toEqual([402, 'resource_mismatch'])
    expect(shop.runs()).toBe(0)
    expect((await shop.ask(headers)).status).toBe(200)
  })

  test('nor at another server of the same facilitator, even for the same path and price', async () => {
    const [shop, blog] = [shopOf('shop'), shopOf('blog')]
    const { headers } = await purchase(shop, world.buyer)
    expect(await codeOf(await blog.ask(headers))).toEqual([402, 'resource_mismatch'])
    expect((await shop.ask(headers)).status).toBe(200)
  })

  test('nor in another realm of the same server', async () => {
    const { headers } = await purchase(shopOf('shop'), world.buyer)
    expect(await codeOf(await shopOf('shop', { realm: 'other' }).ask(headers))).toEqual([402, 'resource_mismatch'])
  })

  test('nor for a header by which the price would be another, and the facilitator never sees the header', async () => {
    const heard: string[] = []
    const fetched = vi.spyOn(globalThis, 'fetch').mockImplementation((input, init) => {
      heard.push(String(init?.body))
      return realFetch(input, init)
    })
    onTestFinished(() => fetched.mockRestore())
    const price = (view: RequestView) => (view.header('x-plan') === 'gold-of-the-customer' ? '0.5' : '0.001')
    const shop = shopOf('shop', { price })
    const { headers } = await purchase(shop, world.buyer)
    const gold = { ...headers, 'x-plan': 'gold-of-the-customer' }
    expect(await codeOf(await shop.ask(gold))).toEqual([402, 'resource_mismatch'])
    expect((await shop.ask(headers)).status).toBe(200)
    expect(heard.join()).toContain('header:x-plan')
    expect(heard.join()).not.toContain('gold-of-the-customer')
  })

  test('nor with a body by which the price would be another', async () => {
    const price = async (view: RequestView) => ({ raw: `${(await view.text()).length}${'0'.repeat(26)}` })
    const { paywall } = shopOf('shop', { price, priceBodyLimit: 1_000 })
    const ask = async (body: string, headers = {}) => {
      const request = new Request('http://shop.example/translate', { method: 'POST', body, headers })
      const outcome = await paywall.guard(request)
      return outcome.kind === 'refused' ? outcome.toResponse() : outcome.deliver(() => new Response('translated'))
    }
    const offer = offerOf(await ask('short'))
    const headers = proofHeader(offer, await world.buyer.pay(offer))
    expect(await codeOf(await ask('very much longer', headers))).toEqual([402, 'resource_mismatch'])
    expect((await ask('short', headers)).status).toBe(200)
  })

  test('a forged id that names a payment header as its input is the client’s mistake', async () => {
    const shop = shopOf('shop')
    const { offer, hash } = await purchase(shop, world.buyer)
    const nanoSession = offer.extra?.nanoSession as { id: string }
    const bytes = Buffer.from(nanoSession.id, 'base64url')
    const forged = Buffer.concat([bytes.subarray(0, 51), Buffer.from('header:payment-signature'), bytes.subarray(51)])
    const payment = paymentOf(offer, hash)
    const payload = { ...payment.payload, sessionId: forged.toString('base64url') }
    const headers = { 'PAYMENT-SIGNATURE': Buffer.from(JSON.stringify({ ...payment, payload })).toString('base64') }
    expect(await codeOf(await shop.ask(headers))).toEqual([402, 'invalid_session'])
  })
})

describe('F3: paid late', () => {
  test('a late payment is taken while it covers the price of today, and not when that has risen', async () => {
    let price = '0.001'
    const shop = shopOf('shop', { price: () => price, maxTimeoutSeconds: 1 })
    const offers = [offerOf(await shop.ask()), offerOf(await shop.ask())] as const
    vi.useFakeTimers({ now: Date.now() + 60_000, toFake: ['Date'] })
    onTestFinished(() => void vi.useRealTimers())
    const proofs = [await world.buyer.pay(offers[0]), await world.buyer.pay(offers[1])] as const
    expect((await shop.ask(proofHeader(offers[0], proofs[0]))).status).toBe(200)
    price = '0.002'
    expect(await codeOf(await shop.ask(proofHeader(offers[1], proofs[1])))).toEqual([402, 'session_expired'])
    expect(shop.runs()).toBe(1)
  })
})

describe('F4: one side dies', () => {
  test('a resource server that dies between claim and commit holds the payment for a lease, and no longer', async () => {
    const shop = shopOf('shop')
    const { offer, hash, headers } = await purchase(shop, world.buyer)
    const claim = { method: 'GET', url: '/report', realm: '', payment: paymentOf(offer, hash) }
    const died = await facilitator.facilitator
      .of('shop')
      .claim({ ...claim, owner: '0'.repeat(32), attempts: 3, leaseMs: 1_500 })
    expect(died).toMatchObject({ granted: { settlement: { success: true } } })
    expect(await codeOf(await shop.ask(headers))).toEqual([409, 'payment_in_progress'])
    let answer = await shop.ask(headers)
    while (answer.status === 409) answer = await shop.ask(headers)
    expect([answer.status, shop.runs()]).toEqual([200, 1])
  })

  test('a facilitator that dies before the commit lets nothing leave, and one that comes back serves the payment', async () => {
    const store = memoryStore()
    const first = await startFacilitator(world, { store })
    const [entered, finish] = [gate(), gate()]
    const shop = openShop({ ...first.options, leaseMs: 300 }, async () => {
      entered.open()
      await finish.promise
      return new Response('nothing of this leaves')
    })
    const { headers } = await purchase(shop, world.buyer)
    const answer = shop.ask(headers)
    await entered.promise
    await first.close()
    finish.open()
    expect(await codeOf(await answer)).toEqual([503, 'store_unavailable'])

    await using second = await startFacilitator(world, { store })
    const back = openShop(second.options)
    let served = await back.ask(headers)
    while (served.status === 409) served = await back.ask(headers)
    expect([served.status, back.runs()]).toEqual([200, 1])
  })

  test('another process of the facilitator carries on with claims that the first one made', async () => {
    const store = memoryStore()
    const [first, second] = [await startFacilitator(world, { store }), await startFacilitator(world, { store })]
    onTestFinished(async () => void (await Promise.all([first.close(), second.close()])))
    let turn = 0
    const fetched = vi.spyOn(globalThis, 'fetch').mockImplementation((input, init) => {
      const url = String(input).replace(first.url, turn++ % 2 === 0 ? first.url : second.url)
      return realFetch(url, init)
    })
    onTestFinished(() => fetched.mockRestore())
    const shop = openShop(first.options)
    const { headers } = await purchase(shop, world.buyer)
    expect((await shop.ask(headers)).status).toBe(200)
    expect(await codeOf(await shop.ask(headers))).toEqual([402, 'payment_already_spent'])
  })
})

const realFetch = globalThis.fetch
