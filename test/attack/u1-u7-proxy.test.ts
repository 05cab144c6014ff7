/** A proxy and its upstream read requests in two ways, if they are let. Here all that is not matched is free, and leaks. */
import { memoryStore } from 'nano402/stores/memory'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { openProxy, openUpstream, type UpstreamHandler, websocketLines } from '../proxy/support.ts'
import { connectTo, exchange, type RawAnswer } from '../support/raw.ts'
import { until } from '../support/wait.ts'
import { buy, createWorld, type World } from '../support/world.ts'

let world: World
beforeAll(async () => {
  world = await createWorld()
})
afterAll(() => world.close())

/** A shop whose upstream serves `/paid` under any spelling. */
async function openShop(handler?: UpstreamHandler) {
  const upstream = await openUpstream(handler)
  const { url } = await openProxy(world, upstream.url, {
    routes: [{ path: '/paid/*', price: '0.001' }],
    default: 'free',
  })
  return { url, upstream }
}

const lines = (headers: Readonly<Record<string, string>>) =>
  Object.entries(headers).map(([name, value]) => `${name}: ${value}`)

describe('U1: a path in another spelling', () => {
  test('is asked to pay, or not understood, and never sent on', async () => {
    const { url, upstream } = await openShop()
    const same = [
      '/paid',
      '/paid/',
      '/PAID/a',
      '/%70aid/a',
      '/p%61id',
      '/paid/%2e%2e%2e',
      '/pa%C4%B1d',
      '/paid?a/../b',
      '/pai%44',
    ]
    const refused = [
      '//paid/a',
      '/./paid',
      '/free/../paid',
      '/free/%2e%2e/paid',
      '/free/..%2fpaid',
      '/free%2f..%2fpaid',
      '/free/..;/paid',
    ]
    const more = [
      '/paid;a',
      '/paid%3b',
      '/paid%00',
      '/paid%23',
      '/paid%3f',
      '/\\paid',
      '/free\\..\\paid',
      '/%5cpaid',
      '/%2570aid',
      '/%c0%aepaid',
    ]
    const whole = [
      'http://paid/paid',
      'http:/paid',
      'paid',
      '*',
      '/paid#',
      '/free/%EF%BC%8E%EF%BC%8E/paid',
      '/%EF%BC%8Fpaid',
    ]
    const ask = async (target: string) => [target, (await exchange(url, [`GET ${target} HTTP/1.1`, 'Host: x'])).status]
    expect(await Promise.all(same.map(ask))).toEqual(same.map((target) => [target, 402]))
    const ambiguous = [...refused, ...more, ...whole]
    expect(await Promise.all(ambiguous.map(ask))).toEqual(ambiguous.map((target) => [target, 400]))
    expect(upstream.asked()).toEqual([])
  })

  test('is sent on as it was matched, and not as it was sent', async () => {
    const { url, upstream } = await openShop()
    await exchange(url, ['GET /fr%65e/%7ea?b=%65&c=/../x//y HTTP/1.1', 'Host: x'])
    expect(upstream.asked()).toEqual(['GET /free/~a?b=%65&c=/../x//y'])
  })

  test('a Host that is missing, twice there, or none is no way around', async () => {
    const { url, upstream } = await openShop()
    for (const hosts of [[], ['Host: a', 'Host: b'], ['Host: a/paid'], ['Host: a@b'], ['Host: a b']]) {
      expect((await exchange(url, ['GET /free HTTP/1.1', ...hosts])).status, hosts.join()).toBe(400)
    }
    expect(upstream.asked()).toEqual([])
  })
})

