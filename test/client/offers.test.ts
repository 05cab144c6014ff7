import type { PayerOptions } from 'nano402/client'
import { generateWork, type NanoAddress, parseXno, type Work } from 'nano402/nano'
import { describe, expect, onTestFinished, test, vi } from 'vitest'
import type { PaymentRequirements } from '../../src/x402/shapes.ts'
import { freshAccount } from '../support/world.ts'
import {
  buyerFor,
  devnetForTest,
  MODULUS,
  OTHER,
  offerOf,
  openShop,
  SHOP,
  type Shop,
  sentBy,
  withSession,
} from './support.ts'

const PRICE = parseXno('0.001')
const BURN = 'nano_1111111111111111111111111111111111111111111111111111hifc8npp'

/** Amount, price and tag of an offer, changed together. */
const offerWith = (price: bigint, tag: bigint, amount = price + tag): PaymentRequirements => {
  const texts = { resourceAmountRaw: `${price}`, tagAmountRaw: `${tag}`, tag: `${amount % MODULUS}` }
  return withSession(offerOf(PRICE, { amount: `${amount}` }), texts)
}

const soon = () => Math.floor(Date.now() / 1_000) + 300
/** An offer of another mechanism, with something in it changed, and the time at which it runs out. */
const offerOver = (name: string, extra: object, expiresAt: number): PaymentRequirements => {
  const offer = offerOf(PRICE)
  const { nanoSession } = offer.extra as { nanoSession: object }
  return { ...offer, extra: { validBefore: expiresAt, [name]: { ...nanoSession, expiresAt }, ...extra } }
}
const signedFor = (extra: object, at = soon()) => offerOver('nanoTxn', extra, at)
const signatureFor = (extra: object, at = soon()) => offerOver('nanoSignature', { nonce: 'a'.repeat(64), ...extra }, at)

async function open(options: Partial<PayerOptions> = {}) {
  const devnet = devnetForTest()
  const shop = await openShop(devnet)
  const buyer = await buyerFor(devnet, options)
  const asked = devnet.asked()
  return { devnet, shop, ...buyer, askedSince: () => devnet.asked() - asked }
}

const offering = (shop: Shop, ...accepts: readonly PaymentRequirements[]) => {
  shop.challenge = (required) => ({ ...required, accepts })
}

