import { gzipSync } from 'node:zlib'
import { createPaywall, type NanoNode, type PaywallOptions } from 'nano402'
import { type PageOptions, paywallPage } from 'nano402/page'
import { afterAll, describe, expect, onTestFinished, test, vi } from 'vitest'
import { frameworks, nodeServers } from '../support/frameworks.ts'
import { openShop } from '../support/shop.ts'
import { challengeOf, createWorld, offerOf, proofHeader, sessionIdOf } from '../support/world.ts'
import { askedBy, BROWSER_ACCEPT, fakeBrowser, statesOf } from './browser.ts'

const world = await createWorld()
afterAll(() => world.close())
const { devnet, buyer } = world
const options: PaywallOptions = {
  ...world.options,
  page: paywallPage(),
  description: 'A report',
  confirmTimeoutMs: 100,
}

const isPage = (answer: Response) => answer.headers.get('content-type') === 'text/html; charset=utf-8'

describe.each(frameworks)('$name', ({ serve }) => {
  async function open(more: PaywallOptions = {}) {
    const shop = await serve({ ...options, ...more })
    onTestFinished(shop.close)
    return shop
  }

  test('a browser gets a page, a program JSON, and both the same header', async () => {
    const { url } = await open()
    const page = await fetch(`${url}/report`, { headers: { accept: BROWSER_ACCEPT } })
    const json = await fetch(`${url}/report`)
    for (const answer of [page, json]) {
      expect(answer.status).toBe(402)
      expect(challengeOf(answer)).toMatchObject({
        x402Version: 2,
        resource: { url: '/report', description: 'A report' },
      })
      expect(answer.headers.get('vary')).toMatch(/PAYMENT-SIGNATURE, Accept, Cookie$/)
      expect(answer.headers.get('cache-control')).toBe('no-store')
    }
    expect(isPage(page)).toBe(true)
    expect(await json.json()).toEqual(challengeOf(json))
    expect(json.headers.get('set-cookie')).toBeNull()
    expect(await askedBy(page.clone())).toMatchObject({ amount: BigInt(offerOf(page).amount) })
  })

  test('from the 402 to the content: told as it happens, presented by the cookie, served once', async () => {
    const { url, runs } = await open()
    const browser = fakeBrowser()
    const page = await browser.go(`${url}/report?a=1`)
    const { payTo, amount } = await askedBy(page)
    const events = await browser.ask(`${url}/report?a=1`, 'events')
    expect(events.headers.get('content-type')).toBe('text/event-stream')
    const states = statesOf(events)
    expect((await states.next()).value).toBe('waiting')
    devnet.hold()
    await buyer.send(payTo, amount)
    expect((await states.next()).value).toBe('seen')
    const early = await browser.go(`${url}/report?a=1`)
    expect([early.status, isPage(early), runs()]).toEqual([503, true, 0])
    devnet.release()
    expect((await states.next()).value).toBe('confirmed')
    expect((await states.next()).done).toBe(true)
    const answers = await Promise.all([1, 2, 3].map(() => browser.go(`${url}/report?a=1`)))
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(1)
    const paid = answers.find(({ status }) => status === 200)
    expect(await paid?.text()).toBe('paid content')
    expect(paid?.headers.get('cache-control')).toBe('private')
    expect(paid?.headers.get('PAYMENT-RESPONSE')).not.toBeNull()
    const again = await browser.go(`${url}/report?a=1`)
    expect([again.status, runs()]).toEqual([402, 1])
    expect((await askedBy(again)).amount).not.toBe(amount)
  }, 30_000)
})

async function openExpress(more: PaywallOptions = {}, before: Parameters<(typeof nodeServers)[0]['serve']>[2] = {}) {
  const [server] = nodeServers
  if (!server) throw new Error('No server.')
  const shop = await server.serve({ ...options, ...more }, (_req, res) => res.end('paid content'), before)
  onTestFinished(shop.close)
  return shop
}

test('the session is in a cookie that scripts, other sites and other paths do not get, and in no URL', async () => {
  const { ask } = openShop({ ...options, publicUrl: 'https://shop.example' })
  const answer = await ask({ accept: BROWSER_ACCEPT }, { path: '/report?a=1' })
  const id = sessionIdOf(offerOf(answer))
  expect(answer.headers.getSetCookie()).toEqual([
    expect.stringMatching(
      /^__Secure-nano402-[\w-]{8}=[\w-]+; Max-Age=\d+; Path=\/report; HttpOnly; SameSite=Strict; Secure$/,
    ),
  ])
  expect(answer.headers.get('set-cookie')).toContain(`=${id};`)
  expect(await answer.text()).not.toContain(id)
})

test('a path that would end the attribute is cut short', async () => {
  const { ask } = openShop(options)
  const answer = await ask({ accept: BROWSER_ACCEPT }, { path: '/a/b;Domain=evil.example/c' })
  expect(answer.headers.get('set-cookie')).toMatch(/; Path=\/a\/; HttpOnly; SameSite=Strict$/)
})

