import { createPaywall, type PaywallOptions, type WireName } from 'nano402'
import { memoryJournal, type PayerOptions } from 'nano402/client'
import { memoryStore } from 'nano402/stores/memory'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { decodeBase64, encodeBase64 } from '../../src/x402/base64.ts'
import { decodePaymentPayload } from '../../src/x402/headers.ts'
import { EVERY_FORM } from '../support/forms.ts'
import { createWorld, type World } from '../support/world.ts'
import { buyerFor, sentBy } from './support.ts'

const URL = 'http://shop.example/report'
/** Has nothing: for payers that are not to pay. */
const EMPTY = { seed: '7'.repeat(64) }

let world: World
beforeAll(async () => {
  world = await createWorld()
})
afterAll(() => world.close())

/** Changes an answer on its way to the payer. */
type Bend = (answer: Response) => Response | Promise<Response>

/** A payer on a devnet, and a paywall that it asks without a socket. `bend` changes each 402. */
async function open(
  shopSpeaks: readonly WireName[],
  options: Partial<PayerOptions> = {},
  { bend = (answer: Response) => answer as Response | Promise<Response>, shop = {} as PaywallOptions } = {},
) {
  const paywall = createPaywall({ ...world.options, wire: shopSpeaks, store: memoryStore(), ...shop })
  onTestFinished(() => paywall.close({ timeoutMs: 1 }))
  const seen: Request[] = []
  const ask = async (request: Request) => {
    seen.push(request)
    const outcome = await paywall.guard(request)
    if (outcome.kind === 'refused') return outcome.status === 402 ? bend(outcome.toResponse()) : outcome.toResponse()
    return outcome.deliver(() => new Response('paid content'))
  }
  const buyer = await buyerFor(world.devnet, { fetch: ask, retryForMs: 0, ...options })
  const sent = () => sentBy(world.devnet, buyer.payer.address)
  return { ask, seen, sent, ...buyer }
}

/** A 402 with other headers, each changed from what it says. */
const withHeaders =
  (changes: Readonly<Record<string, (value: string) => string | undefined>>): Bend =>
  (answer) => {
    const headers = new Headers(answer.headers)
    for (const [name, change] of Object.entries(changes)) {
      const value = change(headers.get(name) ?? '')
      if (value === undefined) headers.delete(name)
      else headers.set(name, value)
    }
    return new Response(answer.body, { status: 402, headers })
  }
/** The same for a value of JSON in the header of revision 3. */
const withExtra = (change: object): Bend =>
  withHeaders({
    'X-Payment-Required': (text) => {
      const required = JSON.parse(text)
      return JSON.stringify({ ...required, extra: { ...required.extra, ...change } })
    },
  })

test.each(EVERY_FORM)('a payer that speaks %s pays a server that does, once', async (name) => {
  const { payer, seen, sent, events } = await open([name], { wire: [name] })
  expect(await (await payer.fetch(URL)).text()).toBe('paid content')
  expect(seen).toHaveLength(2)
  const challenged = events.find((event) => event.type === 'challenged')
  expect(await sent()).toEqual([challenged?.amount])
})

test('by default it speaks both versions of x402, and prefers the second', async () => {
  for (const [shop, header] of [
    [['x402-v1'], 'X-PAYMENT'],
    [['x402', 'x402-v1'], 'PAYMENT-SIGNATURE'],
  ] as const) {
    const { payer, seen } = await open(shop)
    expect((await payer.fetch(URL)).status).toBe(200)
    expect(seen.at(-1)?.headers.has(header), header).toBe(true)
  }
})

test.each(['nanosession-3', 'nanosession-5'] as const)('by default a bill of %s is left as it is', async (name) => {
  const { payer, sent } = await open([name], EMPTY)
  const answer = await payer.fetch(URL)
  expect([answer.status, await answer.json()]).toMatchObject([402, { error: 'payment_required' }])
  expect(await sent()).toEqual([])
})

