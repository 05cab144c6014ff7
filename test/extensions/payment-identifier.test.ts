/** A request that is made again under its payment identifier: what it gets, and what a stranger gets. */
import { PaymentPayloadV2Schema, PaymentRequiredV2Schema } from '@x402/core/schemas'
import { createPaywall, type PaywallEvent, type PaywallOptions, type Store } from 'nano402'
import { paywall as expressPaywall } from 'nano402/express'
import { memoryStore } from 'nano402/stores/memory'
import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest'
import { StoreError } from '../../src/errors.ts'
import type { PaymentRequirements } from '../../src/x402/shapes.ts'
import { freshWallet } from '../channel/client.ts'
import { counted, expresses, frameworks, listen } from '../support/frameworks.ts'
import { challengeOf, createWorld, offerOf, paymentHeader, paymentOf, type World } from '../support/world.ts'

const ID = 'pay_7d5d747be160e280504c099d984bcfe0'
let world: World
beforeAll(async () => {
  world = await createWorld()
})
afterAll(() => world.close())

/** What a client presents that brings an id. */
const withId = (offer: PaymentRequirements, hash: string, id: unknown = ID) =>
  paymentHeader({
    ...paymentOf(offer, hash),
    extensions: { 'payment-identifier': { info: { required: false, id }, schema: {} } },
  })

interface Ask {
  readonly path?: string
  readonly method?: string
  readonly body?: string
}

/** A paywall over a store that the test can watch and break. */
function open(
  options: Partial<PaywallOptions> = {},
  handler: (request: Request) => Response | Promise<Response> = () => new Response('paid content'),
) {
  const inner = memoryStore()
  const calls: string[] = []
  let fails: (operation: string, key: string) => boolean = () => false
  const watched =
    (operation: 'read' | 'write') =>
    async (key: string, ...rest: unknown[]) => {
      calls.push(`${operation} ${key.split(':')[0]}`)
      if (fails(operation, key)) throw new StoreError('The store is down.')
      return (inner[operation] as (...args: unknown[]) => unknown)(key, ...rest)
    }
  const store = { ...inner, read: watched('read'), write: watched('write') } as Store
  const events: PaywallEvent[] = []
  const { run, runs } = counted(handler)
  const paywall = createPaywall({
    ...world.options,
    store,
    paymentIdentifier: true,
    onEvent: (event) => events.push(event),
    ...options,
  })
  onTestFinished(() => paywall.close({ timeoutMs: 1 }))
  const ask = async (
    headers: Record<string, string> = {},
    { path = '/order', method = 'POST', body = 'one' }: Ask = {},
  ) => {
    const request = new Request(`http://shop.example${path}`, { method, headers, ...(method === 'POST' && { body }) })
    const outcome = await paywall.guard(request)
    return outcome.kind === 'refused' ? outcome.toResponse() : outcome.deliver(async () => run(request))
  }
  return {
    paywall,
    ask,
    runs,
    calls,
    events,
    failWhen: (rule: typeof fails) => {
      fails = rule
    },
    /** Asks and pays. */
    async buy(request?: Ask) {
      const offer = offerOf(await ask({}, request))
      return { offer, hash: await world.buyer.pay(offer) }
    },
    /** Asks until there is an answer, as long as we are told to come again. */
    async insist(headers: Record<string, string>, request?: Ask) {
      for (;;) {
        const answer = await ask(headers, request)
        if (answer.status !== 409 || !answer.headers.has('retry-after')) return answer
        await new Promise((resolve) => setTimeout(resolve, 5))
      }
    },
  }
}

const codeOf = async (answer: Response) => [answer.status, ((await answer.json()) as { error: string }).error]

