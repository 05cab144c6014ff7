/** Who may ask at all, and who need not pay. */
import { jwtVerify, SignJWT } from 'jose'
import type { AccessOptions, Payment } from 'nano402'
import { memoryStore } from 'nano402/stores/memory'
import { afterAll, describe, expect, onTestFinished, test, vi } from 'vitest'
import { StoreError } from '../../src/errors.ts'
import { frameworks } from '../support/frameworks.ts'
import { challengeOf, createWorld, offerOf, proofHeader } from '../support/world.ts'
import { codeOf, openAccessShop, PASS } from './shop.ts'

const world = await createWorld()
afterAll(() => world.close())

describe.each(frameworks)('$name', ({ serve }) => {
  test('a bad request is refused before a 402, and with a proof, which stays good', async () => {
    const shop = await serve({
      ...world.options,
      priceBodyLimit: 100,
      validate: async (request) =>
        (await request.text()) === 'good' ? undefined : { code: 'bad_body', detail: 'Say good.' },
    })
    onTestFinished(shop.close)
    const ask = (body: string, headers = {}) => fetch(shop.url, { method: 'POST', body, headers })
    const offer = offerOf(await ask('good'))
    const headers = proofHeader(offer, await world.buyer.pay(offer))
    for (const more of [{}, headers]) {
      const refused = await ask('bad', more)
      expect([refused.status, await refused.json()]).toEqual([
        400,
        expect.objectContaining({ error: 'invalid_request', reason: { code: 'bad_body', detail: 'Say good.' } }),
      ])
      expect(refused.headers.get('PAYMENT-RESPONSE') ?? refused.headers.get('PAYMENT-REQUIRED')).toBeNull()
    }
    expect((await ask('x'.repeat(101))).status).toBe(413)
    expect((await ask('good', headers)).status).toBe(200)
    expect(shop.runs()).toBe(1)
  })

  test('a subscriber and the first of the day need not pay, and the handler knows them apart', async () => {
    const who = (payment: Payment) => {
      if (payment.kind === 'skipped') return JSON.stringify(payment.principal)
      return payment.kind === 'free' ? `free, ${payment.left} left` : payment.kind
    }
    const shop = await serve(
      {
        ...world.options,
        store: memoryStore(),
        skip: async (request) => (request.header('x-member') === 'genuine' ? { id: 'alice', plan: 'gold' } : undefined),
        free: { perDay: 2, by: () => 'everybody' },
      },
      ({ payment }) => ({ body: `${who(payment)} ${payment.amount}` }),
    )
    onTestFinished(shop.close)
    const ask = async (headers = {}) => (await fetch(shop.url, { headers })).text()
    expect(await ask({ 'x-member': 'genuine' })).toBe('{"id":"alice","plan":"gold"} 0')
    expect([await ask(), await ask()]).toEqual(['free, 1 left 0', 'free, 0 left 0'])
    const over = await fetch(shop.url)
    expect([challengeOf(over).error, over.status]).toEqual(['free_exhausted', 402])
    expect(await ask({ 'x-member': 'genuine' })).toContain('alice')
    expect(shop.runs()).toBe(4)
  })
})

test('validate comes before skip, pass and free', async () => {
  const asked: string[] = []
  const note =
    <T>(what: string, given: T) =>
    (): T => {
      asked.push(what)
      return given
    }
  const shop = openAccessShop(world, {
    validate: note('validate', undefined),
    skip: note('skip', undefined),
    pass: { uses: 3, ttlMs: 60_000, by: note('pass', 'me') },
    free: { perDay: 1, by: note('free', 'me') },
  })
  expect((await shop.ask({ [PASS]: `${'A'.repeat(22)}.3.1999999999.${'A'.repeat(43)}` })).status).toBe(200)
  expect(asked).toEqual(['validate', 'skip', 'pass', 'free'])
  expect(shop.payments[0]?.kind).toBe('free')
})

test('who brings a payment is served for it, and uses up nothing else', async () => {
  const shop = openAccessShop(world, { free: { perDay: 2, by: () => 'me' }, pass: { uses: 3, ttlMs: 60_000 } })
  await shop.ask()
  await shop.ask()
  const headers = await shop.buyPass()
  expect((await shop.ask(headers)).status).toBe(200)
  const again = await shop.buy()
  const bought = await shop.ask({ ...headers, ...again })
  expect([bought.status, bought.headers.has(PASS), bought.headers.has('PAYMENT-RESPONSE')]).toEqual([200, true, true])
  expect(shop.payments.map(({ kind }) => kind)).toEqual(['free', 'free', 'paid', 'pass', 'paid'])
  expect(shop.payments[3]?.pass?.left).toBe(1)
})

test.each<[string, AccessOptions]>([
  ['skip says true', { skip: (() => true) as never }],
  ['skip says an object without an id', { skip: (() => ({ name: 'alice' })) as never }],
  ['skip throws', { skip: () => Promise.reject(new Error('no database')) }],
  [
    'validate throws',
    {
      validate: () => {
        throw new Error('bug')
      },
    },
  ],
  ['validate says false', { validate: (() => false) as never }],
  ['free.by throws', { free: { perDay: 1, by: () => Promise.reject(new Error('no address')) } }],
  ['free.by says nothing', { free: { perDay: 1, by: (() => undefined) as never } }],
])('%s: 503, and nobody is let in or billed', async (_, options) => {
  const shop = openAccessShop(world, options)
  expect(await codeOf(await shop.ask())).toEqual([503, 'access_unavailable'])
  expect(shop.runs()).toBe(0)
  expect(shop.events).toMatchObject([{ type: 'refused', status: 503, fault: { code: 'ERR_ACCESS' } }])
})

