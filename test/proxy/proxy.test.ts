import { once } from 'node:events'
import type { IncomingMessage } from 'node:http'
import { text } from 'node:stream/consumers'
import { gzipSync } from 'node:zlib'
import type { RequestView } from 'nano402'
import { createPayer } from 'nano402/client'
import { createProxy } from 'nano402/proxy'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { WebSocket, WebSocketServer } from 'ws'
import { connectTo, exchange } from '../support/raw.ts'
import { gate, until } from '../support/wait.ts'
import { buy, createWorld, type World } from '../support/world.ts'
import { openProxy, openUpstream, ROUTES } from './support.ts'

let world: World
beforeAll(async () => {
  world = await createWorld()
})
afterAll(() => world.close())

const lines = (headers: Readonly<Record<string, string>>) =>
  Object.entries(headers).map(([name, value]) => `${name}: ${value}`)

describe('what has a price', () => {
  test('is asked for it, and sent on once it is paid; what is free is sent on, and what is not named is not', async () => {
    const upstream = await openUpstream()
    const { url } = await openProxy(world, upstream.url)
    expect(await (await fetch(`${url}/free/a?b=c`)).text()).toBe('GET /free/a?b=c')
    const { headers } = await buy(world.buyer, `${url}/report?day=1`)
    const paid = await fetch(`${url}/report?day=1`, { headers })
    expect([paid.status, await paid.text()]).toEqual([200, 'GET /report?day=1'])
    expect(paid.headers.get('payment-response')).not.toBeNull()
    expect((await fetch(`${url}/report?day=1`, { headers })).status).toBe(402)
    const nothing = await fetch(`${url}/nothing`)
    expect([nothing.status, (await nothing.json()).error]).toEqual([404, 'not_found'])
    expect(upstream.asked()).toEqual(['GET /free/a?b=c', 'GET /report?day=1'])
  })

  test('is bought by our payer, with a body, of an upstream that has a path of its own', async () => {
    const upstream = await openUpstream(async (req, res) => res.end(`got ${await text(req)}`))
    const { url } = await openProxy(world, `${upstream.url}/base/`)
    const { seed } = await world.devnet.fundedSeed()
    const payer = createPayer({
      seed,
      network: 'nano:devnet',
      rpc: world.devnet,
      work: 'cpu',
      budget: { perRequest: '0.01', total: '1' },
    })
    onTestFinished(() => payer.close())
    const response = await payer.fetch(`${url}/paid/orders`, { method: 'POST', body: 'tea' })
    expect([response.status, await response.text()]).toEqual([200, 'got tea'])
    expect(upstream.asked()).toEqual(['POST /base/paid/orders'])
    expect(upstream.seen[0]?.headers['nano402-payer']).toBe(payer.address)
  })

  test('is not paid when the upstream fails, and is paid whatever below 400 it answers', async () => {
    let status = 500
    const upstream = await openUpstream((_req, res) => (status === 0 ? res.destroy() : res.writeHead(status).end()))
    const { url } = await openProxy(world, upstream.url, { attempts: 10 })
    const { headers } = await buy(world.buyer, `${url}/report`)
    for (status of [500, 404, 0]) {
      const answer = await fetch(`${url}/report`, { headers })
      expect([answer.status, answer.headers.get('payment-response')]).toEqual([status || 502, null])
    }
    status = 304
    expect((await fetch(`${url}/report`, { headers })).status).toBe(304)
    expect((await fetch(`${url}/report`, { headers })).status).toBe(402)
  })

  test('is shown as a page where a browser asks, if the proxy has pages', async () => {
    const upstream = await openUpstream()
    const { url } = await openProxy(world, upstream.url, { page: { title: 'The Example Review' } })
    const page = await fetch(`${url}/report`, { headers: { Accept: 'text/html' } })
    expect([page.status, await page.text()]).toEqual([402, expect.stringContaining('The Example Review')])
  })
})