describe('an offer is not paid, and the node is not even asked,', () => {
  test.each<[string, PaymentRequirements, RegExp]>([
    ['on another network', offerOf(PRICE, { network: 'nano:mainnet' }), /network/],
    ['of another scheme', offerOf(PRICE, { scheme: 'upto' }), /scheme/],
    ['in another asset', offerOf(PRICE, { asset: 'USDC' }), /asset/],
    ['of another mechanism', offerOf(PRICE, { extra: { nanoChannel: {} } }), /nanoSession, nanoTxn or nanoSignature/],
    ['for a signed block, without a time', offerOf(PRICE, { extra: { nanoTxn: {} } }), /nonce or time/],
    [
      'for a signature, with a nonce of text',
      offerOf(PRICE, { extra: { nanoSignature: {}, nonce: 'I owe you', validBefore: 4e9 } }),
      /nonce or time/,
    ],
    ['for a signed block, until another time than its own', signedFor({ validBefore: soon() + 1 }), /nonce or time/],
    ['for a signature, until another time than its own', signatureFor({ validBefore: soon() + 1 }), /nonce or time/],
    ['for a signature, with a nonce in upper case', signatureFor({ nonce: 'A'.repeat(64) }), /nonce or time/],
    ['for a signature that would be good long after its offer', signatureFor({}, 4e9), /later than it says/],
    ['for a signature that is over', signatureFor({}, soon() - 400), /expired/],
    ['to what is no account', offerOf(PRICE, { payTo: SHOP.slice(0, -1) }), /account/],
    ['to the account that nobody has', offerOf(PRICE, { payTo: BURN }), /nobody/],
    ['of more than price and tag', offerWith(PRICE, 7n, PRICE + 8n), /not the price and the tag/],
    ['of a hundred times the price', offerWith(PRICE, 7n, 100n * PRICE + 7n), /not the price and the tag/],
    ['with a tag that is not in the amount', withSession(offerWith(PRICE, 7n), { tag: '8' }), /last 20 digits/],
    ['with a price that reaches into the tag', withSession(offerWith(PRICE + 5n, 7n), { tag: '7' }), /last 20 digits/],
    ['with a tag amount like a second price', offerWith(PRICE, PRICE), /not its tag/],
    ['with a tag amount of more than its tag', offerWith(PRICE, MODULUS + 7n), /not its tag/],
    ['of nothing but a tag', offerWith(0n, 7n), /price/],
    ['of nothing', offerWith(0n, 0n), /price/],
    ['with a tag of 7 digits', withSession(offerOf(PRICE), { tagModulus: '10000000' }), /tagModulus/],
    ['with a price in XNO', withSession(offerOf(PRICE), { resourceAmountRaw: '0.001' }), /amount/],
    ['with a price that is a number', withSession(offerOf(PRICE), { resourceAmountRaw: 1e27 }), /amount/],
    ['that has expired', withSession(offerOf(PRICE), { expiresAt: Math.floor(Date.now() / 1_000) - 1 }), /expired/],
    ['with an expiry that is no time', withSession(offerOf(PRICE), { expiresAt: '2999-01-01' }), /expiry/],
    ['without a session id', withSession(offerOf(PRICE), { id: '' }), /id/],
  ])('%s', async (_, offer, reason) => {
    const { shop, payer, types, askedSince } = await open({ seed: '1'.repeat(64) })
    offering(shop, offer)
    await expect(payer.fetch(shop.url)).rejects.toMatchObject({
      code: 'ERR_NO_PAYABLE_OFFER',
      reasons: [expect.stringMatching(reason)],
    })
    expect(types()).toEqual([])
    expect(askedSince()).toBe(0)
  })

  test('to the payer itself', async () => {
    const { shop, payer } = await open()
    offering(shop, offerOf(PRICE, { payTo: payer.address }))
    await expect(payer.fetch(shop.url)).rejects.toMatchObject({ reasons: [expect.stringMatching(/our own/)] })
  })

  test('with a tag amount above the bound that was set', async () => {
    const { shop, payer } = await open({ maxTagRaw: 10n })
    offering(shop, offerWith(PRICE, 11n))
    await expect(payer.fetch(shop.url)).rejects.toMatchObject({ reasons: [expect.stringMatching(/bound/)] })
    offering(shop, offerWith(PRICE, 10n))
    expect((await payer.fetch(shop.url)).status).toBe(200)
  })

  test.each(['https://other.example/report', '//other.example/report', 'http://127.0.0.1:1/report', 'http://'])(
    'for a resource of another origin (%s)',
    async (url) => {
      const { shop, payer, askedSince } = await open({ seed: '1'.repeat(64) })
      shop.challenge = (required) => ({ ...required, resource: { url } })
      await expect(payer.fetch(shop.url)).rejects.toMatchObject({ code: 'ERR_NO_PAYABLE_OFFER' })
      expect(askedSince()).toBe(0)
    },
  )

  test('that expires while its work is computed', async () => {
    const budget = { perRequest: '0.01', total: '0.0015' }
    let isSlow = true
    const { devnet, shop, payer } = await open({
      budget,
      work: (root, threshold, signal) => {
        if (isSlow) vi.spyOn(Date, 'now').mockReturnValue(Date.now() + 301_000)
        isSlow = false
        return generateWork(root, threshold as Work, signal)
      },
    })
    onTestFinished(() => void vi.restoreAllMocks())
    await expect(payer.fetch(shop.url)).rejects.toMatchObject({
      code: 'ERR_NO_PAYABLE_OFFER',
      message: expect.stringContaining('expired'),
    })
    expect(await sentBy(devnet, payer.address)).toEqual([])
    vi.restoreAllMocks()
    expect((await payer.fetch(shop.url)).status).toBe(200)
  })

  test('when there is none', async () => {
    const { shop, payer } = await open()
    offering(shop)
    await expect(payer.fetch(shop.url)).rejects.toMatchObject({ code: 'ERR_NO_PAYABLE_OFFER', reasons: [] })
  })
})

