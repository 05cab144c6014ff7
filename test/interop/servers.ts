/** Servers that charge: our own, and the official ones with our plug-ins. */
import { createMiddleware as createFaremeterExpress } from '@faremeter/middleware/express'
import { createMiddleware as createFaremeterHono } from '@faremeter/middleware/hono'
import { x402Facilitator } from '@x402/core/facilitator'
import { type FacilitatorClient, HTTPFacilitatorClient, x402ResourceServer } from '@x402/core/server'
import { paymentMiddleware as expressMiddleware } from '@x402/express'
import { paymentMiddleware as honoMiddleware } from '@x402/hono'
import express from 'express'
import { Hono } from 'hono'
import { createFacilitator, type Facilitator, type FacilitatorService, facilitatorApp } from 'nano402/facilitator'
import { facilitatorHandler } from 'nano402/faremeter'
import {
  facilitatorClient,
  nanoFacilitator,
  nanoOption,
  nanoServer,
  type PaymentFlow,
  remoteFacilitator,
} from 'nano402/x402'
import { counted, type Framework, frameworks, listen, listenFetch } from '../support/frameworks.ts'
import type { World } from '../support/world.ts'
import { nextServer } from './next.ts'
import { MECHANISMS, type Mechanism, type OpenServer, REPORT, type Server, type Trial } from './pair.ts'

type Served = Pick<OpenServer, 'url' | 'close'>

const ours = ({ name, serve }: Framework): Server => ({
  name: `nano402 (${name})`,
  wires: ['x402', 'x402-v1', 'nanosession-3', 'nanosession-5', 'nanosession-7'],
  mechanisms: MECHANISMS,
  async open({ options }, { wire, mechanism }) {
    // Behind a proxy, as most are, so that it can say where it is: Faremeter's client of version 1 takes no path for a resource.
    let origin = ''
    const proxy = await listenFetch((request) => fetch(new Request(origin + new URL(request.url).pathname, request)))
    const how = { ...options, publicUrl: proxy.url, wire: [wire], mechanisms: [mechanism] }
    const served = await serve(how, () => ({ body: REPORT }))
    origin = served.url
    return {
      url: `${proxy.url}/report`,
      runs: served.runs,
      async close() {
        await proxy.close()
        await served.close()
      },
    }
  },
})

/** What a server of somebody else is given. */
export interface Given extends Trial {
  readonly facilitator: FacilitatorService
  readonly world: World
  readonly handler: () => string
}

/** A server of somebody else that charges through our facilitator. */
const stock = (name: string, wires: Server['wires'], serve: (given: Given) => Promise<Served>): Server => ({
  name,
  wires,
  mechanisms: MECHANISMS,
  async open(world, trial) {
    const { rpc, network, secret } = world.options
    const facilitator = createFacilitator({ rpc, network, secret, store: 'memory', mechanisms: [trial.mechanism] })
    const { run: handler, runs } = counted(() => REPORT)
    const { url, close } = await serve({ ...trial, facilitator, world, handler })
    return {
      url: `${url}/report`,
      runs,
      async close() {
        await close()
        await facilitator.close()
      },
    }
  },
})

export interface StockOptions {
  readonly mechanism?: Mechanism
  readonly paymentFlow?: PaymentFlow
  /** Whom the SDK asks to verify and settle. Default: the facilitator, in this process. */
  readonly client?: FacilitatorClient
}

/** The official middleware's configuration: a route that is charged for, and the server that knows how. */
export function stockConfig(
  facilitator: Facilitator,
  { options: { network, price, payTo } }: World,
  { client = facilitatorClient(facilitator), ...how }: StockOptions = {},
) {
  const accepts = nanoOption(facilitator, { network, price, payTo, ...how })
  const server = new x402ResourceServer(client).register(network, nanoServer())
  return { route: { accepts, description: 'A report' }, server }
}

export async function serveExpress({ route, server }: ReturnType<typeof stockConfig>, handler: () => string) {
  const app = express()
  app.use(expressMiddleware({ 'GET /report': route }, server))
  app.get('/report', (_req, res) => void res.send(handler()))
  return listen(app)
}

async function serveHono({ route, server }: ReturnType<typeof stockConfig>, handler: () => string) {
  const app = new Hono()
  app.use(honoMiddleware({ 'GET /report': route }, server))
  app.get('/report', (c) => c.text(handler()))
  return listenFetch(app.fetch)
}

const pricing = ({ options: { network, payTo } }: World) => [
  { amount: (10n ** 27n).toString(), asset: 'XNO', recipient: payTo, network },
]
const versions = ({ wire }: Trial) => ({ x402v1: wire === 'x402-v1', x402v2: wire === 'x402' })

export const servers: readonly Server[] = [
  stock('@x402/express', ['x402'], ({ facilitator, world, handler, mechanism }) =>
    serveExpress(stockConfig(facilitator, world, { mechanism }), handler),
  ),
  stock('@x402/express, HTTP facilitator', ['x402'], async ({ facilitator, world, handler, mechanism }) => {
    const token = 'a-token-of-the-interop-tests-0123456789'
    const { url, close } = await listenFetch(facilitatorApp(facilitator, { tokens: { shop: token } }).fetch)
    const headers = { authorization: `Bearer ${token}` }
    const client = new HTTPFacilitatorClient({
      url,
      createAuthHeaders: async () => ({ verify: headers, settle: headers, supported: headers }),
    })
    const config = stockConfig(remoteFacilitator({ url, token }), world, { mechanism, client })
    const shop = await serveExpress(config, handler)
    return {
      url: shop.url,
      async close() {
        await shop.close()
        await close()
      },
    }
  }),
  stock('@x402/hono', ['x402'], ({ facilitator, world, handler, mechanism }) =>
    serveHono(stockConfig(facilitator, world, { mechanism }), handler),
  ),
  stock('@x402/hono, x402Facilitator', ['x402'], ({ facilitator, world, handler, mechanism }) => {
    const theirs = new x402Facilitator().register(world.options.network, nanoFacilitator(facilitator))
    const client: FacilitatorClient = {
      getSupported: async () => theirs.getSupported() as Awaited<ReturnType<FacilitatorClient['getSupported']>>,
      verify: (payment, requirements) => theirs.verify(payment, requirements),
      settle: (payment, requirements) => theirs.settle(payment, requirements),
    }
    return serveHono(stockConfig(facilitator, world, { mechanism, client }), handler)
  }),
  nextServer,
  stock('@faremeter/middleware (Express)', ['x402', 'x402-v1'], async ({ facilitator, world, handler, ...trial }) => {
    const x402Handlers = [facilitatorHandler(facilitator, world.options)]
    const app = express()
    const supportedVersions = versions(trial)
    app.use(await createFaremeterExpress({ x402Handlers, pricing: pricing(world), supportedVersions }))
    app.get('/report', (_req, res) => void res.send(handler()))
    return listen(app)
  }),
  stock('@faremeter/middleware (Hono)', ['x402', 'x402-v1'], async ({ facilitator, world, handler, ...trial }) => {
    const x402Handlers = [facilitatorHandler(facilitator, world.options)]
    const app = new Hono()
    const supportedVersions = versions(trial)
    app.use(await createFaremeterHono({ x402Handlers, pricing: pricing(world), supportedVersions }))
    app.get('/report', (c) => c.text(handler()))
    return listenFetch(app.fetch)
  }),
  ...frameworks.map(ours),
]
