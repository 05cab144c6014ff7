/** What `npm run attack` attacks: a shop in each framework, as an application would open it, on a socket of its own. */
import { cp, mkdir, mkdtemp, rm, symlink } from 'node:fs/promises'
import { join } from 'node:path'
import express from 'express'
import { Hono } from 'hono'
import { createPaywall, type PaywallOptions } from 'nano402'
import { paywall as onExpress } from 'nano402/express'
import { paywall as onHono } from 'nano402/hono'
import { createProxy } from 'nano402/proxy'
import { type Child, ROOT, startChild } from '../support/child.ts'
import { listen, listenFetch, type NodeHandler, onExpressError } from '../support/frameworks.ts'

/** A shop that is open. What it sells, and how its handlers are asked for trouble, `Shop` in list/attack.ts says. */
export interface OpenShop {
  readonly url: string
  handlerRuns(): Promise<number>
  close(): Promise<void>
}

export type Opening = (options: PaywallOptions & { readonly rpc: string; readonly payTo: string }) => Promise<OpenShop>

const CHEAP = { price: '0.001' }
const DEAR = { price: '0.01' }

/** The one handler of all routes. */
function createHandler() {
  let runs = 0
  let waiting: (() => void)[] = []
  return {
    runs: async () => runs,
    /** Lets handlers that wait go on. */
    go: () => {
      for (const goOn of waiting) goOn()
      waiting = []
    },
    async answer(trouble: string | null | undefined): Promise<{ readonly status: number; readonly body: string }> {
      runs++
      if (trouble === 'throw') throw new Error('The handler failed.')
      if (trouble === 'wait') await new Promise<void>((resolve) => waiting.push(resolve))
      return trouble === 'fail' ? { status: 500, body: 'failed' } : { status: 200, body: 'paid content' }
    },
  }
}

const openExpress: Opening = async (options) => {
  const handler = createHandler()
  const shop = createPaywall(options)
  const sell: express.RequestHandler = async (req, res) => {
    const { status, body } = await handler.answer(req.get('x-handler'))
    res.status(status).send(body)
  }
  const app = express()
  app.use((_req, res, next) => {
    res.set({ 'Set-Cookie': 'session=secret', 'X-Secret': 'set before the paywall' })
    next()
  })
  app.get('/free', (_req, res) => {
    handler.go()
    res.send('free')
  })
  app.all('/report', onExpress(shop, CHEAP), sell)
  app.use('/premium', onExpress(shop, DEAR))
  app.all('/premium/:name', sell)
  app.use(onExpressError)
  const { url, close } = await listen(app)
  return { url, close, handlerRuns: handler.runs }
}

const openHono: Opening = async (options) => {
  const handler = createHandler()
  const shop = createPaywall(options)
  const app = new Hono()
  app.use(async (c, next) => {
    c.header('Set-Cookie', 'session=secret')
    c.header('X-Secret', 'set before the paywall')
    await next()
  })
  const sell = async (trouble: string | undefined) => {
    const { status, body } = await handler.answer(trouble)
    return new Response(body, { status })
  }
  app.get('/free', (c) => {
    handler.go()
    return c.text('free')
  })
  app.all('/report', onHono(shop, CHEAP), (c) => sell(c.req.header('x-handler')))
  app.use('/premium/*', onHono(shop, DEAR))
  app.all('/premium/:name', (c) => sell(c.req.header('x-handler')))
  app.onError((_error, c) => c.text('failed', 500))
  const { url, close } = await listenFetch(app.fetch)
  return { url, close, handlerRuns: handler.runs }
}

