/** A facilitator that is down, slow, lying, redirecting or huge: 503, nothing is granted, and the proof stays good (F5). */
import type { PaywallOptions } from 'nano402'
import { paywallPage } from 'nano402/page'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { askedBy, BROWSER_ACCEPT } from '../page/browser.ts'
import { type ServedFacilitator, startFacilitator } from '../support/facilitator.ts'
import { listenFetch } from '../support/frameworks.ts'
import { codeIn } from '../support/raw.ts'
import { openShop, purchase } from '../support/shop.ts'
import { createWorld, freshAccount, type World } from '../support/world.ts'

let world: World
let facilitator: ServedFacilitator
beforeAll(async () => {
  world = await createWorld()
  facilitator = await startFacilitator(world)
})
afterAll(async () => {
  await facilitator.close()
  world.close()
})

type Lie = (request: Request, truth: () => Promise<Response>) => Response | Promise<Response>

/** Stands between a resource server and its facilitator; lies about one path once it is told to. */
async function openTwisted(path: string, lie: Lie, more: PaywallOptions = {}) {
  let isLying = false
  let asked = 0
  const { url, close } = await listenFetch(async (request) => {
    const body = request.method === 'POST' ? await request.clone().text() : undefined
    const truth = () =>
      fetch(`${facilitator.url}${new URL(request.url).pathname}`, {
        method: request.method,
        headers: { 'content-type': request.headers.get('content-type') ?? '' },
        ...(body && { body }),
      })
    if (!isLying || new URL(request.url).pathname !== path) return truth()
    asked++
    return lie(request, truth)
  })
  onTestFinished(close)
  const shop = openShop({ ...facilitator.options, facilitator: { url, timeoutMs: 1_000 }, leaseMs: 600, ...more })
  return {
    shop,
    asked: () => asked,
    lie: (on: boolean) => {
      isLying = on
    },
  }
}

const json = (value: unknown) => new Response(JSON.stringify(value))
const endless = () =>
  new Response(new ReadableStream({ pull: (controller) => controller.enqueue(new Uint8Array(16_384).fill(0x20)) }))
const silent = () => new Promise<Response>(() => {})
/** The truth, changed. */
const twisted =
  (twist: (truth: never) => unknown): Lie =>
  async (_, truth) =>
    json(twist((await (await truth()).json()) as never))

type Offers = { accepts: Record<string, unknown>[] }
type Granted = { granted: { settlement: object } }

/** Grants, with another settlement. */
const settling = (change: object) =>
  twisted(({ granted }: Granted) => ({ granted: { ...granted, settlement: { ...granted.settlement, ...change } } }))

const useless: readonly (readonly [string, Lie])[] = [
  ['is silent', silent],
  ['sends without end', endless],
  ['sends HTML', () => new Response('<h1>Welcome</h1>')],
  ['sends nothing', () => new Response('')],
  ['sends half', async (_, truth) => new Response((await (await truth()).text()).slice(0, -5))],
  ['repeats a key', () => new Response('{"granted":{},"granted":{}}')],
  ['sends another shape', () => json({ isValid: true, success: true, done: 'yes', granted: true })],
  ['sends null', () => json(null)],
  ['fails', () => new Response('{}', { status: 500 })],
  ['knows us no more', () => new Response('{}', { status: 401 })],
  ['sends us elsewhere', ({ url }) => Response.redirect(facilitator.url + new URL(url).pathname, 307)],
]

const unavailable = [503, 'facilitator_unavailable', '2']
const told = async (response: Response) => [
  response.status,
  codeIn(await response.text()),
  response.headers.get('retry-after'),
]

describe('a claim at a facilitator that', () => {
  test.each<readonly [string, Lie]>([
    ...useless,
    ['grants on another network', settling({ network: 'nano:mainnet' })],
    ['grants without success', settling({ success: false })],
    ['grants an amount that is none', settling({ amount: '-1' })],
    ['refuses for a reason that there is not', () => json({ refused: 'because' })],
    [
      'calls it spent, and does not say what',
      () => json({ refused: 'payment_already_spent', spent: { session: 'x' } }),
    ],
    ['asks without end', () => json({ needs: { inputs: ['header:x-plan'] } })],
  ])('%s is 503, grants nothing, and leaves the proof good', async (_, lie) => {
    const { shop, lie: turn } = await openTwisted('/claim', lie)
    const { headers } = await purchase(shop, world.buyer)
    turn(true)
    expect(await told(await shop.ask(headers))).toEqual(unavailable)
    expect(shop.runs()).toBe(0)
    turn(false)
    let answer = await shop.ask(headers)
    while (answer.status === 409) answer = await shop.ask(headers) // what it has granted and not said, ends with its lease
    expect([answer.status, shop.runs()]).toEqual([200, 1])
  })
})

