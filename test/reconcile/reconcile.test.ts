import { join } from 'node:path'
import type { PaywallOptions, Store } from 'nano402'
import { createPayer } from 'nano402/client'
import { parseXno, raw } from 'nano402/nano'
import { type ReconcileOptions, reconcile } from 'nano402/reconcile'
import { memoryStore } from 'nano402/stores/memory'
import { sqliteStore } from 'nano402/stores/sqlite'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest'
import { openShop, purchase, type Shop } from '../support/shop.ts'
import { temporaryDirectory } from '../support/stores.ts'
import { createWorld, freshAccount, offerOf, proofHeader, type World } from '../support/world.ts'

const MINUTE = 60_000
const HOUR = 60 * MINUTE

let world: World
let store: Store
let account: string
let price: string
let status: number
beforeAll(async () => {
  world = await createWorld()
})
beforeEach(async () => {
  vi.useFakeTimers({ toFake: ['Date'] })
  const opened = await sqliteStore(join(temporaryDirectory(), 'claims.sqlite'))
  onTestFinished(() => opened.close())
  store = opened
  account = freshAccount()
  price = '0.001'
  status = 200
})
afterEach(() => {
  world.devnet.faults.lie = undefined
  world.devnet.faults.down = undefined
  vi.useRealTimers()
})
afterAll(() => world.close())

const later = (ms: number) => vi.setSystemTime(Date.now() + ms)

const open = (options: PaywallOptions = {}) =>
  openShop(
    { ...world.options, payTo: account, price: () => price, store, ...options },
    () => new Response('x', { status }),
  )

/** Pays, presents, and gives the block's hash and the answer's status. */
async function buy(shop = open()) {
  const bought = await purchase(shop, world.buyer)
  return { ...bought, status: (await shop.ask(bought.headers)).status }
}

/** Gets an offer that is good for a minute, and pays it so much later. */
async function payLate(shop: Shop, ms: number) {
  const offer = offerOf(await shop.ask())
  later(ms)
  return proofHeader(offer, await world.buyer.pay(offer))
}

/** What reconciliation says now. */
async function reconciled(options: Partial<ReconcileOptions> = {}) {
  await new Promise((resolve) => setTimeout(resolve)) // the last delivery is noted after its answer
  return reconcile({ node: world.devnet, store, account, ...options })
}

const sends = async (options?: Partial<ReconcileOptions>) => (await reconciled(options)).sends

describe('what became of a payment', () => {
  test('matched: it bought an answer', async () => {
    const { hash, offer } = await buy()
    expect(await sends()).toEqual([
      {
        hash,
        account,
        payer: world.buyer.account,
        amount: BigInt(offer.amount),
        sentAtMs: Math.floor(Date.now() / 1000) * 1000,
        state: 'matched',
        attempts: 1,
        hints: [],
      },
    ])
  })

  test('undelivered: it is used up, and the process was gone before it could note that the answer left', async () => {
    const crashing = { ...store, write: () => new Promise<boolean>(() => {}) }
    expect((await buy(open({ store: crashing }))).status).toBe(200)
    expect(await sends()).toMatchObject([{ state: 'undelivered', attempts: 1 }])
  })

  test('open: the handler failed, so it is still good', async () => {
    status = 500
    const shop = open()
    const { headers } = await buy(shop)
    await shop.ask(headers)
    expect(await sends()).toMatchObject([{ state: 'open', attempts: 2, hints: [] }])
    status = 200
    await shop.ask(headers)
    expect(await sends()).toMatchObject([{ state: 'matched', attempts: 3 }])
  })

  test('open: it is being used right now', async () => {
    const shop = open()
    const { headers } = await purchase(shop, world.buyer)
    await shop.paywall.guard({ method: 'GET', url: '/report', headers: new Headers(headers) })
    expect(await sends()).toMatchObject([{ state: 'open', attempts: 1 }])
  })

  test('late: it was paid after its offer had run out, and the price had risen', async () => {
    const shop = open({ maxTimeoutSeconds: 60 })
    const headers = await payLate(shop, 10 * MINUTE)
    price = '0.002'
    expect((await shop.ask(headers)).status).toBe(402)
    expect(await sends()).toMatchObject([{ state: 'late', attempts: 0 }])
    price = '0.001'
    expect((await shop.ask(headers)).status).toBe(200)
    expect(await sends()).toMatchObject([{ state: 'matched' }])
  })

  test('unmatched: it was never presented', async () => {
    const { hash } = await purchase(open(), world.buyer)
    expect(await sends()).toMatchObject([{ hash, state: 'unmatched', attempts: 0, hints: [] }])
  })

  test('unknown: it is older than what the store remembers', async () => {
    const sinceMs = Date.now() - MINUTE
    await buy()
    later(MINUTE)
    await purchase(open(), world.buyer)
    later(20 * HOUR)
    expect(await sends({ sinceMs })).toMatchObject([{ state: 'matched' }, { state: 'unmatched' }])
    later(6 * HOUR)
    expect(await sends({ sinceMs })).toMatchObject([{ state: 'unknown' }, { state: 'unknown' }])
  })

  test('unknown, with a note: it is older than the store', async () => {
    await buy()
    later(MINUTE)
    store = await sqliteStore(join(temporaryDirectory(), 'emptied.sqlite'))
    await purchase(open(), world.buyer)
    expect(await sends()).toMatchObject([
      { state: 'unknown', hints: ["before the store's epoch"] },
      { state: 'unmatched', hints: [] },
    ])
    await store.close()
  })

  test('what was paid and used long after its offer ran out is not taken for unused hours later', async () => {
    const shop = open({ maxTimeoutSeconds: 60 })
    const headers = await payLate(shop, 23 * HOUR)
    expect((await shop.ask(headers)).status).toBe(200)
    later(23 * HOUR)
    expect(await sends()).toMatchObject([{ state: 'matched' }])
  })
})

