/** Stock middleware in front of a handler, and buyers who do not play by the rules. */
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { installOnce } from '../support/registry.ts'
import {
  blockToJson,
  buy,
  createWorld,
  offerOf,
  type Purse,
  paymentHeader,
  paymentOf,
  proofHeader,
  type World,
} from '../support/world.ts'

vi.setConfig({ hookTimeout: 180_000 })

const isInstalled = await installOnce('test/interop')

describe.skipIf(!isInstalled)('a stock server that charges through our facilitator', async () => {
  if (!isInstalled) return
  const { openStock } = await import('./stock.ts')
  type Stock = Awaited<ReturnType<typeof openStock>>
  let world: World
  let buyer: Purse
  let stock: Stock
  beforeAll(async () => {
    vi.spyOn(console, 'warn').mockImplementation(() => {}) // Faremeter's middleware tells of each refusal
    world = await createWorld()
    buyer = world.buyer
    stock = await openStock(world)
  })
  afterAll(async () => {
    await stock.close()
    world.close()
    vi.restoreAllMocks()
  })

  const ask = async (url: string, headers: Record<string, string> = {}, method = 'GET') => {
    const before = stock.runs()
    const response = await fetch(url, { method, headers })
    return { status: response.status, body: await response.text(), runs: stock.runs() - before }
  }
  const SERVED = { status: 200, body: 'content', runs: 1 }
  const REFUSED = { status: 402, runs: 0 }

  describe.each(['/x402-express', '/x402-hono', '/faremeter-hono'])('%s', (path) => {
    const at = (route: string) => `${stock.url(path)}${route}`

    test('serves what was paid for, once', async () => {
      const { headers } = await buy(buyer, at('/cheap'))
      expect(await ask(at('/cheap'), headers)).toEqual(SERVED)
      expect(await ask(at('/cheap'), headers)).toMatchObject(REFUSED)
    })

    test('serves one of a hundred copies of a proof that come at once', async () => {
      const { headers } = await buy(buyer, at('/cheap'))
      const before = stock.runs()
      const statuses = await Promise.all(
        Array.from({ length: 100 }, async () => (await fetch(at('/cheap'), { headers })).status),
      )
      expect(statuses.filter((status) => status === 200)).toHaveLength(1)
      expect(statuses.filter((status) => status === 402)).toHaveLength(99)
      expect(stock.runs() - before).toBe(1)
    })

    test('does not take the genuine seal of a cheap route at a dear one, whatever is echoed with it', async () => {
      const { offer: cheap, hash, headers } = await buy(buyer, at('/cheap'))
      const dear = offerOf(await fetch(at('/dear')))
      const { payload } = paymentOf(cheap, hash)
      const bound = { ...cheap.extra, boundTo: dear.extra?.boundTo }
      const echoes = [
        cheap,
        dear,
        { ...dear, extra: cheap.extra },
        { ...cheap, extra: bound },
        { ...dear, extra: bound },
        { ...cheap, amount: dear.amount },
        { ...dear, amount: cheap.amount, extra: bound },
      ]
      for (const accepted of echoes) {
        expect(await ask(at('/dear'), paymentHeader({ x402Version: 2, accepted, payload }))).toMatchObject(REFUSED)
      }
      expect(await ask(at('/cheap?day=1'), headers)).toMatchObject(REFUSED)
      expect(await ask(at('/cheap'), headers)).toEqual(SERVED)
    })

    test('does not take a block that paid somebody else, or nobody', async () => {
      const offer = offerOf(await fetch(at('/cheap')))
      const others = [
        await buyer.send(offer.payTo, BigInt(offer.amount) - 1n),
        await buyer.send(buyer.account === offer.payTo ? world.seller.account : buyer.account, BigInt(offer.amount)),
      ]
      for (const hash of others) expect(await ask(at('/cheap'), proofHeader(offer, hash))).toMatchObject(REFUSED)
    })

    test('does not take a receipt that was stolen from the ledger', async () => {
      const victim = await buy(buyer, at('/cheap'))
      const thief = offerOf(await fetch(at('/cheap')))
      expect(await ask(at('/cheap'), proofHeader(thief, victim.hash))).toMatchObject(REFUSED)
      expect(await ask(at('/cheap'), victim.headers)).toEqual(SERVED)
    })
  })

  describe.each(['/x402-express', '/x402-hono'])('%s, which compares what is echoed with what was offered', (path) => {
    const at = (route: string) => `${stock.url(path)}${route}`

    test('refuses each change to it', async () => {
      const { offer, hash, headers } = await buy(buyer, at('/cheap'))
      const session = offer.extra?.nanoSession as Record<string, unknown>
      const changed = [
        { ...offer, amount: '1' },
        { ...offer, asset: 'XRP' },
        { ...offer, payTo: buyer.account },
        { ...offer, maxTimeoutSeconds: 9_999 },
        { ...offer, network: 'nano:mainnet' },
        { ...offer, extra: {} },
        ...Object.keys(session).map((key) => ({
          ...offer,
          extra: { ...offer.extra, nanoSession: { ...session, [key]: 'x' } },
        })),
        { ...offer, extra: { ...offer.extra, boundTo: { method: 'GET', url: '/dear' } } },
        { ...offer, extra: { ...offer.extra, paymentFlow: 'authorization' } },
      ]
      const { payload } = paymentOf(offer, hash)
      for (const accepted of changed) {
        expect(await ask(at('/cheap'), paymentHeader({ x402Version: 2, accepted, payload }))).toMatchObject(REFUSED)
      }
      expect(await ask(at('/cheap'), headers)).toEqual(SERVED)
    })

    test('lets a client add what nobody compares, and it changes nothing', async () => {
      const { offer, hash } = await buy(buyer, at('/cheap'))
      const mine = { nanoTxn: { id: 'mine' }, price: '0', boundAlso: { method: 'GET', url: '/dear' } }
      const payment = { ...paymentOf(offer, hash), accepted: { ...offer, extra: { ...offer.extra, ...mine } } }
      expect(await ask(at('/dear'), paymentHeader(payment))).toMatchObject(REFUSED)
      expect(await ask(at('/cheap'), paymentHeader(payment))).toEqual(SERVED)
      expect(await ask(at('/cheap'), paymentHeader(paymentOf(offer, hash)))).toMatchObject(REFUSED)
    })
  })

  test('charges for a handler that fails when it settles upfront, which is why the docs say so', async () => {
    const url = `${stock.url('/x402-express')}/fails`
    const { headers } = await buy(buyer, url)
    expect(await ask(url, headers)).toMatchObject({ status: 500, runs: 1 })
    expect(await ask(url, headers)).toMatchObject(REFUSED)
  })

  test('does not charge for it with paymentFlow authorization, and still serves one copy of a hundred', async () => {
    const url = (route: string) => `${stock.url('/x402-express')}${route}`
    const { headers } = await buy(buyer, url('/fails-late'))
    expect(await ask(url('/fails-late'), headers)).toMatchObject({ status: 500, runs: 1 })
    expect(await ask(url('/fails-late'), headers)).toMatchObject({ status: 500, runs: 1 })

    const paid = await buy(buyer, url('/late'))
    const statuses = await Promise.all(
      Array.from({ length: 100 }, async () => (await fetch(url('/late'), paid)).status),
    )
    expect(statuses.filter((status) => status === 200)).toHaveLength(1)
  })

  test('takes a signed block where the option names that mechanism, and publishes it once', async () => {
    const url = `${stock.url('/x402-express')}/block`
    const accepted = offerOf(await fetch(url))
    const block = blockToJson(await buyer.sign(accepted.payTo, BigInt(accepted.amount)))
    const headers = paymentHeader({ x402Version: 2, accepted, payload: { block } })
    expect(await ask(`${stock.url('/x402-express')}/cheap`, headers)).toMatchObject(REFUSED)
    expect(await ask(url, headers)).toEqual(SERVED)
    expect((await ask(url, headers)).status).toBe(402)
  })

  test('keeps a proof good while the node is down, and says nothing of what went wrong', async () => {
    const url = `${stock.url('/x402-express')}/cheap`
    const { headers } = await buy(buyer, url)
    world.devnet.faults.down = 'reset'
    const response = await fetch(url, { headers })
    expect(response.status).toBe(402)
    expect(atob(response.headers.get('payment-response') ?? '')).toContain('"errorReason":"node_unavailable"')
    world.devnet.faults.down = undefined
    expect(await ask(url, headers)).toEqual(SERVED)
  })
})