/** Node's own server, and a router of one's own. */
const openNode: Opening = async (options) => {
  const handler = createHandler()
  const shop = createPaywall(options)
  const [cheap, dear] = [onExpress(shop, CHEAP), onExpress(shop, DEAR)]
  const sell: NodeHandler = async (req, res) => {
    const { status, body } = await handler.answer(req.headers['x-handler']?.toString())
    res.writeHead(status).end(body)
  }
  const { url, close } = await listen((req, res) => {
    res.setHeader('Set-Cookie', 'session=secret').setHeader('X-Secret', 'set before the paywall')
    const fail = () => res.writeHead(500).end('failed')
    const next = () => void Promise.resolve(sell(req, res, fail)).catch(fail)
    const [path = ''] = (req.url ?? '').split('?')
    if (path === '/free') {
      handler.go()
      return res.end('free')
    }
    if (path === '/report') return cheap(req, res, next)
    if (path.startsWith('/premium')) return dear(req, res, next)
    return res.writeHead(404).end('not found')
  })
  return { url, close, handlerRuns: handler.runs }
}

/** A server that knows of no payment, behind the proxy. It would answer anything below a path that it knows. */
const openProxy: Opening = async (options) => {
  const handler = createHandler()
  const upstream = await listen(async (req, res) => {
    res.setHeader('X-Secret', 'of the upstream')
    const { pathname } = new URL(req.url ?? '/', 'http://upstream')
    if (/^\/free$/i.test(pathname)) {
      handler.go()
      return void res.end('free')
    }
    const { status, body } = await handler
      .answer(req.headers['x-handler']?.toString())
      .catch(() => ({ status: 500, body: 'failed' }))
    res.writeHead(status).end(body)
  })
  const proxy = createProxy({
    ...options,
    upstream: upstream.url,
    routes: [
      { path: '/report', ...CHEAP },
      { path: '/premium/*', ...DEAR },
      { path: '/free', free: true },
    ],
  })
  const url = await proxy.listen({ port: 0 })
  return {
    url,
    handlerRuns: handler.runs,
    async close() {
      await proxy.close({ timeoutMs: 1 })
      await upstream.close()
    },
  }
}

/**
 * An application that Next.js has built, in a process of its own. It has what examples/next installs; its sources are in
 * next/ beside this file, and are built in a folder that goes with it.
 */
const openNext: Opening = async ({ rpc, payTo, secret }) => {
  await mkdir(join(ROOT, 'test-artifacts'), { recursive: true })
  const directory = await mkdtemp(join(ROOT, 'test-artifacts/attack-'))
  const next = (args: readonly string[], env: Readonly<Record<string, string>> = {}): Child =>
    startChild(process.execPath, ['node_modules/next/dist/bin/next', ...args], {
      cwd: directory,
      env: { ...env, NEXT_TELEMETRY_DISABLED: '1' },
    })
  const remove = () => rm(directory, { recursive: true })
  try {
    await cp(join(ROOT, 'test/attack/next'), directory, { recursive: true })
    await symlink(join(ROOT, 'examples/next/node_modules'), join(directory, 'node_modules'))
    const building = next(['build'])
    if ((await building.ended) !== 0) throw new Error(`next build failed:\n${building.output()}`)
    const app = next(['start', '-H', '127.0.0.1', '-p', '0'], {
      NANO402_NETWORK: 'nano:devnet',
      NANO402_RPC_URL: rpc,
      NANO402_PAY_TO: payTo,
      NANO402_SECRET: String(secret),
      NANO402_STORE: `sqlite:${join(directory, 'claims.sqlite')}`,
    })
    const [, url = ''] = await app.printed(/Local: +(http:\/\/127\.0\.0\.1:\d+)[\s\S]*Ready/)
    return {
      url,
      handlerRuns: async () => Number(await (await fetch(`${url}/runs`)).text()),
      async close() {
        await app.stop()
        await remove()
      },
    }
  } catch (error) {
    await remove()
    throw error
  }
}

/** By the name of the adapter. */
export const openings: Readonly<Record<string, Opening>> = {
  express: openExpress,
  hono: openHono,
  'node:http': openNode,
  proxy: openProxy,
  next: openNext,
}