test('a reload goes on with the session as long as it can be paid; another URL has its own', async () => {
  const { url } = await openExpress()
  const browser = fakeBrowser()
  const first = await askedBy(await browser.go(`${url}/report`))
  expect(await askedBy(await browser.go(`${url}/report`))).toEqual(first)
  const other = await askedBy(await browser.go(`${url}/report?page=2`))
  expect(other.amount).not.toBe(first.amount)
  expect(await askedBy(await browser.go(`${url}/report`))).toEqual(first)
})

test('a browser keeps a few sessions of one path, and the newest', async () => {
  const { url } = await openExpress()
  const browser = fakeBrowser()
  for (let i = 0; i < 6; i++) await browser.go(`${url}/report`, { cookie: '' })
  const { amount } = await askedBy(await browser.go(`${url}/report`))
  expect(browser.cookiesFor(`${url}/report`).split('; ')).toHaveLength(4)
  expect(await askedBy(await browser.go(`${url}/report`))).toMatchObject({ amount })
})

test('a payment for an offer that is over still opens the content', async () => {
  const { url, runs } = await openExpress({ maxTimeoutSeconds: 1 })
  const browser = fakeBrowser()
  const { payTo, amount } = await askedBy(await browser.go(`${url}/report`))
  const states = statesOf(await browser.ask(`${url}/report`, 'events'))
  await states.next()
  expect((await states.next()).value).toBe('expired')
  await buyer.send(payTo, amount)
  expect((await states.next()).value).toBe('confirmed')
  expect((await browser.go(`${url}/report`)).status).toBe(200)
  expect(runs()).toBe(1)
})

test('one answer instead of a stream, for whom no stream reaches', async () => {
  const { url } = await openExpress()
  const browser = fakeBrowser()
  const { payTo, amount } = await askedBy(await browser.go(`${url}/report`))
  expect(await (await browser.ask(`${url}/report`, 'now')).json()).toEqual({ state: 'waiting' })
  await buyer.send(payTo, amount)
  expect(await (await browser.ask(`${url}/report`, 'now')).json()).toEqual({ state: 'confirmed' })
})

test('streams are few for one session, and end with their page and with the paywall', async () => {
  const paywall = createPaywall(options)
  const [server] = nodeServers
  const shop = await server?.serve(paywall, (_req, res) => res.end())
  onTestFinished(async () => shop?.close())
  const url = `${shop?.url}/report`
  const browser = fakeBrowser()
  await browser.go(url)
  const open = await Promise.all(Array.from({ length: 4 }, () => browser.ask(url, 'events')))
  expect(open.map(({ status }) => status)).toEqual([200, 200, 200, 200])
  expect((await browser.ask(url, 'events')).status).toBe(503)
  await open[0]?.body?.cancel()
  let status = 503
  while (status === 503) ({ status } = await browser.ask(url, 'events')) // the server hears of it in its own time
  await paywall.close()
  for (const answer of open.slice(1)) await answer.text()
})

test('without a genuine session nothing is looked up, whatever the cookie says', async () => {
  let asked = 0
  const rpc: NanoNode = {
    call(...question) {
      asked++
      return devnet.call(...question)
    },
  }
  const { url } = await openExpress({ rpc })
  const { url: elsewhere } = await openExpress({ rpc, realm: 'another' })
  const browser = fakeBrowser()
  await browser.go(`${url}/report`)
  const [name = '', id = ''] = browser.cookiesFor(`${url}/report`).split('=')
  const [, foreign] = await (async () => {
    const other = fakeBrowser()
    await other.go(`${elsewhere}/report`)
    return other.cookiesFor(`${elsewhere}/report`).split('=')
  })()
  const forged = [id.slice(0, -1), `${id}AAAA`, id.replace(/.{8}$/, 'AAAAAAAA'), foreign, 'x', '']
  for (const value of forged) {
    for (const how of ['events', 'now'] as const) {
      const answer = await browser.ask(`${url}/report`, how, { cookie: `${name}=${value}` })
      expect([answer.status, await answer.json()]).toEqual([404, { state: 'unknown' }])
    }
    const page = await browser.go(`${url}/report`, { cookie: `${name}=${value}` })
    expect(page.status).toBe(402)
  }
  for (const path of ['/other', '/report?a=1']) {
    expect((await browser.ask(`${url}${path}`, 'now', { cookie: `${name}=${id}` })).status).toBe(404)
  }
  expect(asked).toBe(0)
})