describe.each(frameworks)('$name', ({ serve }) => {
  test('the same request under the same id gets the answer that it got, and the handler ran once', async () => {
    const headers = {
      'Content-Type': 'text/x-report; charset=utf-8',
      'Set-Cookie': 'session=1',
      'X-Secret': 'x',
      ETag: '"7"',
    }
    const shop = await serve({ ...world.options, store: memoryStore(), paymentIdentifier: true }, () => ({
      status: 201,
      headers,
      body: 'the räport',
    }))
    onTestFinished(() => shop.close())
    const url = `${shop.url}/order`
    const offer = offerOf(await fetch(url, { method: 'POST', body: 'one' }))
    const proof = withId(offer, await world.buyer.pay(offer))
    const ask = (body: string) => fetch(url, { method: 'POST', body, headers: proof })
    const first = await ask('one')
    expect([first.status, await first.text()]).toEqual([201, 'the räport'])
    let again = await ask('one')
    while (again.status === 409) again = await ask('one')
    expect([again.status, await again.text()]).toEqual([201, 'the räport'])
    for (const name of ['content-type', 'etag', 'payment-response', 'cache-control', 'vary']) {
      expect([name, again.headers.get(name)]).toEqual([name, first.headers.get(name)])
    }
    expect(first.headers.get('set-cookie')).toBe('session=1')
    expect(again.headers.get('set-cookie') ?? again.headers.get('x-secret')).toBeNull()
    expect(again.headers.get('cache-control')).toBe('private')
    expect(await codeOf(await ask('another body'))).toEqual([409, 'payment_identifier_conflict'])
    expect(shop.runs()).toBe(1)
  })

  test('fifty at once under one id are one handler run, and all get its answer', async () => {
    let made = 0
    const shop = await serve({ ...world.options, store: memoryStore(), paymentIdentifier: true }, () => ({
      body: `answer ${++made}`,
    }))
    onTestFinished(() => shop.close())
    const offer = offerOf(await fetch(shop.url))
    const headers = withId(offer, await world.buyer.pay(offer))
    const insist = async (): Promise<string> => {
      for (;;) {
        const answer = await fetch(shop.url, { headers })
        const text = await answer.text()
        if (answer.status !== 409) return text
        await new Promise((resolve) => setTimeout(resolve, 5))
      }
    }
    const answers = await Promise.all(Array.from({ length: 50 }, insist))
    expect(new Set(answers)).toEqual(new Set(['answer 1']))
    expect(shop.runs()).toBe(1)
  })
})

test('what is offered and what is presented are x402', async () => {
  const { ask, buy } = open({ paymentIdentifier: { required: true } })
  const required = challengeOf(await ask())
  expect(PaymentRequiredV2Schema.parse(required).extensions).toMatchObject({
    'payment-identifier': { info: { required: true }, schema: { type: 'object' } },
  })
  const { offer, hash } = await buy()
  const payment = {
    ...paymentOf(offer, hash),
    extensions: { 'payment-identifier': { info: { required: true, id: ID } } },
  }
  expect(PaymentPayloadV2Schema.safeParse(payment).success).toBe(true)
})

test('a stock client echoes all extensions of a 402: that fits into a header, and is served', async () => {
  const { ask, runs } = open({
    mechanisms: ['session', 'signed-block', 'signature'],
    publicUrl: 'https://api.example.com',
    receipts: 'ab'.repeat(32),
    discovery: { queryParams: { city: 'Berlin' }, output: { example: { days: [21, 19] } } },
  })
  const { accepts, resource, extensions } = challengeOf(await ask())
  const [offer] = accepts
  if (!offer) throw new Error('A challenge without an offer.')
  const identifier = extensions?.['payment-identifier'] as { info: object }
  const echoed = { ...extensions, 'payment-identifier': { ...identifier, info: { ...identifier.info, id: ID } } }
  const payment = { ...paymentOf(offer, await world.buyer.pay(offer)), resource, extensions: echoed }
  const headers = paymentHeader(payment)
  expect(Object.keys(echoed)).toEqual(['offer-receipt', 'payment-identifier', 'bazaar'])
  expect(headers['PAYMENT-SIGNATURE'].length).toBeLessThan(8_192)
  expect([(await ask(headers)).status, runs()]).toEqual([200, 1])
})

