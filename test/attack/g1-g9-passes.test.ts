/** Passes, free requests and subscribers among strangers: forged, carried elsewhere, raced, revoked, and lost. */
import type { PaywallOptions, Store } from 'nano402'
import { paywallPage } from 'nano402/page'
import { memoryStore } from 'nano402/stores/memory'
import { afterAll, expect, onTestFinished, test, vi } from 'vitest'
import { codeOf, openAccessShop, PASS } from '../access/shop.ts'
import { askedBy, BROWSER_ACCEPT, fakeBrowser } from '../page/browser.ts'
import { nodeServers } from '../support/frameworks.ts'
import { stores } from '../support/stores.ts'
import { createWorld } from '../support/world.ts'

const world = await createWorld()
afterAll(() => world.close())
const pass = { uses: 5, ttlMs: 3_600_000 }

/** A store that counts what it is asked. */
function watched(inner: Store = memoryStore()) {
  let asked = 0
  const count =
    <A extends unknown[], T>(run: (...args: A) => T) =>
    (...args: A) => {
      asked++
      return run(...args)
    }
  return {
    store: { ...inner, read: count(inner.read), write: count(inner.write), claim: count(inner.claim) },
    asked: () => asked,
  }
}

const flip = (text: string, at: number) => `${text.slice(0, at)}${text[at] === 'A' ? 'B' : 'A'}${text.slice(at + 1)}`

test('G1: a forged, changed or respelt pass opens nothing, and the store is not asked', async () => {
  const { store, asked } = watched()
  const shop = openAccessShop(world, { pass, store })
  const { [PASS]: token = '' } = await shop.buyPass()
  const before = asked()
  const [id = '', uses, expiresAt, mac = ''] = token.split('.')
  const forged = [
    ...[0, 10, 21].map((at) => flip(token, at)),
    ...[0, 20, 42].map((at) => [id, uses, expiresAt, flip(mac, at)].join('.')),
    [id, '999999', expiresAt, mac].join('.'),
    [id, uses, '1999999999', mac].join('.'),
    [id, uses, expiresAt, 'A'.repeat(43)].join('.'),
  ]
  for (const one of forged)
    expect([one, await codeOf(await shop.ask({ [PASS]: one }))]).toEqual([one, [402, 'invalid_pass']])
  const malformed = [
    ...['', ' ', 'null', '*', token.slice(0, -1), `${token}A`, `${token}=`, `${token}.`, ` ${token}x`],
    ...[`${id}.0${uses}.${expiresAt}.${mac}`, `${id}.${uses}.${expiresAt}${mac}`, `${id}.1e9.${expiresAt}.${mac}`],
    ...[`${token}, ${token}`, `${token},${token}`, 'A'.repeat(8_000), '.'.repeat(8_000)],
  ]
  for (const one of malformed) {
    expect([one, await codeOf(await shop.ask({ [PASS]: one }))]).toEqual([one, [400, 'invalid_payload']])
  }
  expect([asked() - before, shop.runs()]).toEqual([0, 1])
})

test('G2: a pass of another secret, realm, network, route, scope or price is good for nothing here', async () => {
  const { store, asked } = watched()
  const shop = openAccessShop(world, { pass, store, name: 'report' })
  const { [PASS]: token = '' } = await shop.buyPass()
  const before = asked()
  const others: Partial<PaywallOptions>[] = [
    { secret: 'another-secret-0123456789-abcdefghij', name: 'report' },
    { realm: 'other', name: 'report' },
    { name: 'dear', price: '1' },
    { price: '1' },
    { name: 'report', pass: { ...pass, scope: 'report' } },
    { name: 'report', pass: { ...pass, by: () => 'somebody' } },
  ]
  for (const options of others) {
    const other = openAccessShop(world, { pass, store, ...options })
    expect(await codeOf(await other.ask({ [PASS]: token }))).toEqual([402, 'invalid_pass'])
    expect(other.runs()).toBe(0)
  }
  expect(asked()).toBe(before)
  const bound = { ...pass, by: () => 'somebody' }
  const personal = await openAccessShop(world, { pass: bound, store, name: 'report' }).buyPass()
  const elsewhere = openAccessShop(world, { pass: bound, store, name: 'dear', price: '1' })
  expect(await codeOf(await elsewhere.ask(personal))).toEqual([402, 'invalid_pass'])
  const rotated = openAccessShop(world, {
    pass,
    store,
    name: 'report',
    secret: ['another-secret-0123456789-abcdefghij', world.options.secret],
  })
  expect((await rotated.ask({ [PASS]: token })).status).toBe(200)
})

