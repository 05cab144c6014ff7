import type { PaywallEvent, PaywallOptions, Price } from 'nano402'
import { paywallPage } from 'nano402/page'
import { type RateSource, rates } from 'nano402/rates'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest'
import { openScene, PRICE } from '../client/channel/support.ts'
import { startFacilitator } from '../support/facilitator.ts'
import { frameworks } from '../support/frameworks.ts'
import { watch } from '../support/outcome.ts'
import { openShop } from '../support/shop.ts'
import { disposable } from '../support/wait.ts'
import { createWorld, offerOf, proofHeader, type World } from '../support/world.ts'

const MINUTE = 60_000
const MAX_AGE_MS = 10_000
const NANO = 10n ** 27n

let world: World
beforeAll(async () => {
  world = await createWorld()
})
afterAll(() => world.close())
beforeEach(() => void vi.useFakeTimers({ toFake: ['Date'] }))
afterEach(() => void vi.useRealTimers())

const later = (ms: number) => vi.setSystemTime(Date.now() + ms)

/** Three sources that say what they are set to. At a dollar for one XNO, 0.001 dollars are 10^27 raw. */
function market(usdPerXno = '1') {
  const says: (string | Error)[] = [usdPerXno, usdPerXno, usdPerXno]
  const sources = says.map(
    (_, i): RateSource =>
      async () => {
        const said = says[i]
        if (said instanceof Error) throw said
        return { usdPerXno: String(said), atMs: Date.now() }
      },
  )
  return {
    says,
    all: (said: string | Error) => says.fill(said),
    usd: (usd: string) => ({ usd, rates: rates({ sources, maxAgeMs: MAX_AGE_MS }) }),
  }
}
/** 0.001 dollars at a rate, as a price is rounded up. */
const priceAt = (usdPerXno: string) => {
  const exact = (NANO * 100n) / BigInt(usdPerXno.replace('.', '').padEnd(3, '0'))
  return (exact / 10n ** 20n + 1n) * 10n ** 20n
}
const priceOf = (amount: string) => BigInt(amount) - (BigInt(amount) % 10n ** 20n)

async function openCounter(options: PaywallOptions = {}) {
  const { says, all, usd } = market()
  const shop = openShop({ ...world.options, price: usd('0.001'), maxTimeoutSeconds: 300, ...options })
  const present = (headers: Record<string, string>) => watch(world, shop)(() => shop.ask(headers))
  return { shop, says, all, present }
}

describe.each(frameworks)('B13 over $name', ({ serve }) => {
  test('without a rate nobody is served and nobody is billed, nobody learns why, and it heals by itself', async () => {
    const { all, usd } = market()
    const down = new Error('connect ECONNREFUSED https://key:hunter2@ticker.example')
    all(down)
    const events: PaywallEvent[] = []
    const options = { ...world.options, price: usd('0.001'), onEvent: (event: PaywallEvent) => void events.push(event) }
    await using app = disposable(await serve(options))
    for (let i = 0; i < 3; i++) {
      const response = await fetch(`${app.url}/report`)
      expect([response.status, response.headers.get('payment-required')]).toEqual([503, null])
      expect(Number(response.headers.get('retry-after'))).toBeGreaterThan(0)
      const body = await response.text()
      expect(JSON.parse(body)).toMatchObject({ error: 'price_unavailable' })
      expect(body).not.toMatch(/hunter2|ticker/)
    }
    expect(app.runs()).toBe(0)
    expect(events).toContainEqual(
      expect.objectContaining({
        code: 'price_unavailable',
        fault: expect.objectContaining({
          message: 'No dollar rate: of 3 sources 0 has a fresh one, and 2 are needed.',
          cause: expect.objectContaining({ errors: [down, down, down] }),
        }),
      }),
    )
    all('1')
    later(5_000)
    const healed = await fetch(`${app.url}/report`)
    expect([healed.status, priceOf(offerOf(healed).amount)]).toEqual([402, NANO])
  })
})

describe('B13: a source that lies', () => {
  test.each(['100', '0.01', '0', '-1', 'NaN', '1e400', '9'.repeat(50)])('and says %s moves no price', async (lie) => {
    const { shop, says } = await openCounter()
    says[1] = lie
    expect(priceOf(offerOf(await shop.ask()).amount)).toBe(NANO)
  })

  test('has no price made at all where nobody knows which one lies', async () => {
    const { shop, says } = await openCounter()
    says[1] = '100'
    says[2] = '0.01'
    expect((await shop.ask()).status).toBe(503)
  })
})

