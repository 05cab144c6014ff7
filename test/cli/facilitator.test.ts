/** `nano402 facilitator`, with a paywall that has nothing but its URL and a token. */
import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import { serveDevnet } from 'nano402/devnet/server'
import { expect, test } from 'vitest'
import { exchange } from '../support/raw.ts'
import { openShop, purchase } from '../support/shop.ts'
import { disposable } from '../support/wait.ts'
import { createWorld, SECRET } from '../support/world.ts'
import { ran, start } from './support.ts'

const TOKEN = 'a-token-of-the-shop-0123456789'
const NETWORK = ['--network', 'nano:devnet', '--port', '0']

test('it makes offers and takes payments for a paywall that shows a token, and ends on a signal', async () => {
  await using served = disposable(await serveDevnet({ confirmMs: 0 }))
  const world = await createWorld({ devnet: served.devnet })
  const env = { NANO402_SECRET: SECRET, NANO402_FACILITATOR_TOKENS: `shop:${TOKEN}` }
  const facilitator = start(['facilitator', ...NETWORK, '--rpc', served.url, '--json'], { env })
  const [line] = await facilitator.printed(/.*\n/)
  const { url, network } = JSON.parse(line)
  expect(network).toBe('nano:devnet')

  const { payTo, price } = world.options
  const shop = openShop({ network, payTo, price, facilitator: { url, token: TOKEN } })
  const { headers } = await purchase(shop, world.buyer)
  expect((await shop.ask(headers)).status).toBe(200)
  expect((await openShop({ network, payTo, price, facilitator: url }).ask()).status).toBe(503)

  const authorization = `Bearer ${TOKEN}`
  const metrics = await (await fetch(`${url}/metrics`, { headers: { authorization } })).text()
  expect(metrics).toContain('nano402_claims_total{route="shop",mechanism="exact"} 1')
  expect(await (await fetch(`${url}/health`)).json()).toMatchObject({ node: { ok: true }, store: { ok: true } })
  facilitator.interrupt()
  expect(await facilitator.ended).toMatchObject({ status: 0, err: '' })
})

test('it says how dangerous it is without tokens, and answers nonsense with 400', async () => {
  const facilitator = start(['facilitator', ...NETWORK, '--mechanism', 'session', 'signed-block', '--json'])
  const [line] = await facilitator.printed(/\{.*\n/)
  const { url } = JSON.parse(line)
  expect(facilitator.err()).toContain('No NANO402_FACILITATOR_TOKENS')
  for (const request of ['GET //[ HTTP/1.1', 'TRACE /settle HTTP/1.1']) {
    expect([400, 404]).toContain((await exchange(url, [request, 'Host: x', 'Connection: close'])).status)
  }
  const init = { method: 'POST', body: 'x'.repeat(5_000_000), headers: { 'content-type': 'application/json' } }
  const big = await fetch(`${url}/settle`, init).catch(() => 'cut off')
  expect(typeof big === 'string' || big.status === 413).toBe(true)
  expect((await fetch(`${url}/supported`)).status).toBe(200)
  facilitator.interrupt()
  expect((await facilitator.ended).status).toBe(0)
})

test.each([
  ['tokens that are none', { NANO402_FACILITATOR_TOKENS: 'token' }, 'name:token'],
  ['a token that can be guessed', { NANO402_FACILITATOR_TOKENS: 'shop:short' }, 'at least 16 characters'],
  ['no tokens in production', { NODE_ENV: 'production', NANO402_SECRET: SECRET }, 'sell in your name'],
])('%s end it with 2 and one sentence', async (_, env, sentence) => {
  const store = ['--store', 'sqlite::memory:', '--rpc', 'http://127.0.0.1:1']
  const { status, err } = await ran(['facilitator', ...NETWORK, ...store], { env })
  expect({ status, err }).toEqual({ status: 2, err: expect.stringContaining(sentence) })
})

test('a port that is taken ends it with 2 and one sentence', async () => {
  const taken = createServer().listen(0, '127.0.0.1')
  await once(taken, 'listening')
  const { port } = taken.address() as AddressInfo
  const { status, err } = await ran(['facilitator', '--network', 'nano:devnet', '--port', String(port)])
  taken.close()
  expect({ status, err }).toEqual({ status: 2, err: expect.stringMatching(/cannot listen: .*EADDRINUSE/) })
})
