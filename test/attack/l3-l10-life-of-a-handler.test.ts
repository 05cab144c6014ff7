import { Readable } from 'node:stream'
import express from 'express'
import { Hono } from 'hono'
import { cors } from 'hono/cors'
import { paywall as honoPaywall } from 'nano402/hono'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { fetchServers, frameworks, listenFetch, nodeServers } from '../support/frameworks.ts'
import { disposable, gate } from '../support/wait.ts'
import { buy, createWorld, offerOf, proofHeader, type World } from '../support/world.ts'

let world: World
beforeAll(async () => {
  world = await createWorld()
})
afterAll(() => world.close())

/** Gives up on a request before its answer. */
async function goAway(url: string, headers: Record<string, string>, when: () => Promise<unknown>): Promise<void> {
  const abort = new AbortController()
  const answer = fetch(url, { headers, signal: abort.signal }).catch(() => undefined)
  await when()
  abort.abort()
  await answer
}

describe.each(frameworks)('L3 over $name', ({ serve }) => {
  test('a client that goes away during the handler has its proof again once the handler has ended, not earlier', async () => {
    const [entered, finish] = [gate(), gate()]
    let first = true
    await using app = disposable(
      await serve(world.options, async () => {
        if (!first) return { body: 'better late' }
        first = false
        entered.open()
        await finish.promise
        return { body: 'nobody is there' }
      }),
    )
    const url = `${app.url}/report`
    const { headers } = await buy(world.buyer, url)
    await goAway(url, headers, () => entered.promise)
    expect((await fetch(url, { headers })).status).toBe(409)
    expect(app.runs()).toBe(1)
    finish.open()
    let served = await fetch(url, { headers })
    while (served.status === 409) served = await fetch(url, { headers })
    expect([served.status, await served.text(), app.runs()]).toEqual([200, 'better late', 2])
  })
})

describe.each(frameworks)('L4 over $name', ({ serve }) => {
  test('a handler that never answers is given up: 504, and the proof is good again', async () => {
    let first = true
    await using app = disposable(
      await serve({ ...world.options, handlerTimeoutMs: 150 }, () => {
        if (!first) return { body: 'this time' }
        first = false
        return new Promise(() => {})
      }),
    )
    const url = `${app.url}/report`
    const { headers } = await buy(world.buyer, url)
    const late = await fetch(url, { headers })
    expect([late.status, (await late.json()).error]).toEqual([504, 'handler_timeout'])
    const served = await fetch(url, { headers })
    expect([served.status, await served.text()]).toEqual([200, 'this time'])
  })

  test('what a handler says after it was given up reaches nobody, and harms nobody', async () => {
    const finish = gate()
    await using app = disposable(
      await serve({ ...world.options, handlerTimeoutMs: 100 }, async () => {
        await finish.promise
        return { body: 'too late', headers: { 'X-Late': 'yes' } }
      }),
    )
    const url = `${app.url}/report`
    const { headers } = await buy(world.buyer, url)
    const late = await fetch(url, { headers })
    expect([late.status, await late.text()]).toEqual([504, expect.not.stringContaining('too late')])
    finish.open()
    expect((await fetch(`${app.url}/alive`)).status).toBe(402)
  })
})