describe('what a client says', () => {
  test('a required id that is absent is refused before anything is looked up, and the proof stays good', async () => {
    const { ask, buy, runs, calls } = open({ paymentIdentifier: { required: true } })
    const { offer, hash } = await buy()
    const asked = world.devnet.asked('blocks_info')
    expect(await codeOf(await ask(paymentHeader(paymentOf(offer, hash))))).toEqual([400, 'payment_identifier_required'])
    expect([world.devnet.asked('blocks_info') - asked, calls, runs()]).toEqual([0, [], 0])
    expect((await ask(withId(offer, hash))).status).toBe(200)
  })

  test.each([
    ['short', 'a'.repeat(15)],
    ['long', 'a'.repeat(129)],
    ['with other characters', `${'a'.repeat(20)}:`],
    ['with a line break', `${'a'.repeat(20)}\n`],
    ['a number', 1234567890123456],
    ['a list', [ID]],
    ['null', null],
  ])('an id that is %s is 400', async (_name, id) => {
    const { ask, buy, runs } = open()
    const { offer, hash } = await buy()
    expect(await codeOf(await ask(withId(offer, hash, id)))).toEqual([400, 'invalid_payment_identifier'])
    expect(runs()).toBe(0)
  })

  test('without an id a spent payment is spent, as ever; another id does not open the answer', async () => {
    const { ask, insist, buy, runs } = open()
    const { offer, hash } = await buy()
    expect((await ask(withId(offer, hash))).status).toBe(200)
    expect((await insist(withId(offer, hash))).status).toBe(200)
    for (const headers of [paymentHeader(paymentOf(offer, hash)), withId(offer, hash, `${ID}x`)]) {
      expect(await codeOf(await ask(headers))).toEqual([402, 'payment_already_spent'])
    }
    expect(runs()).toBe(1)
  })

  test('a body too long to be compared is 413, before the payment is taken', async () => {
    const { ask, buy, runs } = open({ paymentIdentifier: { maxBodyBytes: 10 } })
    const long = { body: 'x'.repeat(11) }
    const { offer, hash } = await buy(long)
    expect(await codeOf(await ask(withId(offer, hash), long))).toEqual([413, 'body_too_large'])
    expect(runs()).toBe(0)
    expect((await ask(paymentHeader(paymentOf(offer, hash)), long)).status).toBe(200)
  })

  test('where an id is required, a body too long is 413 before anybody pays', async () => {
    const { ask } = open({ paymentIdentifier: { required: true, maxBodyBytes: 10 } })
    const answer = await ask({ 'Content-Length': '11' }, { body: 'x'.repeat(11) })
    expect(await codeOf(answer)).toEqual([413, 'body_too_large'])
  })

  test('the body is left unread for the handler', async () => {
    const { ask, buy } = open({}, async (request) => new Response(`got ${await request.text()}`))
    const { offer, hash } = await buy()
    expect(await (await ask(withId(offer, hash))).text()).toBe('got one')
  })
})

describe.each(expresses)('a body parser, in $name', ({ express }) => {
  type App = ReturnType<typeof express>
  const serve = async (use: (app: App, gate: ReturnType<typeof expressPaywall>) => void) => {
    const app = express()
    use(app, expressPaywall({ ...world.options, store: memoryStore(), paymentIdentifier: true }))
    app.use((req, res) => void res.json({ got: req.body }))
    const { url, close } = await listen(app)
    onTestFinished(close)
    const post = (headers: Record<string, string> = {}, body = '{"item":"tea"}') =>
      fetch(url, { method: 'POST', body, headers: { 'Content-Type': 'application/json', ...headers } })
    return { url, post }
  }

  test('before the paywall is 503 before anybody pays; a request without a body is none the worse', async () => {
    const { url, post } = await serve((app, gate) => app.use(express.json(), gate))
    const refused = await post()
    expect(refused.headers.get('payment-required')).toBeNull()
    expect(await codeOf(refused)).toEqual([503, 'price_unavailable'])
    const offer = offerOf(await fetch(url))
    expect((await fetch(url, { headers: withId(offer, await world.buyer.pay(offer)) })).status).toBe(200)
  })

  test('after it all works: the handler has the body, and a repetition the answer', async () => {
    const { post } = await serve((app, gate) => app.use(gate, express.json()))
    const offer = offerOf(await post())
    const headers = withId(offer, await world.buyer.pay(offer))
    expect(await (await post(headers)).json()).toEqual({ got: { item: 'tea' } })
    let again = await post(headers)
    while (again.status === 409) again = await post(headers)
    expect(await again.json()).toEqual({ got: { item: 'tea' } })
    expect(await codeOf(await post(headers, '{"item":"cake"}'))).toEqual([409, 'payment_identifier_conflict'])
  })
})

