/** The examples as a reader starts them: programs of their own, from the built package, on a devnet that listens. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createPayer, type Payer } from 'nano402/client'
import { type ServedDevnet, serveDevnet } from 'nano402/devnet/server'
import { derivePublicKey, publicKeyToAddress } from 'nano402/nano'
import { mechanismContract, storeContract } from 'nano402/testing'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { invoiceMechanism, signOrder } from '../../examples/own-mechanism/mechanism.ts'
import { fileStore } from '../../examples/own-store/store.ts'
import { startChild, startExample } from '../support/child.ts'
import { listen } from '../support/frameworks.ts'
import { disposable } from '../support/wait.ts'
import { challengeOf } from '../support/world.ts'

vi.setConfig({ testTimeout: 60_000 }) // a program takes a while to start where many do

let served: ServedDevnet
let buyer: Awaited<ReturnType<ServedDevnet['devnet']['fundedSeed']>>
let payer: Payer
let directory: string
/** What every example reads from its environment. */
let env: Record<string, string>
/** What the payer last presented. */
let lastProof = ''

beforeAll(async () => {
  served = await serveDevnet({ confirmMs: 20 })
  const seller = await served.devnet.fundedSeed()
  buyer = await served.devnet.fundedSeed()
  directory = await mkdtemp(join(tmpdir(), 'nano402-'))
  env = {
    PORT: '0',
    NANO402_NETWORK: 'nano:devnet',
    NANO402_RPC_URL: served.url,
    NANO402_PAY_TO: seller.account,
    NANO402_SECRET: 'a-secret-of-these-tests-0123456789abcdef',
    CLAIMS_FILE: join(directory, 'claims.jsonl'),
  }
  payer = createPayer({
    seed: buyer.seed,
    network: 'nano:devnet',
    rpc: served.url,
    work: 'cpu',
    budget: { perRequest: '0.01', perDay: '1' },
    fetch: (request) => {
      lastProof = request.headers.get('PAYMENT-SIGNATURE') ?? lastProof
      return fetch(request)
    },
  })
})
afterAll(async () => {
  payer.close()
  await served.close()
  await rm(directory, { recursive: true })
})

/** Starts a server of the examples. */
async function startServer(script: string, environment = env) {
  const child = startExample(script, environment)
  const [, url = ''] = await child.printed(/Listening on (http:\/\/localhost:\d+)/)
  return { url, [Symbol.asyncDispose]: child.stop }
}

const replay = (url: string) => fetch(url, { headers: { 'PAYMENT-SIGNATURE': lastProof } })

