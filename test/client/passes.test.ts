/** A payer that got a pass shows it until it is used up, and pays once for many requests. */
import express from 'express'
import { createPaywall, type PaywallOptions } from 'nano402'
import { createDevnet } from 'nano402/devnet'
import { paywall } from 'nano402/express'
import { afterAll, expect, onTestFinished, test } from 'vitest'
import { listen } from '../support/frameworks.ts'
import { buyerFor, SHOP, sentBy } from './support.ts'

const devnet = createDevnet({ confirmMs: 0 })
afterAll(() => devnet.close())
const SECRET = 'a secret of the payer tests, 0123456789abcdef'
const PASS = 'nano402-pass'

async function open(routes: Readonly<Record<string, PaywallOptions>>, status = (_count: number) => 200) {
  let runs = 0
  const options = { network: 'nano:devnet', rpc: devnet, payTo: SHOP, price: '0.001', secret: SECRET } as const
  const instance = createPaywall(options)
  const app = express()
  const seen: (readonly [path: string, pass: string | undefined])[] = []
  app.use((req, _res, next) => {
    seen.push([req.path, req.get(PASS)])
    next()
  })
  for (const [path, more] of Object.entries(routes)) {
    app.all(path, paywall(instance, more), (req, res) => void res.status(status(++runs)).send(req.payment?.kind))
  }
  const { url, close } = await listen(app)
  onTestFinished(async () => {
    await close()
    await instance.close({ timeoutMs: 1 })
  })
  const buyer = await buyerFor(devnet, { budget: { perRequest: '0.01', perDay: '0.0025' } })
  const text = async (path: string) => (await buyer.payer.fetch(url + path)).text()
  return { url, seen, instance, ...buyer, text, paid: async () => (await sentBy(devnet, buyer.payer.address)).length }
}

const pass = { uses: 3, ttlMs: 60_000 }
const times = <T>(count: number, make: () => Promise<T>) => Promise.all(Array.from({ length: count }, make))

test('one payment is three answers, and the fourth request buys the next pass; the budget counts two', async () => {
  const { text, paid, events } = await open({ '/report': { pass } })
  const kinds: string[] = []
  for (let i = 0; i < 6; i++) kinds.push(await text(`/report?i=${i}`))
  expect(kinds).toEqual(['paid', 'pass', 'pass', 'paid', 'pass', 'pass'])
  expect(await paid()).toBe(2)
  expect(events.filter(({ type }) => type === 'pass-bought' || type === 'pass-used')).toHaveLength(6)
  await expect(text('/report')).rejects.toMatchObject({ code: 'ERR_OVER_BUDGET' })
})

test('requests side by side wait for the pass that one of them buys', async () => {
  const { payer, url, paid } = await open({ '/report': { pass: { uses: 20, ttlMs: 60_000 } } })
  const kinds = await times(15, async () => (await payer.fetch(`${url}/report`)).text())
  expect(kinds.filter((kind) => kind === 'paid')).toHaveLength(1)
  expect(kinds.filter((kind) => kind === 'pass')).toHaveLength(14)
  expect(await paid()).toBe(1)
})

test('more requests at once than a pass has uses left are the fewest payments', async () => {
  const { payer, url, paid } = await open({ '/report': { pass } })
  const kinds = await times(6, async () => (await payer.fetch(`${url}/report`)).text())
  expect(kinds.toSorted()).toEqual(['paid', 'paid', 'pass', 'pass', 'pass', 'pass'])
  expect(await paid()).toBe(2)
})

test('a pass is shown where it is good, and nowhere else', async () => {
  const { text, paid, seen } = await open({
    '/a/:n': { pass, name: 'a' },
    '/b': { name: 'b' },
    '/free': { free: { perDay: 5, by: () => 'me' } },
  })
  expect([await text('/a/1'), await text('/a/2'), await text('/free'), await text('/b')]).toEqual([
    'paid',
    'pass',
    'free',
    'paid',
  ])
  expect(await paid()).toBe(2)
  expect(seen.filter(([path, shown]) => path !== '/a/2' && shown !== undefined)).toEqual([])
})

test('a revoked pass is forgotten, and another one is bought', async () => {
  const { text, seen, instance, paid } = await open({ '/report': { pass } })
  expect([await text('/report'), await text('/report')]).toEqual(['paid', 'pass'])
  await instance.passes.revoke(seen.at(-1)?.[1]?.slice(0, 22) ?? '')
  expect([await text('/report'), await text('/report')]).toEqual(['paid', 'pass'])
  expect(await paid()).toBe(2)
})

test('a handler that fails on a pass answers for itself, and costs no use', async () => {
  const { payer, url, paid } = await open({ '/report': { pass } }, (count) => (count > 1 && count < 5 ? 500 : 200))
  const statuses: number[] = []
  for (let i = 0; i < 6; i++) statuses.push((await payer.fetch(`${url}/report`)).status)
  expect(statuses).toEqual([200, 500, 500, 500, 200, 200])
  expect(await paid()).toBe(1)
})

test('a redirect takes no pass to another origin', async () => {
  const stolen: unknown[] = []
  const thief = await listen((req, res) => {
    stolen.push(req.headers[PASS])
    res.end('thief')
  })
  onTestFinished(thief.close)
  let isMoved = false
  const options = { network: 'nano:devnet', rpc: devnet, payTo: SHOP, price: '0.001', secret: SECRET, pass } as const
  const app = express()
  app.use((_req, res, next) => (isMoved ? res.redirect(307, thief.url) : next()))
  app.use(paywall(options), (_req, res) => void res.send('ok'))
  const shop = await listen(app)
  onTestFinished(shop.close)
  const { payer } = await buyerFor(devnet, { budget: { perRequest: '0.01', perDay: '1' } })
  await payer.fetch(shop.url)
  isMoved = true
  const answer = await payer.fetch(shop.url)
  expect(answer.status).toBe(307)
  expect(stolen).toEqual([])
})
