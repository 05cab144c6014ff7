/** Stock servers with several routes, over one facilitator: what the attacks are tried on. */
import { createMiddleware as createFaremeterHono } from '@faremeter/middleware/hono'
import { x402ResourceServer } from '@x402/core/server'
import { paymentMiddleware as expressMiddleware } from '@x402/express'
import { paymentMiddleware as honoMiddleware } from '@x402/hono'
import express from 'express'
import { Hono } from 'hono'
import { createFacilitator } from 'nano402/facilitator'
import { facilitatorHandler } from 'nano402/faremeter'
import { facilitatorClient, nanoOption, nanoServer } from 'nano402/x402'
import { listen, listenFetch } from '../support/frameworks.ts'
import type { World } from '../support/world.ts'

export interface Stock {
  /** Where a server listens. */
  url(name: string): string
  /** How often any handler ran. */
  runs(): number
  close(): Promise<void>
}

export async function openStock(world: World): Promise<Stock> {
  const { rpc, network, secret, payTo } = world.options
  const facilitator = createFacilitator({
    rpc,
    network,
    secret,
    store: 'memory',
    mechanisms: ['session', 'signed-block'],
  })
  let runs = 0
  const content = () => {
    runs++
    return 'content'
  }
  const option = (price: string) => nanoOption(facilitator, { network, price, payTo })
  const late = nanoOption(facilitator, { network, price: '0.001', payTo, paymentFlow: 'authorization' })
  const block = nanoOption(facilitator, { network, price: '0.001', payTo, mechanism: 'signed-block' })
  const routes = {
    'GET /block': { accepts: block },
    'GET /cheap': { accepts: option('0.001') },
    'GET /dear': { accepts: option('1') },
    'GET /fails': { accepts: option('0.001') },
    'GET /late': { accepts: late },
    'GET /fails-late': { accepts: late },
  }
  const server = () => new x402ResourceServer(facilitatorClient(facilitator)).register(network, nanoServer())

  const expressApp = express()
  expressApp.use(expressMiddleware(routes, server()))
  expressApp.get(['/cheap', '/dear', '/late', '/block'], (_req, res) => void res.send(content()))
  expressApp.get(['/fails', '/fails-late'], (_req, res) => void res.status(500).send(content()))

  const honoApp = new Hono()
  honoApp.use(honoMiddleware(routes, server()))
  for (const path of ['/cheap', '/dear']) honoApp.get(path, (c) => c.text(content()))

  const faremeterApp = new Hono()
  const x402Handlers = [facilitatorHandler(facilitator, { network })]
  for (const [path, amount] of [
    ['/cheap', 10n ** 27n],
    ['/dear', 10n ** 30n],
  ] as const) {
    const pricing = [{ amount: amount.toString(), asset: 'XNO', recipient: payTo, network }]
    faremeterApp.use(path, await createFaremeterHono({ x402Handlers, pricing, supportedVersions: { x402v2: true } }))
    faremeterApp.get(path, (c) => c.text(content()))
  }

  const served = {
    '/x402-express': await listen(expressApp),
    '/x402-hono': await listenFetch(honoApp.fetch),
    '/faremeter-hono': await listenFetch(faremeterApp.fetch),
  }
  return {
    url: (name) => served[name as keyof typeof served].url,
    runs: () => runs,
    async close() {
      for (const { close } of Object.values(served)) await close()
      await facilitator.close()
    },
  }
}
