/** The pages about the deployment, mounted beside the paywall in each framework: open to all, and nothing else is. */
import type express5 from 'express'
import { Hono } from 'hono'
import { createPaywall, type Paywall } from 'nano402'
import * as overExpress from 'nano402/express'
import * as overHono from 'nano402/hono'
import * as overNext from 'nano402/next'
import { memoryStore } from 'nano402/stores/memory'
import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest'
import { expresses, listen, listenFetch } from '../support/frameworks.ts'
import { createWorld, type World } from '../support/world.ts'

let world: World
beforeAll(async () => {
  world = await createWorld()
})
afterAll(() => world.close())

const KEY = 'ab'.repeat(32)
const open = (options: object = {}): Paywall => {
  const paywall = createPaywall({ ...world.options, publicUrl: 'https://shop.example', receipts: KEY, ...options })
  onTestFinished(() => paywall.close({ timeoutMs: 1 }))
  return paywall
}

const mounts: readonly {
  readonly name: string
  readonly serve: (paywall: Paywall) => Promise<{ url: string; close(): Promise<void> }>
}[] = [
  ...expresses.map(({ name, express }) => ({
    name,
    serve: (paywall: Paywall) => {
      const app: ReturnType<typeof express5> = express()
      app.use(overExpress.routes(paywall))
      app.use(overExpress.paywall(paywall, { discovery: { path: '/report' } }))
      app.use((_req, res) => void res.send('paid content'))
      return listen(app)
    },
  })),
  {
    name: 'Hono',
    serve: (paywall) => {
      const app = new Hono()
      app.use(overHono.routes(paywall))
      app.use(overHono.paywall(paywall, { discovery: { path: '/report' } }))
      app.all('*', (c) => c.text('paid content'))
      return listenFetch(app.fetch)
    },
  },
  {
    name: 'Next.js route handler',
    serve: (paywall) => {
      paywall.route({ discovery: { path: '/report' } })
      const self = overNext.routes(paywall)
      const gated = overNext.paywall<object>(paywall, () => new Response('paid content'))
      const isSelf = (path: string) => /^\/(\.well-known|\.nano402|discovery)\//.test(path)
      return listenFetch((request) =>
        isSelf(new URL(request.url).pathname) && request.method === 'GET' ? self(request) : gated(request, {}),
      )
    },
  },
]

describe.each(mounts)('$name', ({ serve }) => {
  test('they are open to all, and everything else is gated', async () => {
    const app = await serve(open())
    onTestFinished(() => app.close())
    const get = async (path: string, init?: RequestInit) => fetch(`${app.url}${path}`, init)
    const list = await get('/.well-known/x402')
    expect([list.status, list.headers.get('content-type'), list.headers.get('access-control-allow-origin')]).toEqual([
      200,
      'application/json; charset=utf-8',
      '*',
    ])
    expect((await list.json()).resources).toEqual(['https://shop.example/report'])
    expect((await (await get('/discovery/resources?limit=5')).json()).pagination).toEqual({
      limit: 5,
      offset: 0,
      total: 1,
    })
    expect((await (await get('/.well-known/jwks.json')).json()).keys).toHaveLength(1)
    const status = await get('/.nano402/status')
    expect([status.status, await status.json()]).toEqual([200, { ok: true, node: true, store: true }])
    for (const path of [
      '/report',
      '/.well-known/x402/',
      '/.well-known/%78402',
      '/x/.well-known/x402',
      '/.nano402/status/x',
      '/__proto__',
    ]) {
      const answer = await get(path)
      expect([path, answer.status === 200 ? await answer.text() : answer.status]).not.toEqual([path, 'paid content'])
    }
    for (const method of ['POST', 'PUT', 'DELETE']) {
      expect([method, (await get('/.well-known/x402', { method })).status]).toEqual([method, 402])
    }
  })
})

describe('the state of a deployment', () => {
  test('is asked of node and store no more often than every five seconds, however many ask', async () => {
    vi.useFakeTimers({ toFake: ['Date'] })
    onTestFinished(() => void vi.useRealTimers())
    const self = open().routes()
    const status = () => self(new Request('https://shop.example/.nano402/status'))
    await status()
    const asked = world.devnet.asked('block_info')
    await Promise.all(Array.from({ length: 100 }, status))
    expect(world.devnet.asked('block_info') - asked).toBe(0)
    vi.setSystemTime(Date.now() + 5_001)
    await status()
    expect(world.devnet.asked('block_info') - asked).toBe(1)
  })

  test('with a node or a store that is down it is 503, and says no more than which', async () => {
    const down = { call: () => Promise.reject(new Error('connect http://10.0.0.7:7076 refused')) }
    const store = { ...memoryStore(), epochMs: () => Promise.reject(new Error('redis://user:secret@host')) }
    const answer = await open({ rpc: down, store }).routes()(new Request('https://shop.example/.nano402/status'))
    expect([answer?.status, await answer?.json()]).toEqual([503, { ok: false, node: false, store: false }])
  })
})

test('the public key is published, and nothing of the private one', async () => {
  const answer = await open().routes()(new Request('https://shop.example/.well-known/jwks.json'))
  const text = (await answer?.text()) ?? ''
  const [key] = JSON.parse(text).keys
  expect(Object.keys(key).sort()).toEqual(['alg', 'crv', 'kid', 'kty', 'use', 'x'])
  expect(text).not.toContain(Buffer.from(KEY, 'hex').toString('base64url'))
})