test.each(stores)(
  'G3: a hundred at once, at two servers on $store, get as many answers as a pass has',
  async ({ open }) => {
    const store = await open()
    const options = { pass: { ...pass, uses: 8 }, store }
    const shops = [openAccessShop(world, options), openAccessShop(world, options)] as const
    const headers = await shops[0].buyPass()
    const answers = await Promise.all(Array.from({ length: 100 }, (_, i) => shops[i % 2 ? 1 : 0].ask(headers)))
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(7)
    const codes = await Promise.all(answers.filter(({ status }) => status !== 200).map(codeOf))
    expect(codes.every(([status, code]) => status === 402 && /^pass_(exhausted|in_use)$/.test(code ?? ''))).toBe(true)
    expect(await codeOf(await shops[1].ask(headers))).toEqual([402, 'pass_exhausted'])
    expect(shops[0].runs() + shops[1].runs()).toBe(8)
  },
)

test('G4: a payment buys one pass, however often it is shown', async () => {
  const shop = openAccessShop(world, { pass })
  const payment = await shop.buy()
  const answers = await Promise.all(Array.from({ length: 20 }, () => shop.ask(payment)))
  expect(answers.filter((answer) => answer.headers.has(PASS))).toHaveLength(1)
  expect((await shop.ask(payment)).headers.has(PASS)).toBe(false)
})

test('G5: a revoked pass stays revoked: at once, later, in a process that has just used it, and after a restart', async () => {
  const store = await stores[1]?.open()
  if (!store) throw new Error('No durable store.')
  const shop = openAccessShop(world, { pass, store })
  const other = openAccessShop(world, { pass, store })
  const headers = await shop.buyPass()
  await shop.ask(headers)
  await other.paywall.passes.revoke(shop.payments[0]?.pass?.id ?? '')
  const restarted = openAccessShop(world, { pass, store })
  for (const { ask } of [shop, other, restarted, shop])
    expect(await codeOf(await ask(headers))).toEqual([402, 'pass_revoked'])
  vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + pass.ttlMs - 10_000 })
  onTestFinished(() => void vi.useRealTimers())
  expect(await codeOf(await shop.ask(headers))).toEqual([402, 'pass_revoked'])
})

test('G6: a store that was emptied knows no pass, and grants none', async () => {
  const shop = openAccessShop(world, { pass })
  const headers = await shop.buyPass()
  const emptied = openAccessShop(world, { pass })
  expect(await codeOf(await emptied.ask(headers))).toEqual([402, 'pass_unknown'])
  // Emptied under a server that has the pass at hand.
  let store = memoryStore()
  const forgetful = openAccessShop(world, {
    pass,
    store: { ...store, read: (key) => store.read(key), write: (...record) => store.write(...record) },
  })
  const held = await forgetful.buyPass()
  expect((await forgetful.ask(held)).status).toBe(200)
  store = memoryStore()
  expect(await codeOf(await forgetful.ask(held))).toEqual([402, 'pass_unknown'])
  expect(emptied.runs()).toBe(0)
})

test('G7: a client that goes away again and again has one handler run for each use that it holds', async () => {
  const waiting: (() => void)[] = []
  const hang = () => new Promise<Response>((resolve) => waiting.push(() => resolve(new Response('late'))))
  let handler: () => Response | Promise<Response> = () => new Response('ok')
  const shop = openAccessShop(world, { pass: { ...pass, uses: 4 } }, () => handler())
  const headers = await shop.buyPass()
  handler = hang
  const visits = Array.from({ length: 30 }, async () => {
    const gone = new AbortController()
    const asked = shop.ask(headers, { signal: gone.signal })
    await new Promise(setImmediate)
    gone.abort()
    return (await asked).status
  })
  await expect.poll(() => waiting.length).toBe(3)
  for (const goOn of waiting) goOn()
  expect((await Promise.all(visits)).filter((status) => status === 402)).toHaveLength(27)
  expect(shop.runs()).toBe(4)
})

