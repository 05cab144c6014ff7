import { existsSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import express from 'express'
import { createPaywall } from 'nano402'
import { type ServedDevnet, serveDevnet } from 'nano402/devnet/server'
import { paywall } from 'nano402/express'
import { afterAll, beforeAll, beforeEach, describe, expect, onTestFinished, test } from 'vitest'
import { temporaryDirectory } from '../support/stores.ts'
import { freshAccount } from '../support/world.ts'
import { nano402, ran } from './support.ts'

const SECRET = 'sentinel-8f1c2d-of-the-doctor-test-0123456789'
let served: ServedDevnet
let account: string
let env: Record<string, string>
let folder: string
beforeAll(async () => {
  served = await serveDevnet({ port: 0, wsPort: 0, confirmMs: 0 })
  account = (await served.devnet.fundedSeed()).account
})
afterAll(() => served.close())
beforeEach(() => {
  folder = temporaryDirectory()
  env = {
    NANO402_PAY_TO: account,
    NANO402_PRICE: '0.001',
    NANO402_RPC_URL: served.url,
    NANO402_WS_URL: served.wsUrl,
    NANO402_NETWORK: 'nano:devnet',
    NANO402_STORE: `sqlite:${join(folder, 'claims.sqlite')}`,
    NANO402_SECRET: SECRET,
    NANO402_PUBLIC_URL: 'https://api.example.com',
  }
})

/** A server whose routes are given, with a paywall for them. */
async function serverWith(routes: (app: express.Express, gate: express.RequestHandler) => void): Promise<string> {
  const shop = createPaywall({
    network: 'nano:devnet',
    rpc: served.url,
    payTo: account,
    price: '0.001',
    secret: SECRET,
    publicUrl: 'https://api.example.com',
  })
  const app = express()
  routes(app, paywall(shop))
  const server = app.listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  onTestFinished(async () => {
    server.close()
    server.closeAllConnections()
    await shop.close({ timeoutMs: 1 })
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}
const report: express.RequestHandler = (_, response) => void response.send('the report')

interface Told {
  readonly ok: boolean
  readonly checks: readonly { readonly name: string; readonly verdict: string; readonly says: string }[]
}
async function doctor(urls: readonly string[] = [], changed: Readonly<Record<string, string>> = {}) {
  const result = await ran(['doctor', '--json', ...urls], { env: { ...env, ...changed } })
  const told = JSON.parse(result.out) as Told
  expect(result.out + result.err).not.toContain('sentinel')
  const of = (name: string) => told.checks.find((one) => one.name.startsWith(name))
  return { ...result, ...told, of }
}

describe('nano402 doctor', () => {
  test('finds nothing wrong with a good configuration and a guarded route, built and from source, and changes nothing', async () => {
    const url = await serverWith((app, gate) => app.get('/report', gate, report))
    const [built, source] = [
      await nano402(['doctor', '--json', `${url}/report`], { env }),
      await doctor([`${url}/report`]),
    ]
    const withoutTag = (out: string) => out.replace(/0\.001\d+ XNO/, '0.001 XNO')
    expect(built).toMatchObject({ status: 0, err: '' })
    expect(withoutTag(built.out)).toBe(withoutTag(source.out))
    expect(source).toMatchObject({ status: 0, ok: true })
    expect(source.checks.map(({ name, verdict }) => `${name.replace(url, '')} ${verdict}`)).toEqual([
      'account ok',
      'price ok',
      'publicUrl ok',
      'node ok',
      'node: account ok',
      'websocket ok',
      'secret ok',
      'store ok',
      'GET /report ok',
      'HEAD /report ok',
      'OPTIONS /report ok',
      'forged payment /report ok',
      'spellings /report ok',
    ])
    expect(existsSync(join(folder, 'claims.sqlite'))).toBe(false)
  })

  test('prints a line for each check', async () => {
    const { status, out, err } = await ran(['doctor'], { env: { ...env, NANO402_STORE: 'memory' } })
    expect(status).toBe(3)
    expect(out).toMatch(new RegExp(`^ok {7}account: ${account}\\n`))
    expect(out).toMatch(
      /^failed {3}store: In memory: it forgets at every start which payments were used; set NANO402_STORE/m,
    )
    expect(err).toMatch(/^No route was probed/)
    const watched = await ran(['doctor'], { env, tty: true })
    expect(watched.out).toContain('\u001b[32mok     \u001b[39m')
  })

  test.each([
    ['account', { NANO402_PAY_TO: '' }, 'failed', /set NANO402_PAY_TO/],
    ['account', { NANO402_PAY_TO: 'nano_1' }, 'failed', /is no Nano account/],
    ['node: account', { NANO402_PAY_TO: freshAccount() }, 'warning', /^Not opened\./],
    ['price', { NANO402_PRICE: '$1' }, 'failed', /is no price/],
    ['price', { NANO402_PRICE: '' }, 'skipped', /each route has to have/],
    ['node', { NANO402_RPC_URL: '' }, 'failed', /set NANO402_RPC_URL/],
    ['node', { NANO402_RPC_URL: 'http://sentinel:sentinel@127.0.0.1:1/sentinel' }, 'failed', /gave no usable answer/],
    ['node', { NANO402_NETWORK: 'nano:mainnet' }, 'failed', /does not belong to nano:mainnet/],
    ['websocket', { NANO402_WS_URL: '' }, 'skipped', /confirmations are asked for instead/],
    ['websocket', { NANO402_WS_URL: 'http://x' }, 'failed', /no ws:\/\//],
    ['secret', { NANO402_SECRET: '' }, 'failed', /Make one with: openssl rand -hex 32/],
    ['secret', { NANO402_SECRET: 'short-sentinel' }, 'failed', /at least 32 bytes/],
    ['secret', { NANO402_SECRET: `${SECRET},${'a'.repeat(40)}` }, 'failed', /is a placeholder/],
    ['secret', { NANO402_SECRET: `${SECRET},${SECRET}` }, 'warning', /twice/],
    ['store', { NANO402_STORE: '' }, 'failed', /set NANO402_STORE/],
    ['store', { NANO402_STORE: 'sqlite:/no/such/folder/x' }, 'failed', /no such file or directory/],
    ['store', { NANO402_STORE: 'postgres://sentinel' }, 'failed', /is none of/],
    ['publicUrl', { NANO402_PUBLIC_URL: '' }, 'warning', /will name the path alone/],
    ['publicUrl', { NANO402_PUBLIC_URL: 'api.example.com' }, 'failed', /no origin/],
    ['publicUrl', { NANO402_PUBLIC_URL: 'http://api.example.com' }, 'warning', /not https/],
    ['secret', { NANO402_FACILITATOR: 'https://facilitator.example' }, 'skipped', /a facilitator has it/],
    [
      'store',
      { NANO402_FACILITATOR: 'https://facilitator.example', NANO402_STORE: 'sqlite:/no/such/folder/x' },
      'failed',
      /no such file/,
    ],
  ])('%s with %j is %s', async (name, changed, verdict, says) => {
    const told = await doctor([], changed)
    expect(told.of(name)).toEqual({ name, verdict, says: expect.stringMatching(says) })
    expect(told.status).toBe(told.checks.some((one) => one.verdict === 'failed') ? 3 : 0)
    if (verdict === 'failed') expect(told.status).toBe(3)
  })

  test('looks at each account of a pool: whether it is one, is there once, and is opened', async () => {
    const url = await serverWith((app, gate) => app.get('/report', gate, report))
    const fresh = freshAccount()
    const good = await doctor([`${url}/report`], { NANO402_PAY_TO: `${fresh}, ${account}` })
    const verdicts = ({ checks }: typeof good) =>
      checks.flatMap(({ name, verdict }) => (name.includes('account') ? [`${name} ${verdict}`] : []))
    expect(verdicts(good)).toEqual(['account 1 ok', 'account 2 ok', 'node: account 1 warning', 'node: account 2 ok'])
    expect(good.of('GET')).toMatchObject({ verdict: 'ok' })
    const bad = await doctor([], { NANO402_PAY_TO: `${account},nano_1,${account.replace('nano_', 'xrb_')}` })
    expect(verdicts(bad).slice(0, 3)).toEqual(['account 1 ok', 'account 2 failed', 'account 3 failed'])
    expect(bad.of('account 3')?.says).toMatch(/is there twice/)
  })

  test('looks at each node for itself, and tells one that is behind the others', async () => {
    served.devnet.faults.lie = (action, answer) =>
      action === 'telemetry' ? { ...answer, cemented_count: '9000000' } : answer
    const { of } = await doctor([], { NANO402_RPC_URL: `${served.url},http://127.0.0.1:1` })
    served.devnet.faults.lie = undefined
    expect(of('node 1')).toMatchObject({
      verdict: 'failed',
      says: expect.stringMatching(/^Not in sync: \d+ of 9000000 blocks/),
    })
    expect(of('node 2')).toMatchObject({ verdict: 'failed', says: expect.stringContaining('no usable answer') })
  })

  test('finds a durable store that is there', async () => {
    const shop = createPaywall({
      ...{ network: 'nano:devnet', rpc: served.url, payTo: account, price: '1' },
      secret: SECRET,
      store: env.NANO402_STORE ?? '',
    })
    await shop.health()
    await shop.close()
    expect((await doctor()).of('store')).toMatchObject({
      verdict: 'ok',
      says: expect.stringMatching(/^durable, remembers since 20/),
    })
  })

  test.each([
    [
      'GET',
      'a route without a paywall',
      '/report',
      (app: express.Express) => app.get('/report', report),
      /no paywall is in front/,
    ],
    ['GET', 'a route that is not there', '/nothing', () => {}, /Answered 404, not 402/],
    [
      'HEAD',
      'a HEAD beside the paywall',
      '/report',
      (app: express.Express, gate: express.RequestHandler) => app.head('/report', report).get('/report', gate, report),
      /without a payment/,
    ],
    [
      'OPTIONS',
      'an OPTIONS that serves',
      '/report',
      (app: express.Express, gate: express.RequestHandler) =>
        app.options('/report', report).get('/report', gate, report),
      /with content, without a payment/,
    ],
    [
      'spellings',
      'a gate that compares paths by text',
      '/report',
      (app: express.Express, gate: express.RequestHandler) =>
        app
          .use((request, response, next) => (request.path === '/report' ? gate(request, response, next) : next()))
          .get('/report', report),
      /Answered without a payment: .*\/REPORT/,
    ],
    [
      'forged payment',
      'a gate that takes any proof',
      '/report',
      (app: express.Express, gate: express.RequestHandler) =>
        app.get(
          '/report',
          (request, response, next) => (request.headers['payment-signature'] ? next() : gate(request, response, next)),
          report,
        ),
      /without a payment/,
    ],
  ])('%s fails for %s', async (name, _, path, routes, says) => {
    const url = await serverWith((app, gate) => void routes(app, gate))
    const told = await doctor([url + path])
    expect(told.of(`${name} http`)).toMatchObject({ verdict: 'failed', says: expect.stringMatching(says) })
    expect(told.status).toBe(3)
  })

  test('a page that answers every path is no leak, and a bill for another account is told', async () => {
    const url = await serverWith((app, gate) =>
      app.get('/report', gate, report).use((_, response) => void response.send('hello')),
    )
    expect((await doctor([`${url}/report`])).of('spellings')).toMatchObject({ verdict: 'ok' })
    const other = await doctor([`${url}/report`], { NANO402_PAY_TO: freshAccount() })
    expect(other.of('GET')).toMatchObject({ verdict: 'warning', says: expect.stringContaining('another account') })
    const elsewhere = await doctor([`${url}/report`], { NANO402_PUBLIC_URL: 'https://other.example.com' })
    expect(elsewhere.of('GET')).toMatchObject({
      verdict: 'warning',
      says: expect.stringContaining('not at NANO402_PUBLIC_URL'),
    })
  })

  test('a server that is not there is a failed check, and a wrong URL ends with 2', async () => {
    expect((await doctor(['http://127.0.0.1:59/report'])).of('GET')).toMatchObject({
      verdict: 'failed',
      says: expect.stringContaining('ECONNREFUSED'),
    })
    expect(await ran(['doctor', 'ftp://x'], { env })).toMatchObject({ status: 2 })
  })
})