describe('what the amount tells', () => {
  test('paid twice: the same amount has bought an answer', async () => {
    const { offer, hash } = await buy()
    const second = await world.buyer.pay(offer)
    const all = await sends()
    expect(all.find((send) => send.hash === hash)).toMatchObject({ state: 'matched', hints: [] })
    expect(all.find((send) => send.hash === second)).toMatchObject({ state: 'unmatched', hints: ['paid twice'] })
  })

  test('cut digits: the tag ends in zeros', async () => {
    const shop = open()
    const { amount } = (await purchase(shop, world.buyer)).offer
    const cut = BigInt(amount) - (BigInt(amount) % 10n ** 12n)
    const hash = await world.buyer.send(account, cut)
    expect((await sends()).find((send) => send.hash === hash)).toMatchObject({ hints: ['cut digits'] })
  })

  test('overpaid and underpaid: more or less than the nearest price, whatever the tag', async () => {
    const tag = 12_345_678_901_234_567_891n
    const prices = ['0.001', '0.01'].map(parseXno)
    const amounts = ['0.001', '0.0011', '0.009', '0.02', '0.0000001', '0.01'].map((xno) => parseXno(xno) + tag)
    for (const amount of amounts) await world.buyer.send(account, amount)
    const hints = Object.fromEntries((await sends({ prices })).map(({ amount, hints }) => [`${amount - tag}`, hints]))
    expect(hints).toEqual({
      [`${parseXno('0.001')}`]: [],
      [`${parseXno('0.0011')}`]: ['overpaid'],
      [`${parseXno('0.009')}`]: ['underpaid'],
      [`${parseXno('0.02')}`]: ['overpaid'],
      [`${parseXno('0.0000001')}`]: ['underpaid'],
      [`${parseXno('0.01')}`]: [],
    })
    expect((await sends()).flatMap(({ hints }) => hints)).toEqual([])
  })

  test('what bought an answer has no notes: its amount is what it was asked for', async () => {
    await buy()
    expect(await sends({ prices: [raw(1n)] })).toMatchObject([{ state: 'matched', hints: [] }])
  })
})

describe('which sends', () => {
  test('those that wait and those that were pocketed, each once', async () => {
    account = world.seller.account
    later(HOUR)
    const sinceMs = Date.now() // after what the seller began with
    const { hash: pocketed } = await buy()
    const payer = createPayer({
      privateKey: world.seller.key,
      rpc: world.devnet,
      network: 'nano:devnet',
      budget: { perRequest: '1', total: '1' },
      work: 'cpu',
    })
    await payer.receive()
    payer.close()
    later(MINUTE)
    const { hash: waiting } = await buy()
    expect(await reconciled({ sinceMs })).toEqual({
      sends: [expect.objectContaining({ hash: pocketed }), expect.objectContaining({ hash: waiting })],
      counts: { matched: 2, undelivered: 0, open: 0, late: 0, unmatched: 0, unknown: 0 },
    })
  })

  test('the oldest first, and none that is older than asked for', async () => {
    const first = await world.buyer.send(account, 1n)
    later(MINUTE)
    const sinceMs = Date.now()
    const second = await world.buyer.send(account, 2n)
    later(MINUTE)
    const third = await world.buyer.send(account, 3n)
    expect((await sends()).map(({ hash }) => hash)).toEqual([first, second, third])
    expect((await sends({ sinceMs })).map(({ hash }) => hash)).toEqual([second, third])
  })

  test('only those that the network has confirmed', async () => {
    world.devnet.hold()
    await world.buyer.send(account, 1n)
    expect(await sends()).toEqual([])
    world.devnet.release()
    expect(await sends()).toHaveLength(1)
  })

  test('without an instant: those of the claim window', async () => {
    await world.buyer.send(account, 1n)
    later(2 * HOUR)
    await world.buyer.send(account, 2n)
    expect(await sends({ claimWindowMs: HOUR })).toMatchObject([{ amount: 2n }])
    expect(await sends()).toHaveLength(2)
  })
})

describe('what it does not believe', () => {
  test('a store in memory: nobody but its process knows it', async () => {
    await expect(reconciled({ store: memoryStore() })).rejects.toMatchObject({
      code: 'ERR_CONFIG',
      message: expect.stringContaining('memory'),
    })
  })

  test('a node that says another amount', async () => {
    await buy()
    world.devnet.faults.lie = (_action, answer) =>
      JSON.parse(JSON.stringify(answer).replace(/"amount":"\d+"/g, '"amount":"1"'))
    expect(await sends()).toMatchObject([{ state: 'matched' }])
  })

  test('a node that makes up a payment, to have it refunded', async () => {
    await world.buyer.send(account, 1n)
    world.devnet.faults.lie = (_action, answer) =>
      JSON.parse(JSON.stringify(answer).replace(/"signature":"[^"]+"/g, `"signature":"${'AB'.repeat(64)}"`))
    await expect(sends()).rejects.toMatchObject({ code: 'ERR_NODE_UNAVAILABLE' })
  })

  test('a node that is down, and a store that is: nothing is said rather than half of it', async () => {
    await buy()
    const broken = { ...store, inspect: () => Promise.reject(new Error('gone')) }
    await expect(sends({ store: broken })).rejects.toThrow('gone')
    world.devnet.faults.down = 'reset'
    await expect(sends()).rejects.toMatchObject({ code: 'ERR_NODE_UNAVAILABLE' })
  })
})