describe('an answer', () => {
  test('arrives as it was sent: status, headers with their letters and order, and every byte', async () => {
    const body = gzipSync('content '.repeat(1_000))
    const upstream = await openUpstream((_req, res) => {
      const headers = [
        'X-Cased',
        '1',
        'Set-Cookie',
        'a=1',
        'set-cookie',
        'b=2',
        'Link',
        '<a>',
        'Link',
        '<b>',
        'X-Latin',
        'caf\u00e9',
      ]
      const more = [
        'Content-Encoding',
        'gzip',
        'Content-Length',
        String(body.length),
        'ETag',
        '"1"',
        'Date',
        'Sat, 21 Nov 2026 00:00:00 GMT',
      ]
      res.writeHead(203, 'As You Like', [...headers, ...more])
      res.end(body)
    })
    const { url } = await openProxy(world, upstream.url)
    const answer = await exchange(url, ['GET /free HTTP/1.1', 'Host: x', 'Accept-Encoding: gzip'])
    expect([answer.status, answer.message]).toEqual([203, 'As You Like'])
    expect(Buffer.from(answer.body, 'latin1').equals(body)).toBe(true)
    expect(Object.fromEntries(answer.headers)).toEqual({
      ...{
        'x-cased': ['1'],
        'set-cookie': ['a=1', 'b=2'],
        link: ['<a>', '<b>'],
        'x-latin': ['caf\u00e9'],
        etag: ['"1"'],
      },
      ...{
        'content-encoding': ['gzip'],
        'content-length': [String(body.length)],
        date: ['Sat, 21 Nov 2026 00:00:00 GMT'],
      },
      ...{ connection: ['keep-alive'], 'keep-alive': ['timeout=65'] },
    })
    const { headers } = await buy(world.buyer, `${url}/report`)
    const paid = await exchange(url, ['GET /report HTTP/1.1', 'Host: x', ...lines(headers)])
    expect(Buffer.from(paid.body, 'latin1').equals(body)).toBe(true)
    expect(paid.headers.get('set-cookie')).toEqual(['a=1', 'b=2'])
  })

  test.each([
    ['HEAD', 200, { 'Content-Length': '7' }],
    ['GET', 204, {}],
    ['GET', 304, { ETag: '"1"' }],
    ['POST', 205, { 'Content-Length': '0' }],
  ])('to %s of %s has no body, and the connection is good for the next', async (method, status, headers) => {
    const upstream = await openUpstream((_req, res) => res.writeHead(status, headers).end())
    const { url } = await openProxy(world, upstream.url)
    const connection = await connectTo(url)
    for (let i = 0; i < 2; i++) {
      connection.send([`${method} /free HTTP/1.1`, 'Host: x', 'Content-Length: 0'])
      const answer = await connection.next({ head: method === 'HEAD' })
      expect([answer.status, answer.body]).toEqual([status, ''])
      for (const [name, value] of Object.entries(headers))
        expect(answer.headers.get(name.toLowerCase())).toEqual([value])
    }
    connection.close()
  })

  test('to a client of HTTP/1.0 ends with its connection', async () => {
    const upstream = await openUpstream((_req, res) => {
      res.write('in ')
      res.end('chunks')
    })
    const { url } = await openProxy(world, upstream.url)
    const answer = await exchange(url, ['GET /free HTTP/1.0'])
    expect([answer.body, answer.headers.get('transfer-encoding')]).toEqual(['in chunks', undefined])
  })

  test('of events arrives one by one, and a reader that leaves is left', async () => {
    const left = gate()
    const upstream = await openUpstream((_req, res) => {
      res.writeHead(200, { 'Content-Type': 'text/event-stream' }).write('data: 1\n\n')
      res.on('close', left.open)
    })
    const { url } = await openProxy(world, upstream.url)
    const { headers } = await buy(world.buyer, `${url}/report`)
    const client = new AbortController()
    const response = await fetch(`${url}/report`, { headers, signal: client.signal })
    const { value } = await (response.body as ReadableStream<Uint8Array>).getReader().read()
    expect(new TextDecoder().decode(value)).toBe('data: 1\n\n')
    client.abort()
    await left.promise
  })

  test('is read from the upstream no faster than its client reads', async () => {
    let written = 0
    const stalled = gate()
    const upstream = await openUpstream((_req, res) => {
      const chunk = Buffer.alloc(1 << 20)
      const write = () => {
        for (let more = true; more && written < 200; written++) more = res.write(chunk)
        setTimeout(stalled.open, 100) // nothing has drained for so long
      }
      res.on('drain', write)
      write()
    })
    const { url } = await openProxy(world, upstream.url)
    const connection = await connectTo(url)
    connection.socket.pause()
    connection.send(['GET /free HTTP/1.1', 'Host: x'])
    await stalled.promise
    expect(written).toBeLessThan(50)
    connection.close()
  })
})