describe('U2: a request inside a request', () => {
  const inner = 'GET /paid/inner HTTP/1.1\r\nHost: x\r\n\r\n'

  test.each([
    [
      'in a chunked GET',
      ['GET /free HTTP/1.1', 'Transfer-Encoding: chunked'],
      `${inner.length.toString(16)}\r\n${inner}\r\n0\r\n\r\n`,
    ],
    ['in a GET with a length', ['GET /free HTTP/1.1', `Content-Length: ${inner.length}`], inner],
    [
      'in a DELETE',
      ['DELETE /free HTTP/1.1', 'Transfer-Encoding: chunked'],
      `${inner.length.toString(16)}\r\n${inner}\r\n0\r\n\r\n`,
    ],
    [
      'whose length is said to be for us alone',
      ['GET /free HTTP/1.1', `Content-Length: ${inner.length}`, 'Connection: content-length'],
      inner,
    ],
    [
      'whose chunks are said to be for us alone',
      ['POST /free HTTP/1.1', 'Transfer-Encoding: chunked', 'Connection: transfer-encoding'],
      `${inner.length.toString(16)}\r\n${inner}\r\n0\r\n\r\n`,
    ],
    [
      'of an offer to speak HTTP/2',
      [
        'POST /free HTTP/1.1',
        `Content-Length: ${inner.length}`,
        'Connection: Upgrade, HTTP2-Settings',
        'Upgrade: h2c',
        'HTTP2-Settings: AAMAAABk',
      ],
      inner,
    ],
  ])('%s is a body for the upstream, too', async (_, [line = '', ...headers], body) => {
    const bodies: string[] = []
    const { url, upstream } = await openShop(async (req, res) => {
      let text = ''
      for await (const chunk of req) text += chunk
      bodies.push(text)
      res.end('done')
    })
    const answer = await exchange(url, [line, 'Host: x', ...headers], body)
    expect([answer.status, answer.body]).toEqual([200, 'done'])
    expect(bodies).toEqual([inner])
    expect(upstream.asked()).toHaveLength(1)
  })

  test.each([
    [['Content-Length: 5', 'Transfer-Encoding: chunked']],
    [['Transfer-Encoding: chunked', 'Transfer-Encoding: identity']],
    [['Transfer-Encoding: xchunked']],
    [['Transfer-Encoding : chunked']],
    [['Content-Length: 5', 'Content-Length: 6']],
    [['Content-Length: +5']],
    [['Content-Length: 5', ' folded: x']],
  ])('with %j goes nowhere', async (headers) => {
    const { url, upstream } = await openShop()
    const answer = await exchange(url, ['POST /free HTTP/1.1', 'Host: x', ...headers], `0\r\n\r\n${inner}`)
    expect(answer.status).toBe(400)
    expect(upstream.asked()).toEqual([])
  })

  test('in what would be frames of a websocket goes nowhere', async () => {
    const { url, upstream } = await openShop()
    upstream.server.on('upgrade', (_req, socket) =>
      socket.end('HTTP/1.1 101 x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n'),
    )
    for (const [method, header] of [
      ['GET', `Content-Length: ${inner.length}`],
      ['GET', 'Transfer-Encoding: chunked'],
      ['POST', 'X: y'],
    ]) {
      const answer = await exchange(
        url,
        [`${method} /free HTTP/1.1`, 'Host: x', ...websocketLines, header ?? ''],
        inner,
      )
      expect(answer.status, header).toBe(400)
    }
    expect(upstream.asked()).toEqual([])
  })

  test('after a change to websockets that the upstream refused goes nowhere', async () => {
    const { url, upstream } = await openShop((_req, res) =>
      res.writeHead(426, { Connection: 'Upgrade', Upgrade: 'websocket' }).end('no'),
    )
    const connection = await connectTo(url)
    connection.send(['GET /free HTTP/1.1', 'Host: x', ...websocketLines], inner)
    const { status, headers } = await connection.next()
    expect([status, headers.get('connection')]).toEqual([426, ['close']])
    await connection.ended
    expect(upstream.asked()).toEqual(['GET /free'])
  })
})