describe.each(['express.ts', 'hono.ts', 'node-http.ts'])('examples/%s', (script) => {
  test('sells to examples/pay.ts, gives away what is free, and sells each payment once', async () => {
    await using server = await startServer(`examples/${script}`)
    expect(await (await fetch(`${server.url}/free`)).json()).toEqual({ price: 'nothing' })
    expect((await fetch(`${server.url}/report`)).status).toBe(402)

    await using pay = startExample('examples/pay.ts', { ...env, NANO402_SEED: buyer.seed }, `${server.url}/report`)
    expect(await pay.ended, pay.output()).toBe(0)
    expect(pay.output()).toContain('it costs 0.001 XNO, that is 1000000000000000000000000000 raw')
    expect(pay.output()).toContain(JSON.stringify({ report: 'Sunny.', paidBy: payer.address }))
    expect(pay.output()).toMatch(/receipt +\{"success":true,"transaction":"[0-9A-F]{64}"/)

    const response = await payer.fetch(`${server.url}/report`)
    expect([response.status, await response.json()]).toEqual([200, { report: 'Sunny.', paidBy: payer.address }])
    const again = await replay(`${server.url}/report`)
    expect([again.status, challengeOf(again).error]).toEqual([402, 'payment_already_spent'])
  })
})

test.each(['express.ts', 'hono.ts'])('examples/%s asks to be paid for everything in a folder', async (script) => {
  await using server = await startServer(`examples/${script}`)
  expect((await fetch(`${server.url}/premium/of/nothing`)).status).toBe(402)
  const response = await payer.fetch(`${server.url}/premium/first`)
  expect(await response.json()).toEqual({ name: 'first', paidBy: payer.address })
})

test('examples/dynamic-price.ts charges by query, header and body, and holds each offer to them', async () => {
  await using server = await startServer('examples/dynamic-price.ts')
  const priceOf = async (path: string, init?: RequestInit) => {
    const [offer] = challengeOf(await fetch(server.url + path, init)).accepts
    return BigInt(offer?.amount ?? 0) / 10n ** 25n
  }
  expect(await priceOf('/forecast')).toBe(10n)
  expect(await priceOf('/forecast?days=7')).toBe(70n)
  expect(await priceOf('/image')).toBe(100n)
  expect(await priceOf('/image', { headers: { 'X-Quality': 'best' } })).toBe(500n)
  const order = { method: 'POST', headers: { 'Content-Type': 'text/plain' }, body: 'hello' }
  expect(await priceOf('/translate', order)).toBe(5n)

  const translated = await payer.fetch(`${server.url}/translate`, order)
  expect(await translated.json()).toEqual({ translation: 'HELLO' })
  const forecast = await payer.fetch(`${server.url}/forecast?days=2`)
  expect(await forecast.json()).toEqual({ forecast: ['Sunny.', 'Sunny.'] })
  const dearer = await replay(`${server.url}/forecast?days=14`)
  expect([dearer.status, challengeOf(dearer).error]).toEqual([402, 'resource_mismatch'])
})

test('examples/facilitator.ts takes the payments of a server that has no node, no store and no secret', async () => {
  const token = 'a-token-of-these-tests-0123456789'
  await using facilitator = await startServer('examples/facilitator.ts', {
    ...env,
    NANO402_FACILITATOR_TOKENS: `shop:${token}`,
  })
  const { PORT = '0', NANO402_NETWORK = '', NANO402_PAY_TO = '' } = env
  const through = { NANO402_FACILITATOR: facilitator.url, NANO402_FACILITATOR_TOKEN: token }
  await using server = await startServer('examples/express.ts', { PORT, NANO402_NETWORK, NANO402_PAY_TO, ...through })
  const response = await payer.fetch(`${server.url}/report`)
  expect([response.status, await response.json()]).toEqual([200, { report: 'Sunny.', paidBy: payer.address }])
  const again = await replay(`${server.url}/report`)
  expect([again.status, challengeOf(again).error]).toEqual([402, 'payment_already_spent'])
})

test('examples/paywall.yaml charges for an API that knows nothing of it', async () => {
  await using api = disposable(await listen((req, res) => res.end(`${req.url} for ${req.headers['nano402-payer']}`)))
  const args = ['proxy', '--upstream', api.url, '--config', 'examples/paywall.yaml', '--port', '0']
  await using proxy = startChild(process.execPath, ['dist/node/src/cli/main.js', ...args], { env })
  const [, url] = await proxy.printed(/Proxy at (\S+) /)
  expect(await (await fetch(`${url}/free`)).text()).toBe('/free for undefined')
  const response = await payer.fetch(`${url}/items/7`)
  expect([response.status, await response.text()]).toEqual([200, `/items/7 for ${payer.address}`])
  expect((await replay(`${url}/items/7`)).status).toBe(402)
  expect((await fetch(`${url}/anything`)).status).toBe(404)
})

describe('examples/own-store', () => {
  for (const { name, run } of storeContract(() => fileStore(join(directory, 'contract.jsonl')), {
    otherEntries: 500,
  })) {
    test(name, run)
  }

  test('what was used before the server was killed is used after', async () => {
    {
      await using server = await startServer('examples/own-store/server.ts')
      expect(await (await payer.fetch(`${server.url}/report`)).json()).toEqual({ report: 'Sunny.' })
    }
    await using server = await startServer('examples/own-store/server.ts')
    const again = await replay(`${server.url}/report`)
    expect([again.status, challengeOf(again).error]).toEqual([402, 'payment_already_spent'])
  })
})

describe('examples/own-mechanism', () => {
  const open = async () => {
    const payTo = publicKeyToAddress(derivePublicKey(buyer.privateKey))
    return {
      mechanism: invoiceMechanism({ keys: new Map([['alice', 'her key']]), bill: () => {} }),
      network: 'nano:devnet',
      payTo,
      pay: async (offer: Parameters<typeof signOrder>[0]) => signOrder(offer, 'alice', 'her key'),
      close: async () => {},
    }
  }
  for (const { name, run } of mechanismContract(open)) test(name, run)

  test('one server sells on account and for Nano, and bills only what it served', async () => {
    await using server = await startServer('examples/own-mechanism/server.ts')
    await using order = startExample('examples/own-mechanism/order.ts', env, `${server.url}/report`)
    expect(await order.ended, order.output()).toBe(0)
    expect(order.output()).toContain('200 {"report":"Sunny.","paidBy":"alice","by":"invoice"}')
    await using stranger = startExample(
      'examples/own-mechanism/order.ts',
      { ...env, ALICES_KEY: 'another key' },
      `${server.url}/report`,
    )
    expect(await stranger.ended, stranger.output()).toBe(1)
    const response = await payer.fetch(`${server.url}/report`)
    expect(await response.json()).toEqual({ report: 'Sunny.', paidBy: payer.address, by: 'exact' })
    const bills = (await (await fetch(`${server.url}/bills`)).json()) as Record<string, string>
    expect(Object.entries(bills)).toEqual([['alice', expect.stringMatching(/^0\.001/)]])
  })
})

describe('examples/pay.ts', () => {
  test('says what is missing', async () => {
    await using pay = startExample('examples/pay.ts', {}, 'http://localhost/report')
    expect([await pay.ended, pay.output().trim()]).toEqual([
      1,
      'Failed: Set NANO402_SEED (64 hex digits) and NANO402_RPC_URL (a Nano node).',
    ])
  })

  test('pays no more than it may', async () => {
    await using server = await startServer('examples/hono.ts')
    const frugal = { ...env, NANO402_SEED: buyer.seed, NANO402_BUDGET: '0.0005' }
    await using pay = startExample('examples/pay.ts', frugal, `${server.url}/report`)
    expect(await pay.ended).toBe(1)
    expect(pay.output()).toContain('more than budget.perRequest allows')
  })
})

describe('npm start', () => {
  test('shows a request being paid for, and ends', async () => {
    await using start = startChild('npm', ['start', '--', '--once'])
    expect(await start.ended, start.output()).toBe(0)
    for (const shown of [/402 .*0\.001 XNO/, /block +[0-9A-F]{64}/, /confirmed in \d+ ms/, /200 /, /receipt/]) {
      expect(start.output()).toMatch(shown)
    }
  })

  test('ends with 1 and the reason when the payer may not pay the price', async () => {
    await using start = startChild('npm', ['start', '--', '--once', '--budget', '0.0001'])
    expect(await start.ended, start.output()).toBe(1)
    expect(start.output()).toMatch(/Failed: .*more than budget\.perRequest allows/)
  })
})