describe('a request', () => {
  test('is streamed: its beginning is there before its end', async () => {
    const first = gate<string>()
    const upstream = await openUpstream(async (req, res) => {
      const [chunk] = (await once(req, 'data')) as [Buffer]
      first.open(String(chunk))
      req.resume().on('end', () => res.end('done'))
    })
    const { url } = await openProxy(world, upstream.url)
    const connection = await connectTo(url)
    connection.send(['POST /free HTTP/1.1', 'Host: x', 'Content-Length: 10'], 'first')
    expect(await first.promise).toBe('first')
    connection.socket.write('later')
    expect((await connection.next()).body).toBe('done')
    connection.close()
  })

  test('that waits to be told so sends its body when it is paid for, and not before', async () => {
    const upstream = await openUpstream(async (req, res) => res.end(await text(req)))
    const { url } = await openProxy(world, upstream.url)
    const head = ['POST /report HTTP/1.1', 'Host: x', 'Content-Length: 4', 'Expect: 100-continue']
    const unpaid = await connectTo(url)
    unpaid.send(head)
    expect((await unpaid.next()).status).toBe(402)
    await unpaid.ended // nobody knows whether the body will come
    const { headers } = await buy(world.buyer, `${url}/report`, { method: 'POST' })
    const paid = await connectTo(url)
    paid.send([...head, ...lines(headers)])
    await until(() => paid.pending() === 'HTTP/1.1 100 Continue\r\n\r\n')
    paid.socket.write('body')
    expect((await paid.next()).body).toBe('body')
    paid.close()
  })
})

test('a price that reads the body has a client that waits send it', async () => {
  const upstream = await openUpstream(async (req, res) => res.end(await text(req)))
  const price = async (request: RequestView) => ((await request.text()) === 'body' ? '0.001' : '1')
  const { url } = await openProxy(world, upstream.url, { routes: [{ path: '/a', price, priceBodyLimit: 10 }] })
  const { headers } = await buy(world.buyer, `${url}/a`, { method: 'POST', body: 'body' })
  const head = ['POST /a HTTP/1.1', 'Host: x', 'Content-Length: 4', 'Expect: 100-continue']
  const connection = await connectTo(url)
  connection.send([...head, ...lines(headers)])
  await until(() => connection.pending() === 'HTTP/1.1 100 Continue\r\n\r\n')
  connection.socket.write('body')
  const { status, body } = await connection.next()
  expect([status, body]).toEqual([200, 'body'])
  connection.close()
})

test('websockets go through where they are free, and where they are paid for', async () => {
  const upstream = await openUpstream()
  const sockets = new WebSocketServer({ server: upstream.server })
  sockets.on('connection', (socket, req: IncomingMessage) => {
    socket.on('message', (data) => socket.send(`${req.headers['nano402-payer'] ?? 'nobody'} said ${data}`))
  })
  const { url } = await openProxy(world, upstream.url)
  const talk = async (path: string, headers = {}) => {
    const socket = new WebSocket(`${url.replace('http', 'ws')}${path}`, { headers })
    await once(socket, 'open')
    socket.send('hello')
    const [answer] = await once(socket, 'message')
    socket.close()
    await once(socket, 'close')
    return String(answer)
  }
  expect(await talk('/free/chat')).toBe('nobody said hello')
  await expect(talk('/paid/chat')).rejects.toThrow('402')
  const { headers } = await buy(world.buyer, `${url}/paid/chat`)
  expect(await talk('/paid/chat', headers)).toBe(`${world.buyer.account} said hello`)
  await expect(talk('/paid/chat', headers)).rejects.toThrow('402')
})

