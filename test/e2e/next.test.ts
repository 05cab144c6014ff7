/** examples/next, a real Next.js application with a lock of its own: built without any environment, started, and paid. */
import { existsSync } from 'node:fs'
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createPayer, type Payer } from 'nano402/client'
import { type ServedDevnet, serveDevnet } from 'nano402/devnet/server'
import { derivePrivateKey, parseXno } from 'nano402/nano'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { TEXTS } from '../../src/page/texts.ts'
import { INTERNAL_HEADERS } from '../attack/list/disguises.ts'
import { asked, CHROMIUM, openBrowser, says } from '../page/visit.ts'
import { type Child, ROOT, startChild } from '../support/child.ts'
import { installOnce } from '../support/registry.ts'
import { buy, challengeOf, createPurse, offerOf, type Purse, proofHeader } from '../support/world.ts'

vi.setConfig({ testTimeout: 60_000, hookTimeout: 180_000 })

const APP = join(ROOT, 'examples/next')
const isInstalled = await installOnce('examples/next')

const next = (args: readonly string[], env: Readonly<Record<string, string>> = {}): Child =>
  startChild(process.execPath, ['node_modules/next/dist/bin/next', ...args], {
    cwd: APP,
    env: { ...env, NEXT_TELEMETRY_DISABLED: '1' },
  })

/** Starts the built application on a free port. */
async function startApp(env: Readonly<Record<string, string>>) {
  const app = next(['start', '-H', '127.0.0.1', '-p', '0'], env)
  const [, url = ''] = await app.printed(/Local: +(http:\/\/127\.0\.0\.1:\d+)[\s\S]*Ready/)
  return { app, url, [Symbol.asyncDispose]: app.stop }
}

const ROUTES = [
  { name: 'the edge runtime', path: '/report', says: { report: 'Made at the edge.' } },
  {
    name: 'the nodejs runtime, configured by the environment alone',
    path: '/quote',
    says: { bid: '1.01', ask: '1.02' },
  },
  { name: 'a dynamic route', path: '/items/7', says: { item: '7' } },
  { name: 'a POST', path: '/translate', says: { translation: 'HELLO' }, init: { method: 'POST', body: 'hello' } },
] as const satisfies readonly { name: string; path: string; says: object; init?: RequestInit }[]

const initOf = (route: (typeof ROUTES)[number]): RequestInit => ('init' in route ? route.init : {})