describe('U3: headers that are ours to set', () => {
  const forged = [
    'nano402-payer',
    'Nano402_Payer',
    'NANO402-AMOUNT',
    'nano402_payment',
    'x-nano402-payer',
    'PAYMENT_SIGNATURE',
  ]
  const told = [
    'X-Forwarded-For',
    'X_Forwarded_For',
    'X-Forwarded-Host',
    'X-Forwarded-Proto',
    'X-Forwarded-Prefix',
    'Forwarded',
    'X-Real-IP',
  ]

  test('are not taken from a client, in any spelling, nor dropped because it says so', async () => {
    const { url, upstream } = await openShop()
    const { headers, hash } = await buy(world.buyer, `${url}/paid/a`)
    const names = [...forged, ...told]
    const connection = `Connection: ${['close', 'nano402-payer', 'nano402-payment', 'x-forwarded-for', 'host', 'x-hop'].join(', ')}`
    const all = [
      ...names.map((name) => `${name}: forged`),
      connection,
      'X-Hop: 1',
      'X-Kept: 1',
      'TE: trailers',
      'Keep-Alive: timeout=9',
    ]
    for (const [path, more] of [
      ['/free', []],
      ['/paid/a', lines(headers)],
    ] as const) {
      const answer = await exchange(url, [`GET ${path} HTTP/1.1`, 'Host: shop.example', ...all, ...more])
      expect(answer.status).toBe(200)
    }
    const [free, paid] = upstream.seen
    expect(JSON.stringify([free?.rawHeaders, paid?.rawHeaders])).not.toContain('forged')
    const plain = {
      ...{ 'x-kept': '1', host: new URL(upstream.url).host, connection: 'keep-alive' },
      ...{ 'x-forwarded-for': '127.0.0.1', 'x-forwarded-proto': 'http', 'x-forwarded-host': 'shop.example' },
    }
    expect(free?.headers).toEqual(plain)
    const amount = expect.stringMatching(/^10000000\d{20}$/)
    expect(paid?.headers).toEqual({
      ...plain,
      'nano402-access': 'paid',
      'nano402-payer': world.buyer.account,
      'nano402-payment': hash,
      'nano402-amount': amount,
    })
  })

  test('what proves a payment does not reach the upstream, and what it says of payments does not reach a client', async () => {
    const { url, upstream } = await openShop((_req, res) => {
      res.writeHead(200, {
        ...{
          'PAYMENT-RESPONSE': 'forged',
          'X-PAYMENT-RESPONSE': 'forged',
          'PAYMENT-REQUIRED': 'forged',
          'X-Hop': 'forged',
        },
        ...{ Connection: 'X-Hop', 'X-Kept': '1', 'Proxy-Authenticate': 'forged' },
      })
      res.end()
    })
    const presented = {
      'PAYMENT-SIGNATURE': 'a',
      'X-PAYMENT': 'b',
      'X-Payment-Response': 'c',
      'X-PAYMENT-BLOCK': 'd',
      'PAYMENT-PASS': 'e',
    }
    const cookie = 'Cookie: a=1; nano402-abcdefgh=secret; __Secure-nano402-abcdefgh=secret; b=2'
    const answer = await exchange(url, ['GET /free HTTP/1.1', 'Host: x', ...lines(presented), cookie])
    expect([...answer.headers].flat().flat()).not.toContain('forged')
    expect(answer.headers.get('x-kept')).toEqual(['1'])
    expect(Object.keys(upstream.seen[0]?.headers ?? {}).filter((name) => name.includes('payment'))).toEqual([])
    expect(upstream.seen[0]?.headers.cookie).toBe('a=1; b=2')
  })

  test('of a proxy in front they are believed where the operator says so, in their one spelling', async () => {
    const upstream = await openUpstream()
    const { url } = await openProxy(world, upstream.url, {
      trustProxy: true,
      host: 'api.internal',
      publicUrl: 'https://shop.example',
    })
    const said = { 'X-Forwarded-For': '203.0.113.7', X_Forwarded_Host: 'forged', 'X-Forwarded-Proto': 'https' }
    await exchange(url, ['GET /free HTTP/1.1', 'Host: x', ...lines(said)])
    expect(upstream.seen[0]?.headers).toMatchObject({
      ...{ host: 'api.internal', 'x-forwarded-for': '203.0.113.7, 127.0.0.1' },
      ...{ 'x-forwarded-proto': 'https', 'x-forwarded-host': 'shop.example' },
    })
    expect(JSON.stringify(upstream.seen[0]?.headers)).not.toContain('forged')
  })
})

describe('U4: a request for another method or path than it seems', () => {
  test('is sent on as what it was matched as', async () => {
    const { url, upstream } = await openShop()
    const overrides = [
      'X-HTTP-Method-Override',
      'X-Method-Override',
      'X-HTTP-Method',
      'X_HTTP_Method_Override',
      'X-Original-URL',
      'X-Rewrite-URL',
      'X-Original-URI',
      'X_Original_Url',
    ]
    await exchange(url, [
      'POST /free HTTP/1.1',
      'Host: x',
      'Content-Length: 0',
      ...overrides.map((name) => `${name}: /paid/a`),
    ])
    expect(upstream.asked()).toEqual(['POST /free'])
    expect(JSON.stringify(upstream.seen[0]?.rawHeaders)).not.toContain('/paid')
  })

  test('TRACE would show it what we add, and CONNECT would go around', async () => {
    const { url, upstream } = await openShop()
    expect((await exchange(url, ['TRACE /free HTTP/1.1', 'Host: x'])).status).toBe(405)
    const tunnel = await connectTo(url)
    tunnel.send([`CONNECT ${new URL(upstream.url).host} HTTP/1.1`, 'Host: x'])
    await tunnel.ended
    expect([tunnel.pending(), upstream.asked()]).toEqual(['', []])
  })
})