describe('L5: nothing that earlier middleware has set leaves with a refusal', () => {
  const secrets = {
    'Set-Cookie': 'session=secret',
    'X-Internal': 'secret',
    ETag: '"secret"',
    'Content-Type': 'text/secret',
  }
  const kept = { 'Access-Control-Allow-Origin': 'https://shop.example', 'X-Request-Id': '7', Vary: 'Origin' }

  test.each(nodeServers)('over $name', async ({ serve }) => {
    const before = [
      (_req: unknown, res: { setHeader(name: string, value: string): unknown }, next: () => void) => {
        for (const [name, value] of Object.entries({ ...secrets, ...kept })) res.setHeader(name, value)
        next()
      },
    ]
    await using app = disposable(await serve(world.options, (_req, res) => res.end('x'), { before }))
    expectOnlyKept(await fetch(app.url))
  })

  test('over Hono', async () => {
    const app = new Hono()
    app.use(async (c, next) => {
      for (const [name, value] of Object.entries({ ...secrets, ...kept })) c.header(name, value)
      await next()
    })
    app.use(honoPaywall(world.options))
    await using served = disposable(await listenFetch(app.fetch))
    expectOnlyKept(await fetch(served.url))
  })

  function expectOnlyKept(response: Response) {
    expect(response.status).toBe(402)
    expect(JSON.stringify([...response.headers])).not.toContain('secret')
    expect(response.headers.get('access-control-allow-origin')).toBe('https://shop.example')
    expect(response.headers.get('x-request-id')).toBe('7')
    expect(response.headers.get('vary')).toBe('Origin, PAYMENT-SIGNATURE')
  }

  test("Hono's cors before the paywall: a script may read the challenge and the receipt", async () => {
    const app = new Hono()
    app.use(cors({ origin: 'https://shop.example', exposeHeaders: ['X-Own'] }))
    app.use(honoPaywall(world.options))
    app.get('/report', (c) => c.text('paid'))
    await using served = disposable(await listenFetch(app.fetch))
    const init = { headers: { Origin: 'https://shop.example' } }
    const unpaid = await fetch(`${served.url}/report`, init)
    expect(unpaid.headers.get('access-control-expose-headers')).toBe(
      'X-Own, PAYMENT-REQUIRED, PAYMENT-RESPONSE, Retry-After',
    )
    const offer = offerOf(unpaid)
    const headers = { ...init.headers, ...proofHeader(offer, await world.buyer.pay(offer)) }
    const paid = await fetch(`${served.url}/report`, { headers })
    expect(paid.status).toBe(200)
    expect(paid.headers.get('access-control-expose-headers')).toContain('PAYMENT-RESPONSE')
  })
})

const MEGABYTE = Buffer.alloc(1024 * 1024, 'x')
const SIZE_MB = 256

describe('L6: a large stream to a slow reader is not kept in memory', () => {
  /** Reads a little, looks at the memory, and reads the rest. */
  async function readSlowly(url: string, headers: Record<string, string>, produced: () => number) {
    const response = await fetch(url, { headers })
    const reader = response.body?.getReader()
    if (!reader) throw new Error('no body')
    let length = (await reader.read()).value?.length ?? 0
    const before = process.memoryUsage().rss
    let last = -1
    // Nobody reads: what is produced must come to a stop by itself.
    while (produced() !== last) {
      last = produced()
      for (let i = 0; i < 200; i++) await new Promise((resolve) => setImmediate(resolve))
    }
    const aheadMb = produced()
    for (let next = await reader.read(); !next.done; next = await reader.read()) length += next.value.length
    return { aheadMb, length, grownMb: (process.memoryUsage().rss - before) / 1024 / 1024 }
  }

  function source() {
    let produced = 0
    function* pieces() {
      for (; produced < SIZE_MB; produced++) yield MEGABYTE
    }
    return { pieces, produced: () => produced }
  }

  test.each(nodeServers)('over $name', async ({ serve }) => {
    const { pieces, produced } = source()
    await using app = disposable(await serve(world.options, (_req, res) => void Readable.from(pieces()).pipe(res)))
    const { headers } = await buy(world.buyer, app.url)
    const { aheadMb, length, grownMb } = await readSlowly(app.url, headers, produced)
    expect(length).toBe(SIZE_MB * MEGABYTE.length)
    expect(aheadMb).toBeLessThan(SIZE_MB / 2)
    expect(grownMb).toBeLessThan(SIZE_MB / 2)
  })

  test.each(fetchServers)('over $name', async ({ serve }) => {
    const { pieces, produced } = source()
    const stream = () => Readable.toWeb(Readable.from(pieces())) as ReadableStream
    await using app = disposable(await serve(world.options, () => new Response(stream())))
    const { headers } = await buy(world.buyer, app.url)
    const { aheadMb, length, grownMb } = await readSlowly(app.url, headers, produced)
    expect(length).toBe(SIZE_MB * MEGABYTE.length)
    expect(aheadMb).toBeLessThan(SIZE_MB / 2)
    expect(grownMb).toBeLessThan(SIZE_MB / 2)
  })
})

