import type { OutgoingHttpHeader } from 'node:http'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { decodeSettlementResponse } from '../../src/x402/headers.ts'
import { expressAnswers, nodeAnswers } from '../support/answers.ts'
import { fetchServers, type NodeHandler, nodeServers } from '../support/frameworks.ts'
import { refusedAtOnce, watch } from '../support/outcome.ts'
import { exchange, type RawAnswer } from '../support/raw.ts'
import { disposable } from '../support/wait.ts'
import { buy, createWorld, type World } from '../support/world.ts'

let world: World
beforeAll(async () => {
  world = await createWorld()
})
afterAll(() => world.close())

/** What a paid answer has that an unguarded one lacks, and what differs from one second to the next. */
const MARKS = ['payment-response', 'cache-control', 'vary', 'access-control-expose-headers', 'date', 'keep-alive']
const unmarked = ({ headers, ...answer }: RawAnswer) => ({
  ...answer,
  headers: Object.fromEntries([...headers].filter(([name]) => !MARKS.includes(name))),
})

describe.each(nodeServers)('L2 over $name', ({ serve, isExpress }) => {
  const ways = Object.entries({ ...nodeAnswers, ...(isExpress ? expressAnswers : {}) })

  test.each(ways)(
    '%s: what leaves is what the handler wrote, marked as paid',
    async (_name, { answer, method = 'GET' }) => {
      await using paid = disposable(await serve(world.options, answer))
      await using twin = disposable(await serve('unguarded', answer))
      const { headers } = await buy(world.buyer, `${paid.url}/report`, { method })
      const lines = [`${method} /report HTTP/1.1`, 'Host: shop', `PAYMENT-SIGNATURE: ${headers['PAYMENT-SIGNATURE']}`]
      const served = await exchange(paid.url, lines)
      expect(unmarked(served)).toEqual(unmarked(await exchange(twin.url, lines)))
      expect(decodeSettlementResponse(served.headers.get('payment-response')?.[0] ?? '')?.success).toBe(true)
      expect(served.headers.get('cache-control')?.[0]).toMatch(/private|no-store/)
      expect(served.headers.get('vary')?.[0]).toContain('PAYMENT-SIGNATURE')
      const spent = method === 'HEAD' ? { status: 402, ran: 0, asked: 0 } : refusedAtOnce(402, 'payment_already_spent')
      expect(await watch(world, paid)(() => exchange(paid.url, lines))).toEqual(spent)
      expect(paid.runs()).toBe(1)
    },
  )

  test.each<[string, OutgoingHttpHeader[]]>([
    ['flat', ['Set-Cookie', 'a=1', 'Set-Cookie', 'b=2']],
    ['of pairs', [['Set-Cookie', 'a=1'] as never, ['Set-Cookie', 'b=2'] as never]],
  ])('writeHead with a list, %s, that names a header twice: both leave', async (_name, list) => {
    const answer: NodeHandler = (_req, res) => res.setHeader('Set-Cookie', 'old').writeHead(200, list).end('content')
    await using app = disposable(await serve(world.options, answer))
    const { headers } = await buy(world.buyer, `${app.url}/report`)
    const served = await fetch(`${app.url}/report`, { headers })
    expect([served.status, served.headers.getSetCookie()]).toEqual([200, ['a=1', 'b=2']])
  })

  const failures = Object.entries<(typeof nodeAnswers)[string]['answer']>({
    'writeHead(500)': (_req, res) => res.writeHead(500).end('failed'),
    'writeHead(400, headers)': (_req, res) => res.writeHead(400, { 'X-Reason': 'bad' }).end('failed'),
    'statusCode = 404': (_req, res) => {
      res.statusCode = 404
      res.end('failed')
    },
    'statusCode = 500, and a body in pieces': (_req, res) => {
      res.statusCode = 500
      res.write('fai')
      res.end('led')
    },
    'a status that was good until writeHead': (_req, res) => {
      res.statusCode = 200
      res.writeHead(503, 'Down').end('failed')
    },
  })
  test.each(failures)('%s costs nothing, and says nothing about payment', async (_name, fail) => {
    let failing = true
    const answer = (...[req, res, next]: Parameters<typeof fail>) =>
      failing ? fail(req, res, next) : res.end('content')
    await using app = disposable(await serve(world.options, answer))
    const { headers } = await buy(world.buyer, `${app.url}/report`)
    const attempt = watch(world, app)
    const failed = await fetch(`${app.url}/report`, { headers })
    expect(await failed.text()).toBe('failed')
    expect(failed.status).toBeGreaterThanOrEqual(400)
    expect(failed.headers.get('payment-response')).toBeNull()
    expect(app.runs()).toBe(1)
    failing = false
    expect(await attempt(() => fetch(`${app.url}/report`, { headers }))).toEqual({ status: 200, ran: 1, asked: 0 })
    expect(await attempt(() => fetch(`${app.url}/report`, { headers }))).toEqual(
      refusedAtOnce(402, 'payment_already_spent'),
    )
  })
})