test('a session that cannot be presented any more is not looked up', async () => {
  let asked = 0
  const rpc: NanoNode = {
    call(...question) {
      asked++
      return devnet.call(...question)
    },
  }
  const { ask } = openShop({ ...options, rpc, claimWindowMs: 60_000 })
  const page = await ask({ accept: BROWSER_ACCEPT })
  const [cookie = ''] = (page.headers.get('set-cookie') ?? '').split(';')
  vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 361_000 })
  onTestFinished(() => void vi.useRealTimers())
  const later = await ask({ accept: BROWSER_ACCEPT, cookie })
  expect(sessionIdOf(offerOf(later))).not.toBe(sessionIdOf(offerOf(page)))
  expect((await ask({ cookie, 'nano402-page': 'now' })).status).toBe(404)
  expect(asked).toBe(0)
})

test('an earlier policy gives way to the stricter one of the page', async () => {
  const helmet = (_req: unknown, res: { setHeader(name: string, value: string): void }, next: () => void) => {
    res.setHeader('Content-Security-Policy', "default-src 'self'; script-src 'self'")
    next()
  }
  const { url } = await openExpress({}, { before: [helmet] })
  const page = await fetch(`${url}/report`, { headers: { accept: BROWSER_ACCEPT } })
  const policy = page.headers.get('content-security-policy') ?? ''
  expect(policy).toMatch(/^default-src 'none'; style-src 'nonce-[\w-]{22}'; script-src 'nonce-[\w-]{22}'; /)
  const [, nonce = ''] = /script-src 'nonce-([\w-]+)'/.exec(policy) ?? []
  const body = await page.text()
  expect(body.match(/<(script|style)\b[^>]*>/g)).toEqual([`<style nonce="${nonce}">`, `<script nonce="${nonce}">`])
  expect(body).not.toMatch(/\b(src|href)="(?!data:|nano:|")/)
})

test('the page says what it is told to say, and is small', async () => {
  const logo = `data:image/png;base64,${Buffer.from(crypto.getRandomValues(new Uint8Array(14_000))).toString('base64')}`
  const page = {
    title: 'The Review',
    logo,
    colours: { accent: '#123456' },
    darkColours: { accent: '#fd0' },
    contact: 'a@b.example',
    language: 'de',
    texts: { waiting: 'Warte auf Zahlung' },
  }
  const { ask } = openShop({ ...options, page: paywallPage(page) })
  const body = await (await ask({ accept: BROWSER_ACCEPT })).text()
  for (const text of [
    '<html lang="de">',
    'The Review',
    '--accent:#123456;',
    '--on-accent:#fff;',
    '--accent:#fd0;',
    '--on-accent:#0b0e13;',
    'mailto:a@b.example',
    'Warte auf Zahlung',
  ]) {
    expect(body).toContain(text)
  }
  expect(gzipSync(body).length).toBeLessThan(40_000)
  const plain = await (await openShop(options).ask({ accept: BROWSER_ACCEPT })).text()
  expect(gzipSync(plain).length).toBeLessThan(15_000)
})

test.each<[string, unknown]>([
  ['a logo from elsewhere', { logo: 'https://cdn.example/logo.png' }],
  ['a colour that is more than one', { colours: { accent: '#fff;}body{display:none' } }],
  ['a contact with a script', { contact: 'javascript:alert(1)' }],
  ['an unknown option', { color: '#fff' }],
])('%s is refused', (_, page) => {
  expect(() => paywallPage(page as PageOptions)).toThrow(/of the page/)
})

test('a page needs the session mechanism', () => {
  expect(() => createPaywall({ ...options, mechanisms: ['signature'] }).route()).toThrow(/session/)
})

test('with payment-identifier a reload shows what was bought, and is not another purchase', async () => {
  const { url, runs } = await openExpress({ paymentIdentifier: true })
  const browser = fakeBrowser()
  const { payTo, amount } = await askedBy(await browser.go(`${url}/report`))
  await buyer.send(payTo, amount)
  for (const _ of [1, 2, 3]) expect(await (await browser.go(`${url}/report`)).text()).toBe('paid content')
  expect(runs()).toBe(1)
})

test('a program that pays at a route with a page is served as ever', async () => {
  const { ask, runs } = openShop(options)
  const offer = offerOf(await ask())
  const hash = await buyer.pay(offer)
  const answer = await ask({ ...proofHeader(offer, hash), accept: BROWSER_ACCEPT })
  expect([answer.status, runs()]).toEqual([200, 1])
})

test('a page says what a pass is good for, in the words and the language of the site', async () => {
  const pass = { uses: 100, ttlMs: 7_200_000 }
  const open = async (page = paywallPage()) =>
    (await openShop({ ...options, pass, page }).ask({ accept: BROWSER_ACCEPT })).text()
  expect(await open()).toContain('Good for 100 visits within 2 hours')
  const texts = { pass: '{time} lang {uses} Besuche' }
  expect(await open(paywallPage({ language: 'de', texts }))).toContain('2 Stunden lang 100 Besuche')
  expect(await (await openShop(options).ask({ accept: BROWSER_ACCEPT })).text()).not.toContain('Good for 100')
})