describe('L7: the first event of a stream arrives while the handler is still at work', () => {
  const events = { 'Content-Type': 'text/event-stream' }

  test.each(nodeServers)('over $name', async ({ serve }) => {
    const more = gate()
    await using app = disposable(
      await serve(world.options, async (_req, res) => {
        res.writeHead(200, events)
        res.write('data: first\n\n')
        await more.promise
        res.end('data: last\n\n')
      }),
    )
    await expectFirstThenRest(app.url, more.open)
  })

  test.each(fetchServers)('over $name', async ({ serve }) => {
    const more = gate()
    const stream = async function* () {
      yield 'data: first\n\n'
      await more.promise
      yield 'data: last\n\n'
    }
    await using app = disposable(
      await serve(
        world.options,
        () => new Response(Readable.toWeb(Readable.from(stream())) as ReadableStream, { headers: events }),
      ),
    )
    await expectFirstThenRest(app.url, more.open)
  })

  async function expectFirstThenRest(url: string, goOn: () => void) {
    const { headers } = await buy(world.buyer, url)
    const reader = (await fetch(url, { headers })).body?.pipeThrough(new TextDecoderStream()).getReader()
    expect((await reader?.read())?.value).toBe('data: first\n\n')
    goOn()
    expect((await reader?.read())?.value).toBe('data: last\n\n')
  }
})

describe('L10: the body is the handler’s', () => {
  const init = { method: 'POST', body: JSON.stringify({ words: 3 }), headers: { 'Content-Type': 'application/json' } }
  const priced = {
    priceBodyLimit: 1_000,
    price: async (request: { json(): Promise<unknown> }) =>
      ((await request.json()) as { words: number }).words > 2 ? '0.002' : '0.001',
  }

  describe.each([
    ['a fixed price', {}],
    ['a price that reads the body', priced],
  ])('with %s', (_name, options) => {
    test.each(nodeServers)('$name reads it from the request itself', async ({ serve }) => {
      await using app = disposable(
        await serve({ ...world.options, ...options }, async (req, res) => {
          let body = ''
          req.setEncoding('utf8')
          for await (const chunk of req) body += chunk
          res.end(`got ${body}`)
        }),
      )
      await expectEcho(app.url)
    })

    test.each(nodeServers.filter(({ isExpress }) => isExpress))(
      '$name parses it after the paywall',
      async ({ serve }) => {
        const after = [express.json() as never]
        await using app = disposable(
          await serve(
            { ...world.options, ...options },
            (req, res) => res.end(`got ${JSON.stringify((req as unknown as { body: unknown }).body)}`),
            { after },
          ),
        )
        await expectEcho(app.url)
      },
    )

    test.each(fetchServers)('$name reads it from the request itself', async ({ serve }) => {
      await using app = disposable(
        await serve({ ...world.options, ...options }, async (request) => new Response(`got ${await request.text()}`)),
      )
      await expectEcho(app.url)
    })
  })

  test.each(nodeServers.filter(({ isExpress }) => isExpress))(
    '$name may parse it before the paywall',
    async ({ serve }) => {
      const before = [express.json() as never]
      await using app = disposable(
        await serve(
          world.options,
          (req, res) => res.end(`got ${JSON.stringify((req as unknown as { body: unknown }).body)}`),
          { before },
        ),
      )
      await expectEcho(app.url)
    },
  )

  async function expectEcho(url: string) {
    const { headers } = await buy(world.buyer, url, init)
    const paid = await fetch(url, { ...init, headers: { ...init.headers, ...headers } })
    expect([paid.status, await paid.text()]).toEqual([200, `got ${init.body}`])
  }
})

test('L12: a paywall that closes lets the handler that is at work answer, and keeps its claim', async () => {
  const { createPaywall } = await import('nano402')
  const paywall = createPaywall(world.options)
  const [entered, finish] = [gate(), gate()]
  const [server] = nodeServers
  if (!server) throw new Error('no server')
  await using app = disposable(
    await server.serve(paywall, async (_req, res) => {
      entered.open()
      await finish.promise
      res.end('served')
    }),
  )
  const { headers } = await buy(world.buyer, app.url)
  const answer = fetch(app.url, { headers })
  await entered.promise
  let closed = false
  const closing = paywall.close().then(() => {
    closed = true
  })
  expect((await fetch(app.url, { headers })).status).toBe(503)
  expect(closed).toBe(false)
  finish.open()
  expect(await (await answer).text()).toBe('served')
  await closing
})