describe('B13: a session keeps its price', () => {
  test.each([
    ['falls to a tenth', '0.1'],
    ['rises tenfold', '10'],
    ['is gone', new Error('down')],
  ])('when the rate %s between offer and payment', async (_, said) => {
    const { shop, all, present } = await openCounter()
    const offer = offerOf(await shop.ask())
    all(said)
    later(4 * MINUTE)
    const headers = proofHeader(offer, await world.buyer.pay(offer))
    expect(await present(headers)).toMatchObject({ status: 200, ran: 1 })
    expect(await present(headers)).toMatchObject({ ran: 0 })
  })

  test('paid late, it counts by the rate of the day: too little, enough, or not to be told', async () => {
    const { shop, all, present } = await openCounter()
    const offer = offerOf(await shop.ask())
    later(10 * MINUTE)
    const headers = proofHeader(offer, await world.buyer.pay(offer))
    all(new Error('down'))
    expect(await present(headers)).toMatchObject({ status: 503, code: 'price_unavailable', ran: 0 })
    all('0.99')
    later(MAX_AGE_MS)
    expect(await present(headers)).toMatchObject({ status: 402, code: 'session_expired', ran: 0 })
    all('1.01')
    later(MAX_AGE_MS)
    expect(await present(headers)).toMatchObject({ status: 200, ran: 1 })
  })
})

test('B13: a price function may give dollars, by whatever it reads, and nonsense of them is no price', async () => {
  const { usd } = market()
  const { rates: own } = usd('1')
  const price = (request: { query(name: string): string | undefined }) => {
    const wanted = request.query('usd')
    return wanted === 'none' ? { usd: '1' as const, rates: {} as typeof own } : { usd: wanted ?? '0.001', rates: own }
  }
  const shop = openShop({ ...world.options, price })
  const ask = (query: string) => shop.ask({}, { path: `/report${query}` })
  expect(priceOf(offerOf(await ask('')).amount)).toBe(NANO)
  expect(priceOf(offerOf(await ask('?usd=0.002')).amount)).toBe(2n * NANO)
  for (const usd of ['none', '', '0', '-1', '1e3', '0x1', '999999999999', '0.01 USD'])
    expect([usd, (await ask(`?usd=${encodeURIComponent(usd)}`)).status]).toEqual([usd, 503])
  const codeOf = async (toRaw: unknown) => {
    const fiat = { usd: '1', rates: { toRaw, close() {} } } as never
    return ((await (await openShop({ ...world.options, price: fiat }).ask()).json()) as { error: string }).error
  }
  for (const amount of [0n, -1n, 1, '1', undefined, null, 2n ** 128n, 1n]) {
    expect(await codeOf(() => amount)).toBe('price_unavailable')
    expect(await codeOf(async () => amount)).toBe('price_unavailable')
  }
  const fail = () => {
    throw new Error('broken')
  }
  expect(await codeOf(fail)).toBe('price_unavailable')
  expect(await codeOf(async () => fail())).toBe('price_unavailable')
})

test.each([
  { usd: '0', rates: market().usd('1').rates },
  { usd: '0.00', rates: market().usd('1').rates },
  { usd: '$0.01', rates: market().usd('1').rates },
  { usd: '-0.01', rates: market().usd('1').rates },
  { usd: '1e3', rates: market().usd('1').rates },
  { usd: 0.01, rates: market().usd('1').rates },
  { usd: '0.01' },
  { usd: '0.01', rates: {} },
  { eur: '0.01', rates: market().usd('1').rates },
  { usd: '0.01', rates: market().usd('1').rates, raw: 1n },
])('B13: wrong options are refused at once, naming what is right (%#)', (price) => {
  expect(() => openShop({ ...world.options, price: price as unknown as Price })).toThrow(
    expect.objectContaining({ code: 'ERR_CONFIG', message: expect.stringContaining("{ usd: '0.01', rates }") }),
  )
})

