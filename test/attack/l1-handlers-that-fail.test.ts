import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { fetchServers, type NodeHandler, nodeServers } from '../support/frameworks.ts'
import { refusedAtOnce, watch } from '../support/outcome.ts'
import { connectTo } from '../support/raw.ts'
import { disposable, gate } from '../support/wait.ts'
import { buy, createWorld, type World } from '../support/world.ts'

let world: World
beforeAll(async () => {
  world = await createWorld()
})
afterAll(() => world.close())

const tick = () => new Promise((resolve) => setImmediate(resolve))
const fail = (): never => {
  throw new Error('broken')
}

/** Failures before the answer has begun. */
const early: Readonly<Record<string, NodeHandler>> = {
  'throws at once': fail,
  'throws later': async () => {
    await tick()
    fail()
  },
  'calls next with an error': (_req, _res, next) => next(new Error('broken')),
  'sets headers and a good status, and throws': (_req, res) => {
    res.statusCode = 200
    res.setHeader('X-Secret', 'half done')
    fail()
  },
  'writes nothing that Node can write': (_req, res) => res.write(7),
  'writes null': (_req, res) => res.write(null),
  'ends with a number': (_req, res) => res.end(7),
  'answers with a status below 100': (_req, res) => res.writeHead(99).end(),
  'answers with a status above 999': (_req, res) => res.writeHead(1000).end(),
  'answers with a status that is text': (_req, res) => res.writeHead('fine' as never).end(),
  'sets a status that is none, and ends': (_req, res) => {
    res.statusCode = 1000
    res.end('content')
  },
  'sets a header with a line break': (_req, res) =>
    res.writeHead(200, { 'X-First': 'a\r\nSet-Cookie: b=1' }).end('content'),
  'gives a status message with a line break': (_req, res) =>
    res.writeHead(200, 'Fine\r\nSet-Cookie: b=1').end('content'),
  'sets a status message with a line break': (_req, res) => {
    res.statusMessage = 'Fine\r\nSet-Cookie: b=1'
    res.end('content')
  },
}

/** Failures after the first byte was handed over. */
const late: Readonly<Record<string, NodeHandler>> = {
  'throws after a write': (_req, res) => {
    res.write('half of it')
    fail()
  },
  'throws later, after a write': async (_req, res) => {
    res.write('half of it')
    for (let i = 0; i < 10; i++) await tick()
    fail()
  },
  'calls next with an error after a write': (_req, res, next) => {
    res.write('half of it')
    next(new Error('broken'))
  },
  'destroys the response after a write': (_req, res) => {
    res.write('half of it')
    res.destroy()
  },
  'pipes a stream that breaks': (_req, res) =>
    pipeline(
      Readable.from(
        (async function* () {
          yield 'half of it'
          await tick()
          fail()
        })(),
      ),
      res,
    ),
}