describe('U5: a change to websockets', () => {
  const ask = async (url: string, headers: Readonly<Record<string, string>> = {}): Promise<RawAnswer> =>
    exchange(url, ['GET /paid/socket HTTP/1.1', 'Host: x', ...websocketLines, ...lines(headers)])

  test('that the upstream ignores is an answer like any: it is charged for when it has the content', async () => {
    const { url, upstream } = await openShop()
    expect((await ask(url)).status).toBe(402)
    const { headers } = await buy(world.buyer, `${url}/paid/socket`)
    const served = await ask(url, headers)
    expect([served.status, served.body]).toEqual([200, 'GET /paid/socket'])
    expect((await ask(url, headers)).status).toBe(402)
    expect(upstream.asked()).toEqual(['GET /paid/socket'])
  })

  test('that fails is not charged for, and one that succeeds is charged for once', async () => {
    let works = false
    const { url, upstream } = await openShop((_req, res) => res.writeHead(500).end())
    upstream.server.on('upgrade', (_req, socket) => {
      if (works)
        socket.write('HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\nfirst frame')
      else socket.destroy()
    })
    const { headers } = await buy(world.buyer, `${url}/paid/socket`)
    expect((await ask(url, headers)).status).toBe(502)
    works = true
    const connection = await connectTo(url)
    connection.send(['GET /paid/socket HTTP/1.1', 'Host: x', ...websocketLines, ...lines(headers)])
    await until(() => connection.pending().includes('first frame'))
    expect(connection.pending()).toMatch(/^HTTP\/1\.1 101 [\s\S]*\r\nPAYMENT-RESPONSE: /)
    expect((await ask(url, headers)).status).toBe(402)
    connection.close()
  })
})

describe('U6: who goes away', () => {
  test('has one run of the upstream at a time for one payment', async () => {
    const waiting: (() => void)[] = []
    const { url, upstream } = await openShop((_req, res) => waiting.push(() => res.end('content')))
    const { headers } = await buy(world.buyer, `${url}/paid/a`)
    const client = new AbortController()
    const left = fetch(`${url}/paid/a`, { headers, signal: client.signal }).catch(() => 'left')
    await until(() => waiting.length === 1)
    client.abort()
    expect(await left).toBe('left')
    expect((await fetch(`${url}/paid/a`, { headers })).status).toBe(409)
    waiting[0]?.()
    const again = async (): Promise<Response> => {
      const answer = fetch(`${url}/paid/a`, { headers })
      await Promise.race([answer, until(() => waiting.length === 2)])
      waiting[1]?.()
      return (await answer).status === 409 ? again() : answer
    }
    expect(await (await again()).text()).toBe('content')
    expect(upstream.asked()).toHaveLength(2)
  })

  test('and was not charged is left by the upstream as well', async () => {
    let left = false
    const { url, upstream } = await openShop((req) => req.socket.once('close', () => (left = true)))
    const client = new AbortController()
    const gone = fetch(`${url}/free`, { signal: client.signal }).catch(() => 'left')
    await until(() => upstream.seen.length === 1)
    client.abort()
    await gone
    await until(() => left)
  })

  test('in the middle of its answer is not taken for one that has said everything', async () => {
    const { url } = await openShop((_req, res) => {
      res.writeHead(200, { 'Content-Length': 100 }).write('half')
      setImmediate(() => res.destroy())
    })
    const answer = await fetch(`${url}/free`)
    await expect(answer.text()).rejects.toThrow()
  })
})

describe('U7: an upstream that is not there', () => {
  test('is not paid, and costs a payment none of its attempts', async () => {
    const upstream = await openUpstream()
    const faults: string[] = []
    const store = memoryStore()
    const { url } = await openProxy(world, 'http://127.0.0.1:1', {
      store,
      onUpstreamFault: ({ code, route }) => faults.push(`${route} ${code}`),
    })
    const { headers } = await buy(world.buyer, `${url}/report`)
    for (let i = 0; i < 5; i++) {
      const answer = await fetch(`${url}/report`, { headers })
      expect([answer.status, (await answer.json()).error]).toEqual([502, 'upstream_unavailable'])
    }
    expect((await fetch(`${url}/free`)).status).toBe(502)
    const { url: elsewhere } = await openProxy(world, upstream.url, { store })
    expect((await fetch(`${elsewhere}/report`, { headers })).status).toBe(200)
    expect(faults).toEqual([...Array(5).fill('/report upstream_unavailable'), '/free/* upstream_unavailable'])
  })

  test('or is silent is not paid, and not waited for', async () => {
    let isSilent = true
    const upstream = await openUpstream((_req, res) => isSilent || res.end('content'))
    const store = memoryStore()
    const { url } = await openProxy(world, upstream.url, { store, upstreamTimeoutMs: 50 })
    const { headers } = await buy(world.buyer, `${url}/report`)
    expect((await fetch(`${url}/report`, { headers })).status).toBe(504)
    isSilent = false
    const { url: patient } = await openProxy(world, upstream.url, { store })
    expect(await (await fetch(`${patient}/report`, { headers })).text()).toBe('content')
  })
})