test('what a route costs is said in dollars where it is, and its rates end with its paywall', async () => {
  const { all, usd } = market()
  const price = usd('0.001')
  const close = vi.spyOn(price.rates, 'close')
  const shop = openShop({ ...world.options, publicUrl: 'https://shop.example', price, page: paywallPage() })
  shop.paywall.route({ discovery: { path: '/report' } })
  expect(await shop.paywall.describe()).toMatchObject({ amount: undefined, usd: '0.001' })
  const document = { paths: { '/report': { get: {} } } }
  const info = { price: { mode: 'fixed', currency: 'USD', amount: '0.001' } }
  expect(await shop.paywall.openapi(document)).toMatchObject({
    paths: { '/report': { get: { 'x-payment-info': info } } },
  })
  expect((await shop.paywall.resources()).map(({ accepts }) => accepts[0]?.amount)).toEqual([String(NANO)])
  const page = await (await shop.ask({ accept: 'text/html' })).text()
  expect(page).toContain('<p class="usd">0.001 USD</p>')
  all(new Error('down'))
  later(MAX_AGE_MS)
  expect(await shop.paywall.resources()).toEqual([])
  expect(close).not.toHaveBeenCalled()
  await shop.paywall.close({ timeoutMs: 1 })
  expect(close).toHaveBeenCalled()
})

test('B13: through a facilitator it is the resource server that knows the rate', async () => {
  await using facilitator = await startFacilitator(world)
  const { all, usd } = market()
  const shop = openShop({ ...facilitator.options, price: usd('0.001'), maxTimeoutSeconds: 300 })
  const offer = offerOf(await shop.ask())
  expect(priceOf(offer.amount)).toBe(NANO)
  const frozen = proofHeader(offer, await world.buyer.pay(offer))
  all('0.1')
  later(MAX_AGE_MS)
  expect((await shop.ask(frozen)).status).toBe(200)
  const dearer = offerOf(await shop.ask())
  expect(priceOf(dearer.amount)).toBe(10n * NANO)
  later(10 * MINUTE)
  const late = proofHeader(dearer, await world.buyer.pay(dearer))
  all('0.05')
  expect((await shop.ask(late)).status).toBe(402)
  all(new Error('down'))
  later(MAX_AGE_MS)
  expect((await shop.ask()).status).toBe(503)
})

test('B13: in a channel each request costs what it costs today, and no more than its client has agreed to', async () => {
  const { all, usd } = market()
  const scene = await openScene({ shop: { price: usd('0.001') }, payer: { retryForMs: 1 } })
  const { payer, types, runs, world } = scene
  const url = 'http://shop.example/report'
  const charged: bigint[] = []
  const ask = async () => {
    const before = (await payer.channels())[0]?.charged ?? 0n
    const { status } = await payer.fetch(url)
    const after = (await payer.channels())[0]?.charged ?? 0n
    charged.push(after - before)
    return status
  }
  expect(await ask()).toBe(200)
  all('0.8')
  later(MAX_AGE_MS)
  expect(await ask()).toBe(200)
  all('2')
  later(MAX_AGE_MS)
  expect(await ask()).toBe(200)
  expect(await payer.channels()).toMatchObject([{ mode: 'voucher-ed25519' }]) // and no second one
  expect(charged).toEqual([PRICE, (PRICE * 10n) / 8n, PRICE / 2n])
  const corrections = () => types().filter((type) => type === 'channel-corrected').length
  expect(corrections()).toBe(1)

  /** From now on each presentation finds the next of these rates, and then the last one. */
  const follow = (...rates: readonly string[]) => {
    const [...left] = rates
    scene.between = (sent, next) => {
      all(left.shift() ?? rates.at(-1) ?? '')
      later(MAX_AGE_MS)
      return next(sent.request)
    }
  }
  follow('0.78', '0.76')
  expect([await ask(), charged.at(-1), corrections()]).toEqual([200, priceAt('0.76'), 3])
  follow('0.74', '0.72', '0.70', '0.68', '0.66')
  await expect(payer.fetch(url)).rejects.toMatchObject({ code: 'ERR_REFUSED_AFTER_PAYMENT', retryable: false })
  expect([corrections(), runs()]).toEqual([6, 4])
  follow('0.70')
  expect(await ask()).toBe(200) // it was dear, and no lie
  expect(await payer.channels()).toHaveLength(1)

  scene.between = (sent, next) => next(sent.request)
  all(new Error('down'))
  later(MAX_AGE_MS)
  expect([(await payer.fetch(url).catch((error) => error)).status ?? 503, runs()]).toEqual([503, 5])
  world.close()
})
