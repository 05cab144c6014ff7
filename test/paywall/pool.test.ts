import { createPaywall, type Description, type PaywallOptions, pool } from 'nano402'
import { paywallPage } from 'nano402/page'
import { memoryStore } from 'nano402/stores/memory'
import { afterAll, afterEach, beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest'
import { freshWallet } from '../channel/client.ts'
import { startFacilitator } from '../support/facilitator.ts'
import { openShop } from '../support/shop.ts'
import {
  createWorld,
  freshAccount,
  handover,
  offerOf,
  type Purse,
  paymentHeader,
  paymentOf,
  proofHeader,
  signedFor,
  type World,
} from '../support/world.ts'

const accounts = [freshAccount(), freshAccount(), freshAccount()]
const [first = '', second = ''] = accounts
const BURN = 'nano_1111111111111111111111111111111111111111111111111111hifc8npp'

let world: World
beforeAll(async () => {
  world = await createWorld()
})
afterAll(() => world.close())
afterEach(() => vi.unstubAllEnvs())

const open = (options: PaywallOptions = {}) => openShop({ ...world.options, payTo: pool(accounts), ...options })
const ways = {
  nanoSession: async (buyer: Purse, offer: Offer) => paymentOf(offer, await buyer.pay(offer)),
  nanoTxn: async (buyer: Purse, offer: Offer) => handover(offer, await buyer.sign(offer.payTo, BigInt(offer.amount))),
  nanoSignature: async (buyer: Purse, offer: Offer) => signedFor(offer, await buyer.pay(offer), buyer),
}
type Offer = ReturnType<typeof offerOf>

test('sessions are spread over all accounts alike, and nothing else says which one a session has', async () => {
  const { ask } = open()
  const counts = new Map<string, number>()
  for (let i = 0; i < 300; i++) {
    const { payTo } = offerOf(await ask())
    counts.set(payTo, (counts.get(payTo) ?? 0) + 1)
  }
  expect([...counts.keys()].toSorted()).toEqual(accounts.toSorted())
  // Each is 100 on the average; a spread that is fair is further off than 70 once in 10^16 runs.
  for (const count of counts.values()) expect(Math.abs(count - 100)).toBeLessThan(70)
})

describe.each(Object.entries(ways))('%s', (name, pay) => {
  test('takes a payment at the account of its session, and at no other of the pool', async () => {
    const shop = open({ mechanisms: ['session', 'signed-block', 'signature'] })
    const seen = new Set<string>()
    for (let i = 0; i < 100 && seen.size < 2; i++) {
      const offer = offerOf(await shop.ask(), name as keyof typeof ways)
      if (seen.has(offer.payTo)) continue
      seen.add(offer.payTo)
      const other = accounts.find((account) => account !== offer.payTo) ?? ''
      const astray = paymentHeader({ ...(await pay(world.buyer, { ...offer, payTo: other })), accepted: offer })
      const refused = await shop.ask(astray)
      expect([refused.status, await refused.json()]).toMatchObject([402, { error: 'recipient_mismatch' }])
      const headers = paymentHeader(await pay(world.buyer, offer))
      expect((await shop.ask(headers)).status).toBe(200)
      expect((await shop.ask(headers)).status).toBe(402)
    }
    expect(shop.runs()).toBe(2)
  })
})

test('through a facilitator, the resource server draws the account', async () => {
  await using facilitator = await startFacilitator(world)
  const shop = openShop({ ...facilitator.options, payTo: pool(accounts) })
  const seen = new Set<string>()
  for (let i = 0; i < 100 && seen.size < 2; i++) {
    const offer = offerOf(await shop.ask())
    if (seen.has(offer.payTo)) continue
    seen.add(offer.payTo)
    expect((await shop.ask(proofHeader(offer, await world.buyer.pay(offer)))).status).toBe(200)
  }
  expect([...seen].every((account) => accounts.includes(account as (typeof accounts)[number]))).toBe(true)
  expect(shop.runs()).toBe(2)
})

test('a pool that is changed, or left, leaves the offers that were made as they are', async () => {
  const store = memoryStore()
  const before = open({ store })
  const offer = offerOf(await before.ask())
  const headers = proofHeader(offer, await world.buyer.pay(offer))
  const after = openShop({ ...world.options, payTo: pool([freshAccount()]), store })
  expect((await after.ask(headers)).status).toBe(200)
})

test('beside channels, deposits go to the wallet and all else to the pool', async () => {
  const wallet = freshWallet()
  const { ask, paywall } = open({ mechanisms: ['session', 'channel'], wallet })
  const response = await ask()
  const offers = Array.from(offersIn(response))
  expect(accounts).toContain(offers.find(({ scheme }) => scheme === 'exact')?.payTo)
  const deposits = offers.find(({ scheme }) => scheme === 'batch-settlement')?.payTo ?? ''
  expect(accounts).not.toContain(deposits)
  expect((await paywall.describe()).pool).toEqual(accounts)
  expect(() =>
    openShop({
      ...world.options,
      payTo: pool([first, deposits]),
      mechanisms: ['session', 'channel'],
      wallet,
    }).paywall.route({ name: 'x' }),
  ).toThrow(/used for nothing else/)
})
const offersIn = (response: Response): readonly Offer[] =>
  JSON.parse(atob(response.headers.get('PAYMENT-REQUIRED') ?? '')).accepts

describe.each(['a node', 'a facilitator'])('pages with %s', (behind) => {
  test('two people who pay at two accounts see their own payments, and the one who reloads pays at the same one', async () => {
    await using facilitator = await startFacilitator(world)
    const { payTo: _, ...options } = behind === 'a node' ? world.options : facilitator.options
    const shop = openShop({ ...options, payTo: pool(accounts), page: paywallPage() })
    const visits = new Map<string, { readonly cookie: string; readonly offer: Offer }>()
    for (let i = 0; i < 100 && visits.size < 2; i++) {
      const page = await shop.ask({ accept: 'text/html' })
      const offer = offerOf(page)
      const cookies = page.headers.getSetCookie().map((text) => text.split(';')[0])
      visits.set(offer.payTo, { cookie: cookies.join('; '), offer })
    }
    const state = async (cookie: string) => {
      const answer = await shop.ask({ cookie, 'nano402-page': 'now' })
      return ((await answer.json()) as { state: string }).state
    }
    const [one, two] = [...visits.values()]
    if (!one || !two) throw new Error('One account took all.')
    for (const { cookie, offer } of [one, two]) {
      expect(offerOf(await shop.ask({ accept: 'text/html', cookie, 'sec-fetch-site': 'none' })).payTo).toBe(offer.payTo)
      expect(await state(cookie)).toBe('waiting')
    }
    await world.buyer.pay(two.offer)
    await expect.poll(() => state(two.cookie), { interval: 50 }).toBe('confirmed')
    expect(await state(one.cookie)).toBe('waiting')
  })
})

describe('a pool of the environment', () => {
  const { payTo: _, ...others } = { payTo: '' }
  const described = async (payTo: string): Promise<Description> => {
    vi.stubEnv('NANO402_PAY_TO', payTo)
    const { payTo: own, ...options } = world.options
    const paywall = createPaywall({ ...options, ...others })
    onTestFinished(() => paywall.close({ timeoutMs: 1 }))
    return paywall.describe()
  }
  test('is a list with commas', async () => {
    expect(await described(`${first}, ${second}`)).toMatchObject({ payTo: undefined, pool: [first, second] })
    expect(await described(first)).toMatchObject({ payTo: first })
    expect(await described(first)).not.toHaveProperty('pool')
  })
  test.each([`${first},`, `${first},${first}`, `${first} ${second}`, `${first},${BURN}`, ','])(
    'and %j is none',
    async (text) => {
      await expect(described(text)).rejects.toMatchObject({ code: 'ERR_CONFIG' })
    },
  )
})

test('lists say all accounts of a pool, and the same ones each time', async () => {
  const shop = open({ publicUrl: 'https://shop.example' })
  shop.paywall.route({ discovery: { path: '/report' } })
  const [item] = await shop.paywall.resources()
  expect(item?.accepts.map(({ payTo, amount }) => [payTo, amount])).toEqual(
    accounts.map((account) => [account, String(10n ** 27n)]),
  )
  expect((await shop.paywall.resources())[0]?.accepts).toEqual(item?.accepts)
})

test.each<[string, unknown, RegExp]>([
  ['nothing', undefined, /list of 1 to 256 accounts/],
  ['an empty list', [], /list of 1 to 256 accounts/],
  ['one account as text', first, /list of 1 to 256 accounts/],
  ['too many', Array.from({ length: 257 }, () => first), /list of 1 to 256 accounts/],
  ['a seed', [first, '0'.repeat(64)], /^Account 2 of the pool: Not a Nano account/],
  [
    'a mistyped account',
    [`${first.slice(0, -1)}${first.endsWith('1') ? '3' : '1'}`],
    /Account 1 of the pool: .*checksum/,
  ],
  ['the account that burns', [first, BURN], /Account 2 of the pool: .*burns/],
  ['the same account twice', [first, second, first], /in the pool twice/],
  ['the same account in two spellings', [first, first.replace('nano_', 'xrb_')], /in the pool twice/],
])('%s is no pool', (_, list, message) => {
  expect(() => pool(list as string[])).toThrow(
    expect.objectContaining({ code: 'ERR_CONFIG', message: expect.stringMatching(message) }),
  )
})

test('channels alone pay no pool, which is said at once', () => {
  const options = { ...world.options, payTo: pool(accounts), mechanisms: ['channel'], wallet: freshWallet() } as const
  expect(() => openShop(options).paywall.route({ name: 'x' })).toThrow(
    expect.objectContaining({ code: 'ERR_CONFIG', message: expect.stringContaining("the wallet's account") }),
  )
})