describe.each(nodeServers)('L1 over $name', ({ serve }) => {
  test.each(Object.entries(early))('a handler that %s costs nothing', async (_name, broken) => {
    let isBroken = true
    const handler: NodeHandler = (req, res, next) => (isBroken ? broken(req, res, next) : res.end('better'))
    await using app = disposable(await serve(world.options, handler))
    const { headers } = await buy(world.buyer, `${app.url}/report`)
    const failed = await fetch(`${app.url}/report`, { headers })
    expect([failed.status, await failed.text()]).toEqual([500, 'failed'])
    expect([failed.headers.get('payment-response'), failed.headers.get('set-cookie')]).toEqual([null, null])
    isBroken = false
    const attempt = watch(world, app)
    expect(await attempt(() => fetch(`${app.url}/report`, { headers }))).toEqual({ status: 200, ran: 1, asked: 0 })
    expect(await attempt(() => fetch(`${app.url}/report`, { headers }))).toEqual(
      refusedAtOnce(402, 'payment_already_spent'),
    )
  })

  test('a handler that destroys its response costs nothing', async () => {
    let isBroken = true
    await using app = disposable(
      await serve(world.options, (_req, res) => (isBroken ? res.destroy() : res.end('better'))),
    )
    const { headers } = await buy(world.buyer, `${app.url}/report`)
    await expect(fetch(`${app.url}/report`, { headers })).rejects.toThrow()
    isBroken = false
    const attempt = watch(world, app)
    expect(await attempt(() => fetch(`${app.url}/report`, { headers }))).toEqual({ status: 200, ran: 1, asked: 0 })
  })

  test.each(Object.entries(late))(
    'a handler that %s was paid: the answer had begun, and is cut',
    async (_name, broken) => {
      await using app = disposable(await serve(world.options, broken))
      const { headers } = await buy(world.buyer, `${app.url}/report`)
      const client = await connectTo(app.url)
      client.send(['GET /report HTTP/1.1', 'Host: shop', `PAYMENT-SIGNATURE: ${headers['PAYMENT-SIGNATURE']}`])
      await client.ended
      expect(client.pending()).not.toMatch(/broken|\r\n0\r\n\r\n$/) // neither the reason nor a proper end
      const again = await watch(world, app)(() => fetch(`${app.url}/report`, { headers }))
      expect(again).toEqual(refusedAtOnce(402, 'payment_already_spent'))
      expect(app.runs()).toBe(1)
    },
  )

  test('a handler that fails three times has used the payment up, and says so', async () => {
    await using app = disposable(await serve(world.options, fail))
    const { headers } = await buy(world.buyer, `${app.url}/report`)
    for (let i = 0; i < 3; i++) expect((await fetch(`${app.url}/report`, { headers })).status).toBe(500)
    const attempt = watch(world, app)
    expect(await attempt(() => fetch(`${app.url}/report`, { headers }))).toEqual(
      refusedAtOnce(402, 'attempts_exhausted'),
    )
    expect(app.runs()).toBe(3)
  })
})

const failures: Readonly<Record<string, () => Response | Promise<Response>>> = {
  'throws at once': fail,
  'throws later': async () => {
    await tick()
    return fail()
  },
  'gives nothing': () => undefined as never,
  'gives no Response': () => ({ status: 200 }) as never,
  'gives the Response of an error': () => Response.error(),
}

describe.each(fetchServers)('L1 over $name', ({ serve }) => {
  test.each(Object.entries(failures))('a handler that %s costs nothing', async (_name, broken) => {
    let isBroken = true
    await using app = disposable(await serve(world.options, () => (isBroken ? broken() : new Response('better'))))
    const { headers } = await buy(world.buyer, `${app.url}/report`)
    const failed = await fetch(`${app.url}/report`, { headers })
    expect([failed.status, failed.headers.get('payment-response')]).toEqual([500, null])
    isBroken = false
    const attempt = watch(world, app)
    expect(await attempt(() => fetch(`${app.url}/report`, { headers }))).toEqual({ status: 200, ran: 1, asked: 0 })
    expect(await attempt(() => fetch(`${app.url}/report`, { headers }))).toEqual(
      refusedAtOnce(402, 'payment_already_spent'),
    )
  })

  test('a body that breaks after its first piece was paid: the answer had begun, and is cut', async () => {
    const seen = gate()
    const body = () =>
      new ReadableStream({
        start: (controller) => controller.enqueue(new TextEncoder().encode('half of it')),
        async pull() {
          await seen.promise
          fail()
        },
      })
    await using app = disposable(await serve(world.options, () => new Response(body())))
    const { headers } = await buy(world.buyer, `${app.url}/report`)
    const answer = await fetch(`${app.url}/report`, { headers })
    const reader = answer.body?.getReader()
    expect([answer.status, new TextDecoder().decode((await reader?.read())?.value)]).toEqual([200, 'half of it'])
    seen.open()
    await expect(reader?.read()).rejects.toThrow()
    const again = await watch(world, app)(() => fetch(`${app.url}/report`, { headers }))
    expect(again).toEqual(refusedAtOnce(402, 'payment_already_spent'))
  })
})