test.each<[string, () => Partial<PaywallOptions>]>([
  ['with identifiers', () => ({})],
  ['with channels', () => ({ paymentIdentifier: false, mechanisms: ['channel', 'session'], wallet: freshWallet() })],
])('a standard request whose body was read before a paywall %s is 503 before anybody pays', async (_, options) => {
  const { paywall } = open(options())
  const request = new Request('http://shop.example/order', { method: 'POST', body: 'one' })
  await request.text()
  expect(await paywall.guard(request)).toMatchObject({ status: 503, code: 'price_unavailable' })
})

describe('a stranger', () => {
  test('who knows the id and the block gets nothing without the session', async () => {
    const { ask, insist, buy, runs } = open({}, () => new Response('private'))
    const { offer, hash } = await buy()
    await ask(withId(offer, hash))
    await insist(withId(offer, hash))
    const own = offerOf(await ask())
    const forged = { ...own, extra: { nanoSession: { ...(own.extra?.nanoSession as object), id: 'A'.repeat(160) } } }
    expect(await codeOf(await ask(withId(own, hash)))).toEqual([402, 'amount_mismatch'])
    expect(await codeOf(await ask(withId(forged, hash)))).toEqual([402, 'invalid_session'])
    expect(runs()).toBe(1)
  })

  test('who chooses the same id has a session of its own, and neither sees nor blocks the other', async () => {
    let made = 0
    const { insist, buy, runs } = open({}, () => new Response(`answer ${++made}`))
    const [mine, theirs] = [await buy(), await buy()]
    expect(await (await insist(withId(theirs.offer, theirs.hash))).text()).toBe('answer 1')
    expect(await (await insist(withId(mine.offer, mine.hash))).text()).toBe('answer 2')
    expect(await (await insist(withId(theirs.offer, theirs.hash))).text()).toBe('answer 1')
    expect(await (await insist(withId(mine.offer, mine.hash))).text()).toBe('answer 2')
    expect(runs()).toBe(2)
  })

  test('gets no store to read or write for an id: not without a payment, nor with a session that nobody paid', async () => {
    const { ask, buy, calls } = open()
    const offer = offerOf(await ask())
    const { hash } = await buy()
    for (let i = 0; i < 20; i++) await ask(withId(offer, hash, `${ID}${i}`))
    expect(calls).toEqual([])
  })
})

describe('the same session for another request', () => {
  test.each<[string, Ask]>([
    ['another route', { path: '/dear' }],
    ['another query', { path: '/order?n=2' }],
    ['another method', { method: 'GET' }],
  ])('%s is refused by the seal', async (_name, other) => {
    const { ask, insist, buy, runs } = open()
    const { offer, hash } = await buy()
    await insist(withId(offer, hash))
    expect(await codeOf(await ask(withId(offer, hash), other))).toEqual([402, 'resource_mismatch'])
    expect(runs()).toBe(1)
  })

  test('another body is a conflict, even when the first run failed and delivered nothing', async () => {
    let fails = true
    const { ask, insist, buy, runs } = open({}, () => new Response('answer', { status: fails ? 500 : 200 }))
    const { offer, hash } = await buy()
    expect((await ask(withId(offer, hash))).status).toBe(500)
    fails = false
    expect(await codeOf(await ask(withId(offer, hash), { body: 'two' }))).toEqual([409, 'payment_identifier_conflict'])
    expect(runs()).toBe(1)
    expect((await ask(withId(offer, hash))).status).toBe(200)
    expect(await codeOf(await insist(withId(offer, hash), { body: 'two' }))).toEqual([
      409,
      'payment_identifier_conflict',
    ])
    expect(runs()).toBe(2)
  })
})