test('skip by a signed token: a header that anybody can write lets nobody in', async () => {
  const key = new TextEncoder().encode('the-key-of-the-subscribers-0123456789')
  const shop = openAccessShop(world, {
    async skip(request) {
      const [scheme, token = ''] = request.header('authorization')?.split(' ') ?? []
      if (scheme !== 'Bearer') return undefined
      const verified = await jwtVerify(token, key, { audience: 'shop', algorithms: ['HS256'] }).catch(() => undefined)
      return verified?.payload.sub
    },
  })
  const sign = (by: Uint8Array, audience: string) =>
    new SignJWT()
      .setProtectedHeader({ alg: 'HS256' })
      .setSubject('alice')
      .setAudience(audience)
      .setExpirationTime('1h')
      .sign(by)
  const ask = async (token: string) => (await shop.ask({ Authorization: `Bearer ${token}` })).status
  expect(await ask(await sign(key, 'shop'))).toBe(200)
  expect(shop.payments[0]).toMatchObject({ kind: 'skipped', principal: 'alice', scheme: 'skipped', amount: 0n })
  expect(await ask(await sign(new TextEncoder().encode('another-key-0123456789-0123456789'), 'shop'))).toBe(402)
  expect(await ask(await sign(key, 'elsewhere'))).toBe(402)
  expect(await ask('eyJhbGciOiJub25lIn0.eyJzdWIiOiJhbGljZSJ9.')).toBe(402)
})

test('free requests are counted by key and day, given back when the handler fails, and shared by processes', async () => {
  let status = 500
  const free = {
    perDay: 1,
    by: (request: { header(name: string): string | undefined }) => request.header('x-user') ?? '?',
  }
  const shop = openAccessShop(world, { free }, () => new Response('answer', { status }))
  const other = openAccessShop(world, { free, store: shop.store })
  for (let i = 0; i < 2; i++) expect((await shop.ask({ 'X-User': 'a' })).status).toBe(500)
  status = 200
  expect((await shop.ask({ 'X-User': 'a' })).status).toBe(200)
  expect((await other.ask({ 'X-User': 'a' })).status).toBe(402)
  expect((await other.ask({ 'X-User': 'b' })).status).toBe(200)
  const tomorrow = (Math.floor(Date.now() / 86_400_000) + 1) * 86_400_000
  vi.useFakeTimers({ toFake: ['Date'], now: tomorrow })
  onTestFinished(() => void vi.useRealTimers())
  expect((await shop.ask({ 'X-User': 'a' })).status).toBe(200)
})

test('fifty at once get as many free requests as there are, in two processes', async () => {
  const free = { perDay: 7, by: () => 'me' }
  const shop = openAccessShop(world, { free })
  const other = openAccessShop(world, { free, store: shop.store })
  const answers = await Promise.all(Array.from({ length: 50 }, (_, i) => (i % 2 ? shop : other).ask()))
  expect(answers.filter(({ status }) => status === 200)).toHaveLength(7)
})

test('what is kept of a free request is a number under a hash, until the day is over', async () => {
  const kept: unknown[] = []
  const shop = openAccessShop(world)
  const store = {
    ...shop.store,
    write(...of: Parameters<typeof shop.store.write>) {
      kept.push(of)
      return shop.store.write(...of)
    },
  }
  await openAccessShop(world, { store, free: { perDay: 3, by: () => '203.0.113.7' } }).ask()
  await openAccessShop(world, { store, free: { perDay: 3, by: () => '203.0.113.7' }, realm: 'other' }).ask()
  expect(JSON.stringify(kept)).not.toContain('203.0.113.7')
  const endMs = (Math.floor(Date.now() / 86_400_000) + 1) * 86_400_000
  const keys = new Set(
    (kept as [string, number, string, number][]).map(([key, , , untilMs]) => {
      expect(untilMs).toBe(endMs + 3_600_000)
      return key
    }),
  )
  expect(keys.size).toBe(2)
})

test('a store that is down lets nobody in, and is nobody’s bill', async () => {
  const down = async () => Promise.reject(new StoreError('The store is down.'))
  const shop = openAccessShop(world)
  const store = { ...shop.store, read: down, write: down }
  for (const options of [{ free: { perDay: 3, by: () => 'me' } }, { pass: { uses: 3, ttlMs: 60_000 } }]) {
    const broken = openAccessShop(world, { ...options, store })
    const headers = 'pass' in options ? await openAccessShop(world, { ...options, store: shop.store }).buyPass() : {}
    expect(await codeOf(await broken.ask(headers))).toEqual([503, 'store_unavailable'])
  }
  const selling = openAccessShop(world, { pass: { uses: 3, ttlMs: 60_000 }, store })
  const payment = await selling.buy()
  expect(await codeOf(await selling.ask(payment))).toEqual([503, 'store_unavailable'])
  const mended = openAccessShop(world, { pass: { uses: 3, ttlMs: 60_000 }, store: shop.store })
  expect((await mended.ask(payment)).status).toBe(200)
})

test('the address of a connection is known on Node, and may be the key', async () => {
  const [express] = frameworks
  const shop = await express?.serve({
    ...world.options,
    free: { perDay: 1, by: ({ remoteAddress = '' }) => remoteAddress },
  })
  onTestFinished(() => shop?.close())
  const ask = async (headers = {}) => (await fetch(shop?.url ?? '', { headers })).status
  expect([await ask(), await ask({ 'X-Forwarded-For': '203.0.113.9' })]).toEqual([200, 402])
})