test('the form that is listed first is used, and the next where that has no offer to pay', async () => {
  const wire = ['nanosession-5', 'x402'] as const
  const first = await open(['x402', 'nanosession-5'], { wire })
  await first.payer.fetch(URL)
  expect(first.seen.at(-1)?.headers.has('X-PAYMENT-BLOCK')).toBe(true)

  const bend = withHeaders({ 'X-PAYMENT-TAG': () => '10000000' })
  const second = await open(['x402', 'nanosession-5'], { wire }, { bend })
  await second.payer.fetch(URL)
  expect(second.seen.at(-1)?.headers.has('PAYMENT-SIGNATURE')).toBe(true)
  expect(await second.sent()).toHaveLength(1)
})

test.each(EVERY_FORM)(
  'what was paid in %s is presented in it by the next process, and not paid again',
  async (name) => {
    const { privateKey } = await world.devnet.fundedSeed()
    const options = { privateKey, journal: memoryJournal() }
    const first = await open([name], { ...options, wire: [name] })
    const lost = async (request: Request) => {
      const isPaid = [...request.headers.keys()].some((header) => header.includes('payment'))
      return isPaid ? new Response(null, { status: 503, headers: { 'Retry-After': '60' } }) : first.ask(request)
    }
    const cut = await buyerFor(world.devnet, { ...options, wire: [name], fetch: lost, retryForMs: 0 })
    await expect(cut.payer.fetch(URL)).rejects.toMatchObject({ code: 'ERR_REFUSED_AFTER_PAYMENT', retryable: true })
    const next = await buyerFor(world.devnet, { ...options, wire: ['x402'], fetch: first.ask })
    expect(await (await next.payer.fetch(URL)).text()).toBe('paid content')
    expect(await first.sent()).toHaveLength(1)
  },
)

describe('a bill is not paid, in revision 5', () => {
  test.each<[string, Parameters<typeof withHeaders>[0], RegExp]>([
    ['with a tag as large as its modulus', { 'X-PAYMENT-TAG': () => '10000000' }, /last 7 digits/],
    [
      'with a price that reaches into the tag',
      { 'X-PAYMENT-AMOUNT': (base) => `${BigInt(base) + 1n}` },
      /last 7 digits/,
    ],
    ['with another modulus', { 'X-PAYMENT-TAG-MODULUS': () => '100000000' }, /tagModulus is not 10\^7/],
    ['with a multiplied tag', { 'X-PAYMENT-TAG-MULTIPLIER': () => '1000' }, /last 7 digits|tag amount/],
    ['without a price', { 'X-PAYMENT-AMOUNT': () => '0' }, /price is nothing/],
    ['for a network that it does not name', { 'X-PAYMENT-NETWORK': () => undefined }, /network is not nano:devnet/],
    ['that has expired', { 'X-PAYMENT-EXPIRES': () => new Date(Date.now() - 1_000).toISOString() }, /expired/],
    ['to what is no account', { 'X-PAYMENT-ADDRESS': (account) => account.slice(0, -1) }, /account/],
    ['that is above the budget', { 'X-PAYMENT-AMOUNT': (base) => `${BigInt(base) * 1_000n}` }, /perRequest|budget/i],
    ['without a session', { 'X-PAYMENT-SESSION': () => undefined }, /no id/],
    ['with an amount in hex', { 'X-PAYMENT-AMOUNT': () => '0x10' }, /cannot be read/],
    ['with an expiry that is no time', { 'X-PAYMENT-EXPIRES': () => 'tomorrow' }, /cannot be read|not a time/],
  ])('%s', async (_name, changes, reason) => {
    const { payer, sent, seen } = await open(
      ['nanosession-5'],
      { ...EMPTY, wire: ['nanosession-5'] },
      { bend: withHeaders(changes) },
    )
    await expect(payer.fetch(URL)).rejects.toThrow(reason)
    expect([await sent(), seen.length]).toEqual([[], 1])
  })
})