test('G7: a pass runs handlers that fail as often as its uses may be tried, and no more; free requests likewise', async () => {
  let isFailing = false
  const fail = () => new Response('none', { status: isFailing ? 404 : 200 })
  const shop = openAccessShop(world, { pass: { uses: 2, ttlMs: 60_000 }, attempts: 3 }, fail)
  const headers = await shop.buyPass()
  isFailing = true
  const answers: Response[] = []
  for (let i = 0; i < 8; i++) answers.push(await shop.ask(headers))
  expect(answers.map(({ status }) => status)).toEqual([404, 404, 404, 404, 404, 402, 402, 402])
  expect([shop.runs(), await codeOf(await shop.ask(headers))]).toEqual([6, [402, 'pass_exhausted']])

  const free = openAccessShop(world, { free: { perDay: 1, by: () => 'somebody' }, attempts: 3 }, fail)
  for (let i = 0; i < 5; i++) await free.ask()
  expect(free.runs()).toBe(3)
})

test('G8: what came through skip or free is marked as private, and no header alone is a subscriber', async () => {
  const shop = openAccessShop(
    world,
    { skip: () => 'alice' },
    () => new Response('for Alice', { headers: { 'Cache-Control': 'public, max-age=60' } }),
  )
  expect((await shop.ask()).headers.get('cache-control')).toBe('private')
  const strangers = openAccessShop(world, { skip: (request) => (request.header('x-subscriber') === 'yes') as never })
  expect(await codeOf(await strangers.ask({ 'X-Subscriber': 'yes' }))).toEqual([503, 'access_unavailable'])
  expect(await codeOf(await strangers.ask())).toEqual([402, 'payment_required'])
})

test('G9: a browser keeps its pass in a cookie that no script, other page or browser that loads ahead can have used', async () => {
  const [server] = nodeServers
  const options = { ...world.options, store: memoryStore(), pass, page: paywallPage() }
  const shop = await server?.serve(options, (_req, res) => res.setHeader('Set-Cookie', 'own=1').end('paid content'))
  onTestFinished(() => shop?.close())
  const url = `${shop?.url}/report`
  const browser = fakeBrowser()
  const { payTo, amount } = await askedBy(await browser.go(url))
  await world.buyer.send(payTo, amount)
  const bought = await browser.go(url)
  expect([bought.status, bought.headers.get(PASS)]).toEqual([200, null])
  expect(bought.headers.getSetCookie()).toEqual([
    'own=1',
    expect.stringMatching(
      /^__Secure-nano402-pass-\w+=[\w.-]+; Max-Age=3\d{3}; Path=\/; HttpOnly; SameSite=Lax; Secure$/,
    ),
  ])
  const askedFrom = async (headers: Record<string, string>) => (await browser.go(url, headers)).status
  const foreign = [
    { 'sec-fetch-site': 'cross-site', 'sec-fetch-dest': 'image' },
    { 'sec-fetch-site': 'cross-site', 'sec-fetch-dest': 'iframe', 'sec-fetch-user': '?1' },
    { 'sec-fetch-site': 'cross-site', 'sec-fetch-dest': 'document' },
    { 'sec-fetch-site': 'same-site', 'sec-fetch-dest': 'empty' },
    { 'sec-fetch-site': 'same-origin', 'sec-purpose': 'prefetch' },
  ]
  for (const headers of foreign) expect(await askedFrom(headers)).toBe(402)
  expect((await browser.go(`${shop?.url}/favicon.ico`, { accept: 'image/*' })).status).toBe(402)
  expect(shop?.runs()).toBe(1)
  // A reload, a link that somebody clicked elsewhere, and another page of the route: without paying again.
  expect(await askedFrom({})).toBe(200)
  expect(
    await askedFrom({ 'sec-fetch-site': 'cross-site', 'sec-fetch-dest': 'document', 'sec-fetch-user': '?1' }),
  ).toBe(200)
  const post = await fetch(`${shop?.url}/other`, {
    method: 'POST',
    headers: { cookie: browser.cookiesFor(url), accept: BROWSER_ACCEPT },
  })
  expect([post.status, await post.text()]).toEqual([200, 'paid content'])
  expect(await askedFrom({})).toBe(200)
  const over = await browser.go(url)
  expect([over.status, over.headers.get('content-type')]).toEqual([402, 'text/html; charset=utf-8'])
  expect(shop?.runs()).toBe(5)
})