describe('what is stored', () => {
  test.each([
    ['bytes', () => new Response(new Uint8Array([0, 255, 128, 10]), { headers: { 'Content-Type': 'image/png' } })],
    ['nothing', () => new Response(null, { status: 204 })],
    ['a redirect', () => new Response(null, { status: 303, headers: { Location: '/orders/7' } })],
    ['compressed bytes', () => new Response(new Uint8Array([31, 139]), { headers: { 'Content-Encoding': 'gzip' } })],
  ])('%s', async (_name, handler) => {
    const { ask, insist, buy, runs } = open({}, handler)
    const { offer, hash } = await buy()
    const shown = async (answer: Response) => ({
      status: answer.status,
      bytes: new Uint8Array(await answer.arrayBuffer()),
      headers: ['content-type', 'location', 'content-encoding'].map((name) => answer.headers.get(name)),
    })
    const first = await shown(await ask(withId(offer, hash)))
    expect(await shown(await insist(withId(offer, hash)))).toEqual(first)
    expect(runs()).toBe(1)
  })

  test('is told of as a replay, and is no grant', async () => {
    const { ask, insist, buy, events } = open()
    const { offer, hash } = await buy()
    await ask(withId(offer, hash))
    await insist(withId(offer, hash))
    const types = events.map(({ type }) => type)
    expect(types.filter((type) => ['granted', 'delivered', 'replayed'].includes(type))).toEqual([
      'granted',
      'delivered',
      'replayed',
    ])
  })

  test('is forgotten after its time; then the answer is said to be gone, and no new bill is made', async () => {
    vi.useFakeTimers({ toFake: ['Date'] })
    onTestFinished(() => void vi.useRealTimers())
    const { ask, insist, buy, runs } = open({ paymentIdentifier: { keepMs: 60_000 } })
    const { offer, hash } = await buy()
    await ask(withId(offer, hash))
    expect((await insist(withId(offer, hash))).status).toBe(200)
    vi.setSystemTime(Date.now() + 600_000)
    expect(await codeOf(await ask(withId(offer, hash)))).toEqual([409, 'answer_not_stored'])
    expect(runs()).toBe(1)
  })
})

describe('what is not stored is served once, and then said not to be there', () => {
  const stream = (chunks: readonly string[], then: 'close' | 'error' | 'hang') => () => {
    const encoder = new TextEncoder()
    const pending = [...chunks]
    return new Response(
      new ReadableStream<Uint8Array>({
        pull(controller) {
          const next = pending.shift()
          if (next !== undefined) return controller.enqueue(encoder.encode(next))
          if (then === 'close') controller.close()
          if (then === 'error') controller.error(new Error('cut'))
        },
      }),
    )
  }

  test.each([
    ['an answer over the bound', () => new Response('x'.repeat(101))],
    ['an answer that says it is', () => new Response('x'.repeat(101), { headers: { 'Content-Length': '101' } })],
    ['a stream over the bound', stream(['x'.repeat(60), 'x'.repeat(60)], 'close')],
  ])('%s', async (_name, handler) => {
    const { ask, insist, buy, runs } = open({ paymentIdentifier: { maxBytes: 100 } }, handler)
    const { offer, hash } = await buy()
    expect((await (await ask(withId(offer, hash))).text()).length).toBeGreaterThan(100)
    const again = await insist(withId(offer, hash))
    expect(again.headers.get('payment-required')).toBeNull()
    expect(await codeOf(again)).toEqual([409, 'answer_not_stored'])
    expect(runs()).toBe(1)
  })

  test('a stream that breaks', async () => {
    const { ask, insist, buy, runs } = open({}, stream(['a first piece'], 'error'))
    const { offer, hash } = await buy()
    await expect((await ask(withId(offer, hash))).text()).rejects.toThrow('cut')
    expect(await codeOf(await insist(withId(offer, hash)))).toEqual([409, 'answer_not_stored'])
    expect(runs()).toBe(1)
  })

  test('a stream that does not end: its first piece leaves at once, and a repetition is told to wait, then that it is gone', async () => {
    vi.useFakeTimers({ toFake: ['Date'] })
    onTestFinished(() => void vi.useRealTimers())
    const { ask, buy, runs } = open({ handlerTimeoutMs: 1_000 }, stream(['event'], 'hang'))
    const { offer, hash } = await buy()
    const reader = (await ask(withId(offer, hash))).body?.getReader()
    expect(new TextDecoder().decode((await reader?.read())?.value)).toBe('event')
    expect(await codeOf(await ask(withId(offer, hash)))).toEqual([409, 'payment_in_progress'])
    vi.setSystemTime(Date.now() + 31_100)
    expect(await codeOf(await ask(withId(offer, hash)))).toEqual([409, 'answer_not_stored'])
    expect(runs()).toBe(1)
  })

  test('a stored answer outlives the client that went away in the middle of it', async () => {
    const { ask, insist, buy, runs } = open({}, stream(['one ', 'two ', 'three'], 'close'))
    const { offer, hash } = await buy()
    await (await ask(withId(offer, hash))).body?.cancel()
    expect(await (await insist(withId(offer, hash))).text()).toBe('one two three')
    expect(runs()).toBe(1)
  })
})