describe('a bill is not paid, in revision 3', () => {
  test.each<[string, Bend, RegExp]>([
    ['with a tag as large as its modulus', withExtra({ tag: 10_000_000 }), /last 7 digits/],
    ['with a modulus of 10^6', withExtra({ tagModulus: 1_000_000 }), /tagModulus is not 10\^7/],
    ['with a tag that is negative', withExtra({ tag: -1 }), /cannot be read/],
    ['with a tag that is an object', withExtra({ tag: { toString: '1' } }), /cannot be read/],
    [
      'of another scheme',
      withHeaders({ 'X-Payment-Required': (text) => text.replace('nano-session', 'exact') }),
      /cannot be read/,
    ],
    ['that comes twice', withHeaders({ 'X-Payment-Required': (text) => `${text}, ${text}` }), /cannot be read/],
  ])('%s', async (_name, bend, reason) => {
    const { payer, sent } = await open(['nanosession-3'], { ...EMPTY, wire: ['nanosession-3'] }, { bend })
    await expect(payer.fetch(URL)).rejects.toThrow(reason)
    expect(await sent()).toEqual([])
  })
})

/** A 402 of version 1 with the entries that become of its one. */
const withEntries =
  (change: (entry: object) => readonly object[]): Bend =>
  async (answer) => {
    const { accepts, ...required } = await answer.json()
    return Response.json({ ...required, accepts: change(accepts[0]) }, { status: 402 })
  }
const withEntry = (change: object) => withEntries((entry) => [{ ...entry, ...change }])
const ELSEWHERE = { resource: 'https://elsewhere.example/report' }

describe('a bill is not paid, in version 1', () => {
  test.each<[string, Bend, RegExp]>([
    ['about a resource of another origin', withEntry(ELSEWHERE), /another origin/],
    [
      'about two resources, one of another origin',
      withEntries((entry) => [entry, { ...entry, ...ELSEWHERE }]),
      /cannot be read/,
    ],
    ['of another amount than price and tag', withEntry({ maxAmountRequired: '1' }), /not the price and the tag/],
    ['on another network', withEntry({ network: 'base-sepolia' }), /network/],
    ['in another asset', withEntry({ asset: 'USDC' }), /asset/],
    ['whose amount is a number', withEntry({ maxAmountRequired: 1e27 }), /cannot be read/],
    ['that offers nothing', withEntries(() => []), /cannot be read/],
  ])('%s', async (_name, bend, reason) => {
    const { payer, sent } = await open(['x402-v1'], EMPTY, { bend })
    await expect(payer.fetch(URL)).rejects.toThrow(reason)
    expect(await sent()).toEqual([])
  })
})

test('revision 7: a tag amount is paid up to the bound alone, whatever else the bill says of it', async () => {
  const bend: Bend = (answer) => {
    const required = JSON.parse(atob(answer.headers.get('PAYMENT-REQUIRED') ?? ''))
    const [offer] = required.accepts
    const { id, resourceAmountRaw, tagAmountRaw } = offer.extra.nanoSession
    const nanoSession = {
      id,
      resourceAmountRaw,
      tagAmountRaw,
      tag: 1234,
      expiresAt: new Date(Date.now() + 60_000).toISOString(),
    }
    const bent = { ...required, accepts: [{ ...offer, extra: { nanoSession } }] }
    return new Response(null, { status: 402, headers: { 'PAYMENT-REQUIRED': btoa(JSON.stringify(bent)) } })
  }
  const { payer } = await open(['nanosession-7'], { wire: ['x402', 'nanosession-7'] }, { bend })
  expect((await payer.fetch(URL)).status).toBe(200)
  const mean = await open(['nanosession-7'], { wire: ['nanosession-7'], maxTagRaw: 0n }, { bend })
  await expect(mean.payer.fetch(URL)).rejects.toThrow(/above the bound/)
  expect(await mean.sent()).toEqual([])
})

test('a 402 whose body is no bill comes back with its body unread, however long', async () => {
  for (const body of ['{"error":"Upgrade your plan."}', '<html>', `"${'x'.repeat(200_000)}"`]) {
    const { payer, sent } = await open(['x402-v1'], EMPTY, {
      bend: () => new Response(body, { status: 402, headers: { 'Content-Type': 'application/json' } }),
    })
    const answer = await payer.fetch(URL)
    expect([answer.status, (await answer.text()) === body]).toEqual([402, true])
    expect(await sent()).toEqual([])
  }
})