describe('a proxy', () => {
  test('that is closed ends what is under way, and takes nothing more', async () => {
    const finish = gate()
    const upstream = await openUpstream(async (_req, res) => {
      await finish.promise
      res.end('content')
    })
    const proxy = createProxy({ ...world.options, upstream: upstream.url, routes: ROUTES })
    const url = await proxy.listen({ port: 0 })
    const { headers } = await buy(world.buyer, `${url}/report`)
    const served = fetch(`${url}/report`, { headers })
    await until(() => upstream.seen.length === 1)
    const closed = proxy.close()
    await expect(fetch(`${url}/free`)).rejects.toThrow()
    finish.open()
    const answer = await served
    expect([answer.status, await answer.text()]).toEqual([200, 'content'])
    await closed
  })

  test('lets scripts of the origins that it is told read what is answered, a 402 too', async () => {
    const upstream = await openUpstream((_req, res) =>
      res.setHeader('Access-Control-Allow-Origin', 'https://own.example').end(),
    )
    const { url } = await openProxy(world, upstream.url, { cors: ['https://app.example'] })
    const ask = (path: string, origin: string, more: RequestInit = {}) =>
      fetch(url + path, { ...more, headers: { ...more.headers, Origin: origin } })
    const allowed = async (answer: Promise<Response>) => (await answer).headers.get('access-control-allow-origin')
    expect(await allowed(ask('/report', 'https://app.example'))).toBe('https://app.example')
    expect(await allowed(ask('/report', 'https://other.example'))).toBeNull()
    expect(await allowed(ask('/nothing', 'https://app.example'))).toBe('https://app.example')
    expect(await allowed(ask('/free', 'https://app.example'))).toBe('https://own.example')
    const wanted = { 'Access-Control-Request-Method': 'POST', 'Access-Control-Request-Headers': 'payment-signature' }
    const preflight = await ask('/report', 'https://app.example', { method: 'OPTIONS', headers: wanted })
    expect([preflight.status, preflight.headers.get('access-control-allow-headers')]).toEqual([
      204,
      'payment-signature',
    ])
    const { headers } = await buy(world.buyer, `${url}/report`)
    expect(await allowed(ask('/report', 'https://app.example', { headers }))).toBe('https://own.example')
    expect(upstream.asked()).toEqual(['GET /free', 'GET /report'])
  })

  test('says what it charges for what, and what it is asked about itself', async () => {
    const upstream = await openUpstream()
    const { url, proxy } = await openProxy(world, upstream.url, { default: { price: '0.5' } })
    const terms = (await proxy.describe()).map(({ path, terms }) => [
      path,
      typeof terms === 'object' ? terms.amount : terms,
    ])
    expect(terms).toEqual([
      ['/report', `1${'0'.repeat(27)}`],
      ['/paid/*', `1${'0'.repeat(27)}`],
      ['/free/*', 'free'],
      ['*', `5${'0'.repeat(29)}`],
    ])
    expect(await (await fetch(`${url}/.nano402/status`)).json()).toMatchObject({ ok: true })
    expect((await fetch(`${url}/nothing`)).status).toBe(402)
  })

  test.each([
    [{ upstream: 'localhost:8080' }, 'upstream: expected a URL such as http://localhost:8080.'],
    [{ upstream: 'http://a:b@localhost' }, 'upstream: expected a URL'],
    [
      {
        routes: [
          { path: '/a', price: '0.001' },
          { path: '/b', price: 'much' },
        ],
      },
      'routes[1]: NANO402_PRICE (option price) is no price.',
    ],
    [{ routes: [{ path: 7 }] }, 'routes[0].path: expected a path such as /report'],
    [{ routes: [{ path: '/a', methods: ['get'] }] }, 'routes[0].methods[0]: expected a list such as [GET, POST]'],
    [{ routes: [{ path: '/a', free: true, price: '1' }] }, 'routes[0].price: the route is free.'],
    [{ routes: [{ path: '/a', prise: '1' }] }, 'routes[0]: Unknown option prise.'],
    [{ routes: [{ path: '/a', attempts: 0 }] }, 'routes[0]: Option attempts is not what it should be'],
    [{ default: 'allow' }, "default: expected 'deny', 'free' or { price: '0.001' }."],
    [{ default: { price: '-1' } }, 'default: NANO402_PRICE (option price) is no price.'],
    [{ upstreamTimeoutMs: 0 }, 'upstreamTimeoutMs: expected'],
    [{ cors: ['app.example'] }, "cors[0]: expected '*', or a list of origins"],
    [{ page: 'yes' }, 'page: expected true'],
    [{ secrets: 'x' }, /^Unknown option secrets\..* And of a proxy: upstream, routes, /],
  ])('of %j is refused, and it is said where it is wrong', (options, message) => {
    const all = { ...world.options, upstream: 'http://localhost', ...options } as Parameters<typeof createProxy>[0]
    expect(() => createProxy(all)).toThrow(message)
  })

  test('warns of what may not be meant so', () => {
    const proxy = createProxy({ ...world.options, upstream: 'http://api.example:8080', default: 'free' })
    expect(proxy.warnings).toEqual([
      expect.stringContaining('second spelling'),
      expect.stringContaining('another way pays nothing'),
    ])
  })
})