describe('of several offers', () => {
  test('the cheapest is paid, wherever it stands', async () => {
    const cheap = offerOf(parseXno('0.0002'))
    const dear = offerOf(parseXno('0.009'))
    for (const accepts of [
      [dear, cheap],
      [cheap, dear],
    ]) {
      const { devnet, shop, payer } = await open()
      offering(shop, ...accepts)
      await payer.fetch(shop.url)
      expect(await sentBy(devnet, payer.address)).toEqual([BigInt(cheap.amount)])
    }
  })

  test('those that cannot be paid do not stand in the way of one that can', async () => {
    const { shop, payer } = await open()
    offering(shop, offerOf(1n as never, { network: 'eip155:1', asset: '0x0' }), offerOf(PRICE))
    expect((await payer.fetch(shop.url)).status).toBe(200)
  })

  test('none is paid if the cheapest is over the budget', async () => {
    const { devnet, shop, payer } = await open()
    offering(shop, offerOf(parseXno('0.1')), offerOf(parseXno('0.2')))
    await expect(payer.fetch(shop.url)).rejects.toMatchObject({ code: 'ERR_OVER_BUDGET', bound: 'perRequest' })
    expect(await sentBy(devnet, payer.address)).toEqual([])
  })
})

describe('a bill', () => {
  test('of a hundred times the price that fits the budget is not paid', async () => {
    const { devnet, shop, payer, askedSince } = await open({ budget: { perRequest: '0.002', total: '1' } })
    shop.price = '0.1'
    await expect(payer.fetch(shop.url)).rejects.toMatchObject({
      code: 'ERR_OVER_BUDGET',
      bound: 'perRequest',
      left: parseXno('0.002'),
    })
    expect(askedSince()).toBe(0)
    expect(await sentBy(devnet, payer.address)).toEqual([])
  })

  test('is counted with its tag', async () => {
    const { shop, payer } = await open({ budget: { perRequest: '0.001', total: '1' } })
    await expect(payer.fetch(shop.url)).rejects.toMatchObject({ code: 'ERR_OVER_BUDGET' })
  })
})

describe('a pinned account', () => {
  const pay = (shop: Shop, payTo: NanoAddress) => offering(shop, offerOf(PRICE, { payTo }))

  test('of the first use is the only one that its origin is paid at', async () => {
    const { devnet, shop, payer } = await open({ pinPayTo: 'first-use' })
    const elsewhere = await openShop(devnet)
    await payer.fetch(shop.url)
    pay(shop, OTHER)
    await expect(payer.fetch(shop.url)).rejects.toMatchObject({ reasons: [expect.stringMatching(/pinned/)] })
    pay(elsewhere, OTHER)
    expect((await payer.fetch(elsewhere.url)).status).toBe(200)
  })

  test('that is listed is the only one, from the first request on', async () => {
    const devnet = devnetForTest()
    const shop = await openShop(devnet)
    const { payer } = await buyerFor(devnet, { pinPayTo: { [`${shop.origin}/`]: OTHER.replace('nano_', 'xrb_') } })
    await expect(payer.fetch(shop.url)).rejects.toMatchObject({ code: 'ERR_NO_PAYABLE_OFFER' })
    pay(shop, OTHER)
    expect((await payer.fetch(shop.url)).status).toBe(200)
  })

  test('may be one of several, for an API that is paid at a pool', async () => {
    const devnet = devnetForTest()
    const shop = await openShop(devnet)
    const accounts = [freshAccount(), OTHER]
    const { payer } = await buyerFor(devnet, { pinPayTo: { [shop.origin]: accounts } })
    for (const account of accounts) {
      pay(shop, account)
      expect((await payer.fetch(shop.url)).status).toBe(200)
    }
    pay(shop, freshAccount())
    await expect(payer.fetch(shop.url)).rejects.toMatchObject({ reasons: [expect.stringMatching(/pinned/)] })
  })
})
