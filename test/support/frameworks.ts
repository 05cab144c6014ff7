/** Every framework that has an adapter, behind one door: a whole app behind the paywall, on a real socket. */
import { createServer, type IncomingMessage, type RequestListener, type ServerResponse } from 'node:http'
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

/** A handler over Node's own request and response, for what only such a handler can do. */
export type NodeHandler = (
  req: IncomingMessage & { readonly payment?: Payment },
  res: ServerResponse,
  next: (error?: unknown) => void,
) => unknown

/** What runs such handlers behind nano402/express; or, as a twin to compare with, behind nothing. */
export interface NodeServer {
  readonly name: string
  /** Whether `res.json` and the like are there. */
  readonly isExpress: boolean
  serve(
    options: PaywallOptions | Paywall | 'unguarded',
    handler: NodeHandler,
    around?: { readonly before?: readonly NodeHandler[]; readonly after?: readonly NodeHandler[] },
  ): Promise<Served>
}

/** What runs handlers that return a `Response`. */
export interface FetchServer {
  readonly name: string
  serve(
    options: PaywallOptions | Paywall,
    handler: (request: Request, payment: Payment) => Response | Promise<Response>,
  ): Promise<Served>
}

const ok: Handler = () => ({ body: 'paid content' })

/** Counts how often a function runs. */
export function counted<P extends unknown[], R>(count: (...parameters: P) => R) {
  let runs = 0
  const run = (...parameters: P): R => {
    runs++
    return count(...parameters)
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

/** A fetch handler on a real socket. */
export async function listenFetch(fetch: (request: Request) => Response | Promise<Response>) {
  return new Promise<{ url: string; close(): Promise<void> }>((resolve) => {
    const server = serveFetch({ fetch, port: 0, hostname: '127.0.0.1', overrideGlobalObjects: false }, ({ port }) =>
      resolve({
        url: `http://127.0.0.1:${port}`,
        async close() {
          if ('closeAllConnections' in server) server.closeAllConnections()
          await new Promise((done) => server.close(done))
        },
      }),
    )
  })
}

/** Express 5 and Express 4, which an application uses alike. */
export const expresses: readonly { readonly name: string; readonly express: typeof express5 }[] = [
  { name: 'Express 5', express: express5 },
  { name: 'Express 4', express: express4 as unknown as typeof express5 },
]

/** Answers a failure as applications do: with 500, or, too late for that, as Express itself does. */
export const onExpressError: express5.ErrorRequestHandler = (error, _req, res, next) =>
  res.headersSent ? next(error) : void res.status(500).send('failed')

const expressServer = ({ name, express }: (typeof expresses)[number]): NodeServer => ({
  name,
  isExpress: true,
  async serve(options, handler, { before = [], after = [] } = {}) {
    const { run, runs } = counted(handler)
    const app = express()
    const use = (middleware: NodeHandler) =>
      app.use((req, res, next) => {
        const result = middleware(req, res, next)
        if (result instanceof Promise) result.catch(next) // which Express 4 leaves to the application
      })
    for (const middleware of before) use(middleware)
    if (options !== 'unguarded') app.use(expressPaywall(options))
    for (const middleware of after) use(middleware)
    use(run)
    app.use(onExpressError)
    const { url, close } = await listen(app)
    return { url, runs, close }
  },
})

/** No framework: Node's own server, and middleware called by hand. */
const plainServer: NodeServer = {
  name: 'node:http',
  isExpress: false,
  async serve(options, handler, { before = [], after = [] } = {}) {
    const { run, runs } = counted(handler)
    const gates: readonly NodeHandler[] = options === 'unguarded' ? [] : [expressPaywall(options)]
    const steps = [...before, ...gates, ...after, run]
    const { url, close } = await listen((req, res) => {
      const fail = () => {
        if (res.headersSent) return res.destroy()
        res.statusCode = 500
        res.end('failed')
      }
      const step = (i: number) => (error?: unknown) => {
        if (error) return void fail()
        Promise.resolve()
          .then(() => steps[i]?.(req, res, step(i + 1)))
          .catch(fail)
      }
      step(0)()
    })
    return { url, runs, close }
  },
}

export const nodeServers: readonly NodeServer[] = [...expresses.map(expressServer), plainServer]

const honoServer: FetchServer = {
  name: 'Hono',
  async serve(options, handler) {
    const { run, runs } = counted(handler)
    const app = new Hono()
    app.use(honoPaywall(options))
    app.all('*', (c) => run(c.req.raw, c.get('payment')))
    app.onError((_error, c) => c.text('failed', 500))
    return { ...(await listenFetch(app.fetch)), runs }
  },
}

const nextServer: FetchServer = {
  name: 'Next.js route handler',
  async serve(options, handler) {
    const { run, runs } = counted(handler)
    const route = nextPaywall<object>(options, (request, { payment }) => run(request, payment))
    const guarded = (request: Request) => route(request, {}).catch(() => new Response('failed', { status: 500 }))
    return { ...(await listenFetch(guarded)), runs }
  },
}

export const fetchServers: readonly FetchServer[] = [honoServer, nextServer]

const toResponse = ({ status = 200, headers = {}, body = '' }: Answer) =>
  new Response(status === 204 || status === 304 ? null : body, { status, headers })

const overNode = ({ name, serve }: NodeServer): Framework => ({
  name,
  serve: (options, handler = ok) =>
    serve(options, async (req, res) => {
      const url = (req as { originalUrl?: string }).originalUrl ?? req.url ?? ''
      const answer = await handler({ url, method: req.method ?? '', payment: req.payment as Payment })
      const { status = 200, headers = {}, body = '' } = answer
      res.writeHead(status, headers).end(body)
    }),
})

const overFetch = ({ name, serve }: FetchServer): Framework => ({
  name,
  serve: (options, handler = ok) =>
    serve(options, async (request, payment) =>
      toResponse(await handler({ url: request.url, method: request.method, payment })),
    ),
})

export const frameworks: readonly Framework[] = [
  ...nodeServers.slice(0, 2).map(overNode),
  ...fetchServers.map(overFetch),
]