describe('an offer from a facilitator that', () => {
  const changed = (change: object) =>
    twisted(({ accepts }: Offers) => ({ accepts: accepts.map((offer) => ({ ...offer, ...change })) }))
  test.each<readonly [string, Lie]>([
    ...useless,
    ['offers nothing', () => json({ accepts: [] })],
    ['has itself paid', (...call) => changed({ payTo: freshAccount() })(...call)],
    ['asks more', changed({ amount: `1${'0'.repeat(30)}` })],
    ['asks less', changed({ amount: '1' })],
    ['asks for another asset', changed({ asset: 'BAN' })],
    ['offers on another network', changed({ network: 'nano:mainnet' })],
    ['offers for a second', changed({ maxTimeoutSeconds: 1 })],
  ])('%s is not made: 503', async (_, lie) => {
    const { shop, lie: turn } = await openTwisted('/requirements', lie)
    turn(true)
    expect(await told(await shop.ask())).toEqual(unavailable)
    turn(false)
    expect((await shop.ask()).status).toBe(402)
  })
})

describe('a session that is found by a facilitator that', () => {
  type Found = { session: { accepts: object[] } }
  const changed = (change: object) =>
    twisted(({ session }: Found) => ({
      session: { ...session, accepts: session.accepts.map((offer) => ({ ...offer, ...change })) },
    }))
  async function openVisited(lie: Lie) {
    const { shop, lie: turn } = await openTwisted('/find', lie, { page: paywallPage(), payTo: freshAccount() })
    const page = await shop.ask({ accept: BROWSER_ACCEPT })
    const cookie = page.headers.getSetCookie()[0]?.split(';')[0] ?? ''
    turn(true)
    return { shop, turn, asked: await askedBy(page), visit: { accept: BROWSER_ACCEPT, cookie } }
  }

  test.each(useless.filter(([kind]) => /without end|shape|fails|elsewhere/.test(kind)))(
    '%s gets a person neither a fresh bill nor the content',
    async (_, lie) => {
      const { shop, turn, asked, visit } = await openVisited(lie)
      const page = await shop.ask(visit)
      expect([page.status, page.headers.getSetCookie(), shop.runs()]).toEqual([503, [], 0])
      expect((await shop.ask({ ...visit, 'nano402-page': 'now' })).status).toBe(503)
      turn(false)
      expect(await askedBy(await shop.ask(visit))).toEqual(asked)
    },
  )

  test.each<readonly [string, Lie]>([
    ['has itself paid', (...call) => changed({ payTo: freshAccount() })(...call)],
    ['asks more', changed({ amount: `1${'0'.repeat(30)}` })],
    ['offers on another network', changed({ network: 'nano:mainnet' })],
  ])('%s is not shown to a person', async (_, lie) => {
    const { shop, visit, asked } = await openVisited(lie)
    const { payTo, amount } = await askedBy(await shop.ask(visit))
    expect([payTo, amount / 10n ** 20n]).toEqual([asked.payTo, asked.amount / 10n ** 20n])
    expect(amount).not.toBe(asked.amount)
  })

  test("calls a stranger's block the payment gives nothing away", async () => {
    const hash = await world.buyer.send(world.seller.account, 10n ** 27n)
    const payment = { state: 'confirmed', hash }
    const { shop, visit } = await openVisited(twisted(({ session }: Found) => ({ session: { ...session, payment } })))
    expect([(await shop.ask(visit)).status, shop.runs()]).toEqual([402, 0])
  })
})

describe('a commit at a facilitator that', () => {
  // Each is asked again until the lease is over, so the kinds that a claim has been through are not all repeated.
  test.each(useless.filter(([kind]) => /silent|without end|shape|fails|elsewhere/.test(kind)))(
    '%s lets nothing leave',
    async (_, lie) => {
      const { shop, lie: turn, asked } = await openTwisted('/commit', lie)
      const { headers } = await purchase(shop, world.buyer)
      turn(true)
      const answer = await shop.ask(headers)
      expect([answer.status, answer.headers.get('payment-response')]).toEqual([503, null])
      expect([shop.runs(), asked() > 0]).toEqual([1, true])
    },
  )

  test('says that the claim is lost lets nothing leave, and is not asked again', async () => {
    const { shop, lie: turn, asked } = await openTwisted('/commit', () => json({ done: false }))
    const { headers } = await purchase(shop, world.buyer)
    turn(true)
    expect((await told(await shop.ask(headers))).slice(0, 2)).toEqual([503, 'store_unavailable'])
    expect(asked()).toBe(1)
  })
})

test('a facilitator that is down is 503, for the offer and for the proof', async () => {
  const shop = openShop({ ...facilitator.options, facilitator: 'http://127.0.0.1:1' })
  const { headers } = await purchase(openShop(facilitator.options), world.buyer)
  expect([await told(await shop.ask()), await told(await shop.ask(headers))]).toEqual([unavailable, unavailable])
  expect(await shop.paywall.health()).toMatchObject({ node: { ok: false }, store: { ok: false } })
  expect((await openShop(facilitator.options).ask(headers)).status).toBe(200)
})

test('no answer and no error tells the facilitator’s address or token', async () => {
  const faults: unknown[] = []
  const shop = openShop({
    ...facilitator.options,
    facilitator: { url: 'http://127.0.0.1:1/secret-path', token: 'a-secret-token' },
    onEvent: (event) => 'fault' in event && faults.push(event.fault),
  })
  const said = JSON.stringify(await told(await shop.ask())) + faults.map((fault) => `${(fault as Error).stack}`).join()
  expect(faults).toHaveLength(1)
  expect(said).not.toMatch(/127\.0\.0\.1|secret/)
})
