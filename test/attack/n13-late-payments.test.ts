import type { NanoNode } from 'nano402/rpc'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest'
import { watch } from '../support/outcome.ts'
import { openShop } from '../support/shop.ts'
import { createWorld, offerOf, proofHeader, type World } from '../support/world.ts'

const MINUTE = 60_000
const HOUR = 60 * MINUTE

let world: World
let price: string
let priced: number
beforeAll(async () => {
  world = await createWorld()
})
beforeEach(() => {
  price = '0.001'
  priced = 0
  vi.useFakeTimers({ toFake: ['Date'] })
})
afterEach(() => {
  vi.useRealTimers()
})
afterAll(() => world.close())

const later = (ms: number) => vi.setSystemTime(Date.now() + ms)

/** A shop whose offers are good for five minutes, and whose price is a function. */
async function openCounter(options = {}) {
  const shop = openShop({
    ...world.options,
    price: () => {
      priced++
      return price
    },
    maxTimeoutSeconds: 300,
    claimWindowMs: 24 * HOUR,
    ...options,
  })
  const offer = offerOf(await shop.ask())
  const present = (hash: string) => watch(world, shop)(() => shop.ask(proofHeader(offer, hash)))
  return { shop, offer, present }
}
const served = { status: 200, ran: 1 }
const tooLate = { status: 402, code: 'session_expired', ran: 0 }

describe('N13: paid in time', () => {
  test('and presented in time buys at the price that was offered, whatever it is now', async () => {
    const { offer, present } = await openCounter()
    const hash = await world.buyer.pay(offer)
    price = '1'
    priced = 0
    expect(await present(hash)).toMatchObject(served)
    expect(priced).toBe(0)
  })

  test('and presented after the offer ran out buys at the price that was offered', async () => {
    const { offer, present } = await openCounter()
    later(4 * MINUTE)
    const hash = await world.buyer.pay(offer)
    price = '1'
    later(23 * HOUR)
    expect(await present(hash)).toMatchObject(served)
    expect(await present(hash)).toEqual({ status: 402, code: 'payment_already_spent', ran: 0, asked: 0 })
  })

  test('and presented when nobody takes it any more buys nothing, and the node is not asked', async () => {
    const { offer, present } = await openCounter()
    const hash = await world.buyer.pay(offer)
    later(5 * MINUTE + 24 * HOUR)
    expect(await present(hash)).toMatchObject(served)
    const other = await openCounter()
    const unused = await world.buyer.pay(other.offer)
    later(5 * MINUTE + 24 * HOUR + 1)
    expect(await other.present(unused)).toEqual({ ...tooLate, asked: 0 })
  })
})

describe('N13: paid after the offer ran out', () => {
  async function payLate(options = {}) {
    const counter = await openCounter(options)
    later(10 * MINUTE)
    return { ...counter, hash: await world.buyer.pay(counter.offer) }
  }

  test('buys while it still covers the price of today', async () => {
    const { present, hash } = await payLate()
    expect(await present(hash)).toMatchObject(served)
    expect(await present(hash)).toMatchObject({ code: 'payment_already_spent', ran: 0 })
  })

  test('buys when the price has fallen', async () => {
    const { present, hash } = await payLate()
    price = '0.0005'
    expect(await present(hash)).toMatchObject(served)
  })

  test('buys nothing once the price has risen, and is good again should it fall', async () => {
    const { shop, present, hash } = await payLate()
    price = '0.002'
    expect(await present(hash)).toMatchObject(tooLate)
    expect(await present(hash)).toEqual({ ...tooLate, asked: 0 })
    price = '0.001'
    expect(await present(hash)).toMatchObject(served)
    expect(shop.runs()).toBe(1)
  })

  test('does not buy with its tag what its price does not cover', async () => {
    const { present, hash, offer } = await payLate()
    const tag = BigInt(offer.amount) % 10n ** 20n
    price = '0.0010000001' // 10^20 raw more: the next price there is, and more than any tag
    expect(tag).toBeLessThan(10n ** 20n)
    expect(await present(hash)).toMatchObject(tooLate)
  })

  test('is neither bought nor lost while the price of today cannot be told', async () => {
    const { present, hash } = await payLate()
    price = 'nonsense'
    expect(await present(hash)).toMatchObject({ status: 503, code: 'price_unavailable', ran: 0 })
    price = '0.001'
    expect(await present(hash)).toMatchObject(served)
  })

  test('is not made earlier by presenting it again and again, nor by another block of the same payer', async () => {
    const { present, hash, offer } = await payLate()
    price = '0.002'
    for (let i = 0; i < 5; i++) expect(await present(hash)).toMatchObject(tooLate)
    expect(await present(await world.buyer.pay(offer))).toMatchObject(tooLate)
  })
})

describe('N13: when a payment was made is what the first node to see it says', () => {
  type Fields = Readonly<Record<string, unknown>>
  const shifted = (seconds: (stamp: string) => unknown): NanoNode => ({
    async call(action, parameters, signal) {
      const answer = await world.devnet.call(action, parameters, signal)
      if (typeof answer.blocks !== 'object') return answer
      const blocks = Object.entries(answer.blocks as Record<string, Fields>).map(([hash, block]) => [
        hash,
        { ...block, local_timestamp: seconds(String(block.local_timestamp)) },
      ])
      return { ...answer, blocks: Object.fromEntries(blocks) }
    },
  })
  const anHourLate = shifted((stamp) => String(Number(stamp) + 3_600))

  async function presentAtRisenPrice(options: {
    readonly rpc: NanoNode | readonly NanoNode[]
    readonly quorum?: number
  }) {
    const { offer, present } = await openCounter(options)
    const hash = await world.buyer.pay(offer)
    price = '1'
    later(2 * HOUR)
    return present(hash)
  }

  test('one that bootstrapped later makes it late', async () => {
    expect(await presentAtRisenPrice({ rpc: anHourLate })).toMatchObject(tooLate)
  })

  test('but not where another node has seen it in time', async () => {
    expect(await presentAtRisenPrice({ rpc: [anHourLate, world.devnet], quorum: 2 })).toMatchObject(served)
    expect(await presentAtRisenPrice({ rpc: [world.devnet, anHourLate], quorum: 2 })).toMatchObject(served)
  })

  test.each(['0', '', 0, null, 'yesterday', '-1', '99999999999999999', undefined])(
    'and one that does not know (%j) makes it in time',
    async (stamp) => {
      expect(await presentAtRisenPrice({ rpc: shifted(() => stamp) })).toMatchObject(served)
    },
  )
})