const html = { 'Content-Type': 'text/html' }
const responses: Readonly<Record<string, () => Response | Promise<Response>>> = {
  text: () => new Response('content', { headers: html }),
  JSON: () => Response.json({ content: true }, { headers: { 'Set-Cookie': 'a=1' } }),
  'no body': () => new Response(null),
  204: () => new Response(null, { status: 204 }),
  304: () => new Response(null, { status: 304, headers: { ETag: '"v1"' } }),
  'a redirect, whose headers cannot be changed': () => Response.redirect('https://example.com/'),
  'a stream': () => new Response(new Blob(['a ', 'b ', 'c']).stream()),
  'a status message': () => new Response('content', { status: 201, statusText: 'Made' }),
}

describe.each(fetchServers)('L2 over $name', ({ serve }) => {
  test.each(Object.entries(responses))(
    '%s: what leaves is what the handler gave, marked as paid',
    async (_name, respond) => {
      await using app = disposable(await serve(world.options, respond))
      const { headers } = await buy(world.buyer, `${app.url}/report`)
      const served = await fetch(`${app.url}/report`, { headers, redirect: 'manual' })
      const expected = await respond()
      expect(served.status).toBe(expected.status)
      for (const [name, value] of expected.headers) expect(served.headers.get(name)).toBe(value)
      expect(await served.text()).toBe(await expected.text())
      expect(decodeSettlementResponse(served.headers.get('payment-response') ?? '')?.success).toBe(true)
      expect(await watch(world, app)(() => fetch(`${app.url}/report`, { headers }))).toEqual(
        refusedAtOnce(402, 'payment_already_spent'),
      )
    },
  )

  test('a Response that came from fetch, whose headers cannot be changed, is marked all the same', async () => {
    await using origin = disposable(
      (await nodeServers[2]?.serve('unguarded', (_req, res) => res.end('from afar'))) as never,
    )
    const { url } = origin as { url: string }
    await using app = disposable(await serve(world.options, () => fetch(url)))
    const { headers } = await buy(world.buyer, `${app.url}/report`)
    const served = await fetch(`${app.url}/report`, { headers })
    expect([served.status, await served.text()]).toEqual([200, 'from afar'])
    expect(served.headers.get('payment-response')).not.toBeNull()
  })

  test.each([400, 404, 500, 503])('%i costs nothing, and says nothing about payment', async (status) => {
    let failing = true
    await using app = disposable(
      await serve(world.options, () => (failing ? new Response('failed', { status }) : new Response('content'))),
    )
    const { headers } = await buy(world.buyer, `${app.url}/report`)
    const failed = await fetch(`${app.url}/report`, { headers })
    expect([failed.status, failed.headers.get('payment-response'), await failed.text()]).toEqual([
      status,
      null,
      'failed',
    ])
    failing = false
    expect((await fetch(`${app.url}/report`, { headers })).status).toBe(200)
    expect(app.runs()).toBe(2)
  })
})
