/** The paywall page among strangers: script in what it shows, clients that are no browsers, other pages, and neighbours. */
import type { PaywallOptions } from 'nano402'
import { paywallPage } from 'nano402/page'
import { afterAll, expect, test } from 'vitest'
import { askedBy, BROWSER_ACCEPT, fakeBrowser } from '../page/browser.ts'
import { nodeServers } from '../support/frameworks.ts'
import { openShop } from '../support/shop.ts'
import { challengeOf, createWorld, offerOf, proofHeader, sessionIdOf } from '../support/world.ts'

const world = await createWorld()
afterAll(() => world.close())
const { devnet, buyer } = world
const options: PaywallOptions = { ...world.options, page: paywallPage(), description: 'A report' }

async function open(more: PaywallOptions = {}) {
  const [server] = nodeServers
  if (!server) throw new Error('No server.')
  return server.serve({ ...options, ...more }, (_req, res) => res.end('paid content'))
}

const SCRIPT = `"'><script>alert(1)</script><img src=x onerror=alert(1)>`

test('P4: script in path, query, description, title and texts is text', async () => {
  const { ask } = openShop({
    ...options,
    description: SCRIPT,
    page: paywallPage({ title: SCRIPT, texts: { waiting: SCRIPT } }),
  })
  const { ask: bare } = openShop({ ...world.options, page: paywallPage() })
  const headers = { accept: BROWSER_ACCEPT }
  const bodies = [await (await ask(headers, { path: '/a' })).text()]
  for (const path of ['/<script>alert(1)</script>', `/a?q=${SCRIPT}`, `/a?'onmouseover='alert(1)`]) {
    bodies.push(await (await bare(headers, { path })).text())
  }
  for (const body of bodies) {
    expect(body.match(/<(script|img)\b[^>]*/g)).toEqual([expect.stringMatching(/^<script nonce="[\w-]{22}"$/)])
    expect(body.replaceAll(/"[^"]*"/g, '""')).not.toMatch(/<[a-z][^<>]*\son\w+=/i)
  }
})

test('P4: the accept header, which the page repeats, is text', async () => {
  const { ask } = openShop(options)
  const answer = await ask({ accept: `text/html;x="><script>alert(1)</script>` })
  expect(await answer.text()).not.toContain('<script>alert')
})

test('P5: who does not rank HTML first gets JSON, and no cookie', async () => {
  const { ask } = openShop(options)
  for (const accept of ['*/*', 'application/json', 'application/json, text/html', 'text/html, */*', '']) {
    const answer = await ask({ accept })
    expect(answer.headers.get('content-type'), accept).toBe('application/json; charset=utf-8')
    expect(answer.headers.get('set-cookie')).toBeNull()
    expect(await answer.json()).toEqual(challengeOf(answer))
  }
})

test('P7: no other page, frame, script, image or prefetch has a payment used, nor learns its session', async () => {
  const shop = await open()
  const url = `${shop.url}/report`
  const browser = fakeBrowser()
  const page = await browser.go(url)
  const session = sessionIdOf(offerOf(page))
  const { payTo, amount } = await askedBy(page)
  await buyer.send(payTo, amount)
  const foreign = [
    { 'sec-fetch-site': 'cross-site', 'sec-fetch-dest': 'document', 'sec-fetch-mode': 'navigate' },
    { 'sec-fetch-site': 'same-site', 'sec-fetch-dest': 'document', 'sec-fetch-mode': 'navigate' }, // a neighbour's subdomain
    { 'sec-fetch-site': 'same-origin', 'sec-fetch-dest': 'iframe', 'sec-fetch-mode': 'navigate' },
    { 'sec-fetch-site': 'same-origin', 'sec-fetch-dest': 'empty', 'sec-fetch-mode': 'cors' },
    { 'sec-fetch-site': 'same-origin', 'sec-fetch-dest': 'image' },
    { 'sec-fetch-site': 'same-origin', 'sec-fetch-dest': 'document', 'sec-purpose': 'prefetch' },
    { 'sec-fetch-site': 'same-origin', 'sec-fetch-dest': 'document', 'sec-purpose': 'prefetch;prerender' },
    { accept: '*/*' },
  ]
  const cookie = browser.cookiesFor(url)
  for (const headers of foreign) {
    const answer = await fetch(url, { headers: { accept: BROWSER_ACCEPT, cookie, ...headers } })
    expect(answer.status, JSON.stringify(headers)).toBe(402)
    expect(sessionIdOf(offerOf(answer))).not.toBe(session)
  }
  for (const method of ['POST', 'PUT', 'DELETE', 'HEAD']) {
    const answer = await fetch(url, { method, headers: { accept: BROWSER_ACCEPT, cookie } })
    expect([answer.status, answer.headers.get('set-cookie')], method).toEqual([402, null])
  }
  const status = await fetch(url, { headers: { cookie, 'nano402-page': 'now', 'sec-fetch-site': 'same-site' } })
  expect(status.status).toBe(404)
  expect(shop.runs()).toBe(0)
  const own = { 'sec-fetch-site': 'same-origin', 'sec-fetch-dest': 'document', 'sec-fetch-mode': 'navigate' }
  expect((await browser.go(url, own)).status).toBe(200)
  await shop.close()
})

test('P8: the status says one word about this session, and nothing of what others paid', async () => {
  const shop = await open()
  const url = `${shop.url}/report`
  const [victim, stranger] = [fakeBrowser(), fakeBrowser()]
  const { payTo, amount } = await askedBy(await victim.go(url))
  await stranger.go(url)
  await buyer.send(payTo, amount)
  expect(await (await victim.ask(url, 'now')).json()).toEqual({ state: 'confirmed' })
  expect(await (await stranger.ask(url, 'now')).json()).toEqual({ state: 'waiting' })
  expect((await stranger.go(url)).status).toBe(402)
  expect(shop.runs()).toBe(0)
  await shop.close()
})

test('P8: an amount without its last digits buys nothing', async () => {
  const shop = await open({ realm: 'of its own, where nobody else waits for a payment' })
  const url = `${shop.url}/report`
  const browser = fakeBrowser()
  const page = await browser.go(url)
  const offer = offerOf(page)
  const { payTo, amount } = await askedBy(page)
  const hash = await buyer.send(payTo, amount - (amount % 10n ** 24n))
  expect(await (await browser.ask(url, 'now')).json()).toEqual({ state: 'cut' })
  expect((await browser.go(url)).status).toBe(402)
  expect((await fetch(url, { headers: proofHeader(offer, hash) })).status).toBe(402)
  expect(shop.runs()).toBe(0)
  await shop.close()
})

test('P9: one payment by the cookie, by the header, and by both at once: one answer', async () => {
  const shop = await open()
  const url = `${shop.url}/report`
  const browser = fakeBrowser()
  const page = await browser.go(url)
  const offer = offerOf(page)
  const { payTo, amount } = await askedBy(page)
  const hash = await buyer.send(payTo, amount)
  const cookie = browser.cookiesFor(url)
  const ways = Array.from(
    { length: 30 },
    (_, i) =>
      [
        { accept: BROWSER_ACCEPT, cookie },
        proofHeader(offer, hash),
        { accept: BROWSER_ACCEPT, cookie, ...proofHeader(offer, hash) },
      ][i % 3],
  )
  const answers = await Promise.all(ways.map((headers) => fetch(url, { headers: headers as HeadersInit })))
  expect(answers.filter(({ status }) => status === 200)).toHaveLength(1)
  expect(shop.runs()).toBe(1)
  await shop.close()
})

test('S13: a flood of pages and status questions asks the node no more often than one page does', async () => {
  const shop = await open()
  const url = `${shop.url}/report`
  const browsers = await Promise.all(
    Array.from({ length: 40 }, async () => {
      const browser = fakeBrowser()
      await browser.go(url)
      return browser
    }),
  )
  const [asked, startMs] = [devnet.asked(), performance.now()]
  await Promise.all(browsers.flatMap((browser) => [browser.ask(url, 'now'), browser.go(url), browser.ask(url, 'now')]))
  const looks = 2 + (performance.now() - startMs) / 500
  expect(devnet.asked() - asked).toBeLessThanOrEqual(2 * looks) // two questions for a look, and a look every half second
  await shop.close()
})
