/** Servers that charge: our own, and the official ones with our plug-ins. */
import { createMiddleware as createFaremeterExpress } from '@faremeter/middleware/express'
import { createMiddleware as createFaremeterHono } from '@faremeter/middleware/hono'
import { x402ResourceServer } from '@x402/core/server'
import { paymentMiddleware as expressMiddleware } from '@x402/express'
import { paymentMiddleware as honoMiddleware } from '@x402/hono'
import express from 'express'
import { Hono } from 'hono'
import { createFacilitator, type Facilitator } from 'nano402/facilitator'
import { facilitatorHandler } from 'nano402/faremeter'
import { facilitatorClient, type NanoOption, nanoOption, nanoServer, type PaymentFlow } from 'nano402/x402'
import { counted, type Framework, frameworks, listen, listenFetch } from '../support/frameworks.ts'
import type { World } from '../support/world.ts'
import { type OpenServer, REPORT, type Server } from './pair.ts'

type Served = Pick<OpenServer, 'url' | 'close'>

const ours = ({ name, serve }: Framework): Server => ({
  name: `nano402 (${name})`,
  isOurs: true,
  wires: ['x402'],
  mechanisms: ['session'],
  async open({ options }) {
    const { url, ...served } = await serve(options, () => ({ body: REPORT }))
    return { url: `${url}/report`, ...served }
  },
})

/** A server of somebody else that charges through our facilitator. */
const stock = (
  name: string,
  serve: (facilitator: Facilitator, world: World, handler: () => string) => Promise<Served>,
): Server => ({
  name,
  isOurs: false,
  wires: ['x402'],
  mechanisms: ['session'],
  async open(world) {
    const { rpc, network, secret } = world.options
    const facilitator = createFacilitator({ rpc, network, secret, store: 'memory' })
    const { run, runs } = counted(() => REPORT)
    const { url, close } = await serve(facilitator, world, run)
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

/** The official middleware's configuration. */
export function routesFor(facilitator: Facilitator, { options }: World, paymentFlow?: PaymentFlow) {
  const { network, price, payTo } = options
  const accepts: NanoOption = nanoOption(facilitator, { network, price, payTo, ...(paymentFlow && { paymentFlow }) })
  const server = new x402ResourceServer(facilitatorClient(facilitator)).register(network, nanoServer())
  return { routes: { 'GET /report': { accepts, description: 'A report' } }, server }
}

const pricing = ({ options: { network, payTo } }: World) => [
  { amount: (10n ** 27n).toString(), asset: 'XNO', recipient: payTo, network },
]
const FAREMETER = { supportedVersions: { x402v1: true, x402v2: true } }

export const servers: readonly Server[] = [
  stock('@x402/express', (facilitator, world, handler) => {
    const { routes, server } = routesFor(facilitator, world)
    const app = express()
    app.use(expressMiddleware(routes, server))
    app.get('/report', (_req, res) => void res.send(handler()))
    return listen(app)
  }),
  stock('@x402/hono', (facilitator, world, handler) => {
    const { routes, server } = routesFor(facilitator, world)
    const app = new Hono()
    app.use(honoMiddleware(routes, server))
    app.get('/report', (c) => c.text(handler()))
    return listenFetch(app.fetch)
  }),
  stock('@faremeter/middleware (Express)', async (facilitator, world, handler) => {
    const x402Handlers = [facilitatorHandler(facilitator, world.options)]
    const app = express()
    app.use(await createFaremeterExpress({ x402Handlers, pricing: pricing(world), ...FAREMETER }))
    app.get('/report', (_req, res) => void res.send(handler()))
    return listen(app)
  }),
  stock('@faremeter/middleware (Hono)', async (facilitator, world, handler) => {
    const x402Handlers = [facilitatorHandler(facilitator, world.options)]
    const app = new Hono()
    app.use(await createFaremeterHono({ x402Handlers, pricing: pricing(world), ...FAREMETER }))
    app.get('/report', (c) => c.text(handler()))
    return listenFetch(app.fetch)
  }),
  ...frameworks.map(ours),
]