test.each(['PAYMENT-SIGNATURE', 'X-PAYMENT', 'X-Payment-Response', 'X-PAYMENT-BLOCK'])(
  'a request that brings a proof of its own, in %s, is asked as it is',
  async (header) => {
    const { payer, seen } = await open(['nanosession-5'], { ...EMPTY, wire: ['nanosession-5'] })
    const answer = await payer.fetch(URL, { headers: { [header]: 'x' } })
    expect([answer.status, seen.length]).toEqual([header === 'X-PAYMENT-BLOCK' ? 400 : 402, 1])
  },
)

test('the reason for a refusal is found in the body where a form has no header for it', async () => {
  const { payer } = await open(
    ['nanosession-5'],
    {
      wire: ['nanosession-5'],
    },
    { bend: withHeaders({ 'X-PAYMENT-SESSION': (id) => (id === '' ? id : `B${id.slice(1)}`) }) },
  )
  await expect(payer.fetch(URL)).rejects.toMatchObject({ refusal: 'invalid_session', retryable: false })
})

test.each([[[]], [['x402-v3']]])('%j is no list of forms', async (wire) => {
  await expect(open(['x402'], { wire: wire as never })).rejects.toThrow(/Option wire .* nanosession-5/)
})

describe('NanoSession revision 7', () => {
  test.each(['signed-block', 'signature'] as const)(
    'is paid by %s as well, for it echoes what was taken',
    async (way) => {
      const { payer, sent } = await open(
        ['nanosession-7'],
        { wire: ['nanosession-7'] },
        { shop: { mechanisms: [way] } },
      )
      expect((await payer.fetch(URL)).status).toBe(200)
      expect(await sent()).toHaveLength(1)
    },
  )

  /** An offer of its stateless variant, from a server that is not ours: no nonce, no session, no tag that is known. */
  const stateless = (change: object = {}, { wire = 'nanosession-7' as WireName } = {}) =>
    open(['nanosession-7'], { wire: [wire] }, { shop: { mechanisms: ['signature'] }, bend: withoutNonce(change) })

  test('is paid by a receipt, a new one for each request', async () => {
    const { payer, seen, sent } = await stateless()
    for (const _ of [1, 2]) expect(await (await payer.fetch(URL)).text()).toBe('paid content')
    const presented = seen.flatMap(({ headers }) => paymentIn(headers))
    expect(presented.map(({ payload }) => Object.keys(payload))).toEqual([
      ['proof', 'signature'],
      ['proof', 'signature'],
    ])
    expect(await sent()).toHaveLength(2)
  })

  test.each([
    ['another path', { url: 'http://shop.example/dear' }, /not the one that was asked/],
    ['another query', { url: 'http://shop.example/report?x=1' }, /not the one that was asked/],
    ['another origin', { url: 'http://other.example/report' }, /not the one that was asked/],
    ['no URL that is one', { url: 'http://' }, /not the one that was asked/],
    ['another message', { messageToSign: '0'.repeat(64) }, /not block_hash\+url/],
    ['no URL', { url: undefined }, /nonce/],
  ] as const)('has nothing signed over %s', async (_name, change, reason) => {
    const { payer, sent } = await stateless(change)
    await expect(payer.fetch(URL)).rejects.toThrow(reason)
    expect(await sent()).toEqual([])
  })

  test('is not paid so as plain x402, where two requests would have one offer', async () => {
    const { payer, sent } = await stateless({}, { wire: 'x402' })
    await expect(payer.fetch(URL)).rejects.toThrow(/no nonce/)
    expect(await sent()).toEqual([])
  })
})

/** The first offer as the documents of revision 7 have it, with some of its terms changed. */
const withoutNonce = (change: object): Bend =>
  withHeaders({
    'PAYMENT-REQUIRED': (header) => {
      const required = JSON.parse(decodeBase64(header) ?? '')
      const [{ extra, ...offer }] = required.accepts
      const { id, url, messageToSign } = extra.nanoSignature
      const nanoSignature = { id, url, messageToSign, ...change }
      return encodeBase64(JSON.stringify({ ...required, accepts: [{ ...offer, extra: { nanoSignature } }] }))
    },
  })

const paymentIn = (headers: Headers) => {
  const payment = decodePaymentPayload(headers.get('PAYMENT-SIGNATURE') ?? '')
  return typeof payment === 'string' ? [] : [payment]
}