describe('trouble of the store', () => {
  test('before the handler is 503, runs nothing, and leaves the proof good', async () => {
    const { ask, buy, runs, failWhen } = open()
    const { offer, hash } = await buy()
    failWhen((_operation, key) => key.startsWith('identifier:'))
    expect(await codeOf(await ask(withId(offer, hash)))).toEqual([503, 'store_unavailable'])
    expect(runs()).toBe(0)
    failWhen(() => false)
    expect((await ask(withId(offer, hash))).status).toBe(200)
  })

  test('between the commit and the storing costs the copy: the answer leaves, and is never charged or run again', async () => {
    vi.useFakeTimers({ toFake: ['Date'] })
    onTestFinished(() => void vi.useRealTimers())
    const { ask, buy, runs, failWhen } = open()
    const { offer, hash } = await buy()
    failWhen((operation, key) => operation === 'write' && key.startsWith('answer:'))
    expect(await (await ask(withId(offer, hash))).text()).toBe('paid content')
    failWhen(() => false)
    expect(await codeOf(await ask(withId(offer, hash)))).toEqual([409, 'payment_in_progress'])
    vi.setSystemTime(Date.now() + 331_000)
    expect(await codeOf(await ask(withId(offer, hash)))).toEqual([409, 'answer_not_stored'])
    expect(runs()).toBe(1)
  })

  test.each(frameworks)('a commit that fails stores nothing, and nothing is served: $name', async ({ serve }) => {
    const inner = memoryStore()
    const written: string[] = []
    let down = true
    const store: Store = {
      ...inner,
      commit: (...args) => (down ? Promise.reject(new StoreError('down')) : inner.commit(...args)),
      write(key, ...rest) {
        written.push(key.split(':')[0] ?? '')
        return inner.write(key, ...rest)
      },
    }
    const shop = await serve({ ...world.options, store, paymentIdentifier: true, leaseMs: 30 })
    onTestFinished(() => shop.close())
    const offer = offerOf(await fetch(shop.url))
    const headers = withId(offer, await world.buyer.pay(offer))
    expect(await codeOf(await fetch(shop.url, { headers }))).toEqual([503, 'store_unavailable'])
    expect(written).toEqual(['identifier'])
    down = false
    let answer = await fetch(shop.url, { headers })
    while (answer.status === 409) answer = await fetch(shop.url, { headers })
    expect([answer.status, await answer.text()]).toEqual([200, 'paid content'])
    expect(shop.runs()).toBe(2)
  })
})
