import { Readable } from 'node:stream'
import type { Store } from 'nano402'
import { memoryStore } from 'nano402/stores/memory'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { compress } from '../support/compress.ts'
import { type NodeHandler, nodeServers } from '../support/frameworks.ts'
import { connectTo } from '../support/raw.ts'
import { disposable, gate, until } from '../support/wait.ts'
import { buy, createWorld, type World } from '../support/world.ts'

let world: World
beforeAll(async () => {
  world = await createWorld()
})
afterAll(() => world.close())

const LARGE = Array.from({ length: 64 }, (_, i) => Buffer.alloc(16_384, i))
const whole = Buffer.concat(LARGE)

/** What handlers do, and what arrives once it is unpacked. */
const handlers: Readonly<Record<string, readonly [handler: NodeHandler, body: Buffer]>> = {
  'end(text)': [(_req, res) => res.end('content'), Buffer.from('content')],
  'write and end': [
    (_req, res) => {
      res.write('con')
      res.write('tent')
      res.end()
    },
    Buffer.from('content'),
  ],
  'writeHead and end': [
    (_req, res) => res.writeHead(200, { 'Content-Type': 'text/plain', 'Content-Length': '7' }).end('content'),
    Buffer.from('content'),
  ],
  'a small stream, piped': [(_req, res) => void Readable.from(['con', 'tent']).pipe(res), Buffer.from('content')],
  'a large stream, piped': [(_req, res) => void Readable.from(LARGE).pipe(res), whole],
  'a stream that waits for drain': [
    async (_req, res) => {
      let goOn = () => {}
      res.on('drain', () => goOn())
      for (const piece of LARGE) {
        if (res.write(piece)) continue
        await new Promise<void>((resolve) => {
          goOn = resolve
        })
      }
      res.end()
    },
    whole,
  ],
}
const positions = { 'before the paywall': { before: [compress] }, 'behind the paywall': { after: [compress] } }
const cases = Object.entries(positions).flatMap(([position, around]) =>
  Object.entries(handlers).map(([name, [handler, body]]) => ({ position, around, name, handler, body })),
)

describe.each(nodeServers)('L11 over $name', ({ serve }) => {
  test.each(cases)(
    'compression $position, $name: the content arrives whole, and only after the commit',
    async (each) => {
      const acknowledged = gate()
      const inner = memoryStore()
      let asked = 0
      const store: Store = {
        ...inner,
        async commit(...terms) {
          asked++
          await acknowledged.promise
          return inner.commit(...terms)
        },
      }
      await using app = disposable(await serve({ ...world.options, store }, each.handler, each.around))
      const { headers } = await buy(world.buyer, `${app.url}/report`)
      const client = await connectTo(app.url)
      client.send([
        'GET /report HTTP/1.1',
        'Host: shop',
        'Connection: close',
        `PAYMENT-SIGNATURE: ${headers['PAYMENT-SIGNATURE']}`,
      ])
      await until(() => asked === 1)
      await (await fetch(`${app.url}/other`)).text()
      expect(client.pending()).toBe('')
      client.close()
      acknowledged.open()

      const another = await buy(world.buyer, `${app.url}/report`)
      const served = await fetch(`${app.url}/report`, { headers: another.headers })
      expect([served.status, served.headers.get('content-encoding')]).toEqual([200, 'gzip'])
      expect(served.headers.get('payment-response')).not.toBeNull()
      expect(Buffer.from(await served.arrayBuffer()).equals(each.body)).toBe(true)
    },
  )

  test.each(Object.entries(positions))('compression %s: a refusal is readable', async (_position, around) => {
    await using app = disposable(await serve(world.options, (_req, res) => res.end('content'), around))
    const refused = await fetch(`${app.url}/report`)
    expect([refused.status, (await refused.json()).error]).toEqual([402, 'payment_required'])
    expect(app.runs()).toBe(0)
  })
})

describe.each(nodeServers.filter(({ isExpress }) => isExpress))("L11 over $name: the framework's ETag", ({ serve }) => {
  const handler: NodeHandler = (_req, res) => (res as unknown as { send(text: string): void }).send('content')

  test('a paid answer has its ETag, and whoever has the content already pays for the 304 as for the content', async () => {
    await using app = disposable(await serve(world.options, handler))
    const { headers } = await buy(world.buyer, `${app.url}/report`)
    const served = await fetch(`${app.url}/report`, { headers })
    const etag = served.headers.get('etag') ?? ''
    expect([served.status, await served.text(), etag]).toEqual([200, 'content', expect.stringMatching(/^W\//)])
    const more = { 'If-None-Match': etag, 'Cache-Control': 'max-age=0' }
    const unpaid = await fetch(`${app.url}/report`, { headers: more })
    expect([unpaid.status, unpaid.headers.get('etag')]).toEqual([402, null])
    const second = await buy(world.buyer, `${app.url}/report`)
    const unchanged = await fetch(`${app.url}/report`, { headers: { ...second.headers, ...more } })
    expect([unchanged.status, unchanged.headers.has('payment-response')]).toEqual([304, true])
    expect((await fetch(`${app.url}/report`, { headers: second.headers })).status).toBe(402)
    expect(app.runs()).toBe(2)
  })
})
