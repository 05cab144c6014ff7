/** Every framework that has an adapter, behind one door: a whole app behind the paywall, on a real socket. */
import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { serve as serveFetch } from '@hono/node-server'
import express5 from 'express'
import express4 from 'express4'
import { Hono } from 'hono'
import type { Payment, Paywall, PaywallOptions } from 'nano402'
import { paywall as expressPaywall } from 'nano402/express'
import { paywall as honoPaywall } from 'nano402/hono'
import { paywall as nextPaywall } from 'nano402/next'

/** What a handler says, whatever the framework. */
export interface Answer {
  readonly status?: number
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string
}
/** Runs once per served request. A throw is the framework's to handle. */
export type Handler = (request: {
  readonly url: string
  readonly method: string
  readonly payment: Payment
}) => Answer | Promise<Answer>

export interface Served {
  readonly url: string
  /** How often the handler ran. */
  runs(): number
  close(): Promise<void>
}

export interface Framework {
  readonly name: string
  /** Everything below `/` is paid for. */
  serve(options: PaywallOptions | Paywall, handler?: Handler): Promise<Served>
}

const ok: Handler = () => ({ body: 'paid content' })

/** Counts how often a handler runs. */
function counted(handler: Handler) {
  let runs = 0
  const run: Handler = (request) => {
    runs++
    return handler(request)
  }
  return { run, runs: () => runs }
}

/** Listens on a free port of loopback. */
export async function listen(listener: RequestListener) {
  const server = createServer(listener)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    server,
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async close() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

type ExpressFactory = typeof express5

const expressFramework = (name: string, express: ExpressFactory): Framework => ({
  name,
  async serve(options, handler = ok) {
    const { run, runs } = counted(handler)
    const app = express()
    app.use(expressPaywall(options))
    app.use((req, res, next) => {
      // As an application of both Express 4 and 5 writes an asynchronous handler.
      Promise.resolve()
        .then(() => run({ url: req.originalUrl, method: req.method, payment: req.payment as Payment }))
        .then(({ status = 200, headers = {}, body = '' }) => void res.status(status).set(headers).send(body))
        .catch(next)
    })
    app.use(((_error, _req, res, _next) => void res.status(500).send('failed')) satisfies express5.ErrorRequestHandler)
    const { url, close } = await listen(app)
    return { url, runs, close }
  },
})

/** A fetch handler on a real socket. */
async function listenFetch(fetch: (request: Request) => Response | Promise<Response>) {
  return new Promise<{ url: string; close(): Promise<void> }>((resolve) => {
    const server = serveFetch({ fetch, port: 0, hostname: '127.0.0.1', overrideGlobalObjects: false }, ({ port }) =>
      resolve({
        url: `http://127.0.0.1:${port}`,
        close: () => new Promise((done) => server.close(() => done())),
      }),
    )
  })
}

const respond = ({ status = 200, headers = {}, body = '' }: Answer) =>
  new Response(status === 204 || status === 304 ? null : body, { status, headers })

const hono: Framework = {
  name: 'Hono',
  async serve(options, handler = ok) {
    const { run, runs } = counted(handler)
    const app = new Hono()
    app.use(honoPaywall(options))
    app.all('*', async (c) => respond(await run({ url: c.req.url, method: c.req.method, payment: c.get('payment') })))
    app.onError((_error, c) => c.text('failed', 500))
    return { ...(await listenFetch(app.fetch)), runs }
  },
}

const next: Framework = {
  name: 'Next.js route handler',
  async serve(options, handler = ok) {
    const { run, runs } = counted(handler)
    const route = nextPaywall<object>(options, async (request, { payment }) =>
      respond(await run({ url: request.url, method: request.method, payment })),
    )
    const guarded = (request: Request) => route(request, {}).catch(() => new Response('failed', { status: 500 }))
    return { ...(await listenFetch(guarded)), runs }
  },
}

export const frameworks: readonly Framework[] = [
  expressFramework('Express 5', express5),
  expressFramework('Express 4', express4 as unknown as ExpressFactory),
  hono,
  next,
]
