/** HTTP/2, which Node's own responses speak differently, and Hono's do not. */
import { once } from 'node:events'
import { type ClientHttp2Session, connect, createServer } from 'node:http2'
import type { AddressInfo } from 'node:net'
import { getRequestListener } from '@hono/node-server'
import { Hono } from 'hono'
import { createPaywall, nodeRequest } from 'nano402'
import { paywall } from 'nano402/hono'
import { expect, onTestFinished, test } from 'vitest'
import { createWorld, offerOf, proofHeader } from '../support/world.ts'

type Listener = Parameters<typeof createServer>[1]

async function open(listener: Listener): Promise<ClientHttp2Session> {
  const server = createServer(listener).listen(0)
  await once(server, 'listening')
  const session = connect(`http://localhost:${(server.address() as AddressInfo).port}`)
  onTestFinished(() => {
    session.destroy()
    server.close()
  })
  return session
}

async function ask(session: ClientHttp2Session, headers: Readonly<Record<string, string>> = {}): Promise<Response> {
  const stream = session.request({ ':path': '/report', ...headers })
  const [head] = await once(stream, 'response')
  let text = ''
  for await (const chunk of stream.setEncoding('utf8')) text += chunk
  const entries = Object.entries(head).filter(([name]) => !name.startsWith(':')) as [string, string][]
  return new Response(text, { status: head[':status'], headers: entries })
}

async function openShop(handler: (request: Request) => Response | Promise<Response>) {
  const world = await createWorld()
  const shop = createPaywall(world.options)
  onTestFinished(() => shop.close({ timeoutMs: 1 }))
  const app = new Hono().use(paywall(shop)).get('/report', (c) => handler(c.req.raw))
  const session = await open(getRequestListener(app.fetch) as unknown as Listener)
  const offer = offerOf(await ask(session))
  return { session, proof: proofHeader(offer, await world.buyer.pay(offer)) }
}

test('an answer over HTTP/2 is sold once', async () => {
  const { session, proof } = await openShop(() => new Response('a paid report'))

  const paid = await ask(session, proof)
  expect(paid.status).toBe(200)
  expect(await paid.text()).toBe('a paid report')
  expect(paid.headers.get('payment-response')).toBeTruthy()
  expect((await ask(session, proof)).status).toBe(402)
})

test('a client that goes away over HTTP/2 before the answer starts has not used its payment', async () => {
  let start: (request: Request) => void = () => {}
  const started = new Promise<Request>((resolve) => {
    start = resolve
  })
  let runs = 0
  const { session, proof } = await openShop(async (request) => {
    if (++runs > 1) return new Response('a paid report')
    start(request)
    await once(request.signal, 'abort')
    return new Response('for nobody')
  })
  const impatient = session.request({ ':path': '/report', ...proof })
  await started
  impatient.close()

  await expect.poll(async () => (await ask(session, proof)).status).toBe(200)
})

test("Node's own HTTP/2 responses are refused before anybody pays", async () => {
  const heard = new Promise<unknown>((resolve) => {
    void open((req, res) => {
      try {
        // @ts-expect-error its types say so as well
        nodeRequest(req, res)
      } catch (error) {
        resolve(error)
      }
      res.end()
    }).then(ask)
  })

  expect(await heard).toMatchObject({ code: 'ERR_CONFIG', message: expect.stringContaining('nano402/hono') })
})