describe.skipIf(!isInstalled)('examples/next', () => {
  let built: { readonly status: number | null; readonly output: string }
  let served: ServedDevnet
  let shop: Awaited<ReturnType<typeof startApp>>
  let payer: Payer
  let buyer: Purse
  let directory: string

  beforeAll(async () => {
    const building = next(['build'])
    built = { status: await building.ended, output: building.output() }
    if (built.status !== 0) throw new Error(`next build failed:\n${built.output}`)

    served = await serveDevnet({ confirmMs: 20 })
    const [seller, one, other] = [
      await served.devnet.fundedSeed(),
      await served.devnet.fundedSeed(),
      await served.devnet.fundedSeed(),
    ]
    buyer = createPurse(served.devnet, derivePrivateKey(one.seed, 0), one.account)
    const network = { network: 'nano:devnet', rpc: served.url } as const
    payer = createPayer({ ...network, seed: other.seed, work: 'cpu', budget: { perRequest: '0.01', perDay: '1' } })
    directory = await mkdtemp(join(tmpdir(), 'nano402-'))
    shop = await startApp({
      NANO402_NETWORK: 'nano:devnet',
      NANO402_RPC_URL: served.url,
      POCKET_RPC_URL: served.url,
      NANO402_PAY_TO: seller.account,
      NANO402_PRICE: '0.001',
      NANO402_STORE: `sqlite:${join(directory, 'claims.sqlite')}`,
      NANO402_SECRET: 'a-secret-of-the-next-tests-0123456789abcdef',
    })
  })
  afterAll(async () => {
    payer?.close()
    await shop?.app.stop()
    await served?.close()
    if (directory) await rm(directory, { recursive: true })
  })

  test('is built without any environment, as next build imports every route', () => {
    expect(built.output).toMatch(/\/items\/\[id\][\s\S]*\/quote[\s\S]*\/report[\s\S]*\/translate/)
  })

  test('without any environment it answers with an error that names what is missing in the log, and with no content', async () => {
    await using bare = await startApp({})
    for (const path of ['/report', '/quote']) {
      const response = await fetch(bare.url + path)
      expect([response.status, await response.text()]).toEqual([500, expect.not.stringContaining('paidBy')])
    }
    expect(bare.app.output()).toContain('NANO402_RPC_URL')
    expect((await fetch(`${bare.url}/free`)).status).toBe(200)
  })

  test('gives away what is free', async () => {
    expect(await (await fetch(`${shop.url}/free`)).json()).toEqual({ price: 'nothing' })
    expect(await (await fetch(shop.url)).text()).toContain('costs nothing')
  })

  test.runIf(process.env.CI || existsSync(CHROMIUM))(
    'in a browser, a person buys the guide on a page, and the page a quote out of its pocket',
    async () => {
      const browser = await openBrowser()
      try {
        const page = await browser.newPage()
        const picture = (name: string) => page.screenshot({ path: join(ROOT, 'test-artifacts/next', `${name}.png`) })
        await page.goto(shop.url)
        await page.getByRole('link', { name: 'The guide' }).click()
        await says(page, TEXTS.waiting)
        await picture('1-guide')
        const { payTo, amount } = await asked(page)
        await buyer.send(payTo, amount)
        await page.getByText('Turn left').waitFor()
        await picture('2-bought')

        await page.goto(shop.url)
        const pocket = await page.locator('#pocket', { hasText: /^nano_/ }).innerText()
        await page.getByRole('button', { name: 'Buy a quote' }).click()
        await page.getByText(/send XNO to it/).waitFor()
        await picture('3-empty-pocket')
        await served.devnet.faucet(pocket, parseXno('0.01'))
        await page.getByRole('button', { name: 'Buy a quote' }).click()
        await page.getByText('Bid 1.01, ask 1.02.').waitFor()
        await picture('4-quote')
      } finally {
        await browser.close()
      }
    },
  )

  describe.each(ROUTES)('$name', (route) => {
    const init = initOf(route)

    test('is paid for, and served', async () => {
      const url = shop.url + route.path
      expect((await fetch(url, init)).status).toBe(402)
      const response = await payer.fetch(url, init)
      expect([response.status, await response.json()]).toEqual([200, { ...route.says, paidBy: payer.address }])
      expect(response.headers.get('cache-control')).toBe('private')
    })

    test('serves a payment once, however often and at once it is presented', async () => {
      const url = shop.url + route.path
      const { headers } = await buy(buyer, url, init)
      const answers = await Promise.all(Array.from({ length: 20 }, () => fetch(url, { ...init, headers })))
      const statuses = answers.map(({ status }) => status)
      expect(statuses.filter((status) => status === 200)).toHaveLength(1)
      expect(statuses.filter((status) => ![200, 402, 409].includes(status))).toEqual([])
      const again = await fetch(url, { ...init, headers })
      expect([again.status, challengeOf(again).error]).toEqual([402, 'payment_already_spent'])
    })

    test('is not had by a header that Next.js uses within itself', async () => {
      for (const [name, value] of INTERNAL_HEADERS) {
        for (const query of ['', '?_rsc=1a2b3', '?x=1']) {
          const response = await fetch(shop.url + route.path + query, { ...init, headers: { [name]: value } })
          const body = await response.text()
          // To this one Next.js may answer by itself, with nothing.
          if (name === 'x-middleware-prefetch' && response.status === 200) expect(body).toBe('{}')
          else expect([name, response.status, body.includes('paidBy')]).toEqual([name, 402, false])
        }
      }
    })
  })

  test.each(['/report', '/quote'])('HEAD %s is paid for like GET', async (path) => {
    const url = shop.url + path
    const head = await fetch(url, { method: 'HEAD' })
    expect([head.status, await head.text()]).toEqual([402, ''])
    const headers = proofHeader(offerOf(head), await buyer.pay(offerOf(head)))
    expect((await fetch(url, { headers })).status).toBe(402)
    const paid = await fetch(url, { method: 'HEAD', headers })
    expect([paid.status, await paid.text()]).toEqual([200, ''])
  })

  test('one item does not pay for another', async () => {
    const { headers } = await buy(buyer, `${shop.url}/items/1`)
    const other = await fetch(`${shop.url}/items/2`, { headers })
    expect([other.status, challengeOf(other).error]).toEqual([402, 'resource_mismatch'])
    expect(await (await fetch(`${shop.url}/items/1`, { headers })).json()).toMatchObject({ item: '1' })
  })

  test('no other spelling of a route has its content', async () => {
    for (const path of [
      '/quote.rsc',
      '/quote.txt',
      '/quote.json',
      '/_next/data/build/quote.json',
      '/%71uote',
      '/QUOTE',
    ]) {
      const response = await fetch(shop.url + path)
      expect([path, response.status, (await response.text()).includes('paidBy')]).toEqual([path, 404, false])
    }
    for (const path of ['//quote', '/quote/', '/./quote']) {
      expect([path, (await fetch(shop.url + path)).status]).toEqual([path, 402])
    }
  })

  test('what runs at the edge needs nothing of Node but what Next.js itself brings there', async () => {
    const folder = join(APP, '.next/server/edge/chunks')
    const files = await readdir(folder)
    const read = async (suffix: string) =>
      (
        await Promise.all(
          files.filter((file) => file.endsWith(suffix)).map((file) => readFile(join(folder, file), 'utf8')),
        )
      ).join('\n')
    const code = await read('.js')
    const outside = [...code.matchAll(/\b(?:require|import|from)\s*\(?\s*["']([\w@][\w:@/.-]*)["']/g)].map(
      ([, name]) => name,
    )
    expect([...new Set(outside)].sort()).toEqual(['node:async_hooks', 'node:buffer'])
    const maps = await read('.js.map')
    expect(maps).toMatch(/dist\/web\/[\w/-]+\.js|src\/announce\.web\.ts/)
    expect(maps).not.toMatch(/dist\/node\/|src\/[\w/-]+\.node\.ts|node_modules\/ws\//)
  })
})
