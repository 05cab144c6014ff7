/**
 * A server as the examples have it, on a store and a devnet that outlive it, to be killed and to be loaded. It stops at
 * the step that it is told to, and says so. What its handler did is on the disk before it goes on: no kill undoes it.
 */
import { fsyncSync, openSync, writeSync } from 'node:fs'
import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { getRequestListener } from '@hono/node-server'
import express from 'express'
import { Hono } from 'hono'
import type { PaywallOptions, Store } from 'nano402'
import { paywall as expressPaywall } from 'nano402/express'
import { paywall as honoPaywall } from 'nano402/hono'
import { createRpc } from '../../src/rpc/index.ts'
import { openStore } from '../../src/stores/open.node.ts'
import { failureOf, MENDED, type Settings } from './settings.ts'
import { type Step, watchNode, watchSteps } from './steps.ts'

const settings: Settings = JSON.parse(process.argv[2] ?? '')
const { framework, stopAt, handlerMs, isFailing, options } = settings

/** `ran`: the handler began. `left`: an answer that was paid for is about to leave. */
const journal = openSync(settings.log, 'a')
function note(what: 'ran' | 'left', hash: string): void {
  writeSync(journal, `${what} ${hash}\n`)
  fsyncSync(journal)
}

async function reach(step: Step): Promise<void> {
  if (step !== stopAt) return
  process.stdout.write(`stopped ${step}\n`)
  await new Promise(() => {})
}

const pause = (ms: number) => (ms > 0 ? new Promise((resolve) => setTimeout(resolve, ms)) : undefined)
const failureNow = (hash: string, isMended: boolean) => (isFailing && !isMended ? failureOf(hash) : undefined)

function expressApp(paid: PaywallOptions): RequestListener {
  const app = express()
  app.use((req, res, next) => {
    const { writeHead } = res
    // Each way of answering comes through here, right before its first byte.
    res.writeHead = (status: number, ...rest: unknown[]) => {
      if (req.payment && status < 400) note('left', req.payment.transaction)
      return Reflect.apply(writeHead, res, [status, ...rest])
    }
    next()
  })
  app.get('/report/:name', expressPaywall(paid), async (req, res) => {
    const hash = req.payment?.transaction ?? ''
    note('ran', hash)
    await reach('in handler')
    await pause(handlerMs)
    const failure = failureNow(hash, req.get(MENDED) !== undefined)
    if (failure === 'throws') throw new Error('failed')
    if (failure === 'hangs up') return void res.destroy()
    if (failure === 'says so') return void res.status(500).end()
    res.type('text').write('first piece, ')
    await reach('after first byte')
    res.end('last piece')
  })
  app.use(((_error, _req, res, _next) => void res.status(500).end()) satisfies express.ErrorRequestHandler)
  return app
}

function honoApp(paid: PaywallOptions): RequestListener {
  const app = new Hono()
  app.use(async (c, next) => {
    await next()
    const payment = c.get('payment')
    if (payment && c.res.status < 400) note('left', payment.transaction)
  })
  app.get('/report/:name', honoPaywall(paid), async (c) => {
    const hash = c.get('payment').transaction
    note('ran', hash)
    await reach('in handler')
    await pause(handlerMs)
    const failure = failureNow(hash, c.req.header(MENDED) !== undefined)
    if (failure === 'throws') throw new Error('failed')
    if (failure) return c.text('', 500)
    const pieces = (async function* () {
      yield 'first piece, '
      await reach('after first byte')
      yield 'last piece'
    })()
    const encoder = new TextEncoder()
    return c.body(
      new ReadableStream({
        async pull(controller) {
          const { done, value } = await pieces.next()
          if (done) controller.close()
          else controller.enqueue(encoder.encode(value))
        },
      }),
    )
  })
  app.onError((_error, c) => c.text('', 500))
  return getRequestListener(app.fetch, { overrideGlobalObjects: false })
}

const opened = await openStore(settings.store)
const store: Store = stopAt === undefined ? opened : watchSteps(opened, reach)
const node = createRpc({ endpoints: [options.rpc], network: options.network })
const rpc = stopAt === undefined ? node : watchNode(node, reach)
const app = framework === 'express' ? expressApp : honoApp
// Kept for long, because a busy client could use a connection in the very moment in which it is given up as idle.
const server = createServer({ keepAliveTimeout: 600_000 }, app({ ...options, rpc, store }))
server.listen(settings.port, '127.0.0.1', () => {
  process.stdout.write(`listening on ${(server.address() as AddressInfo).port}\n`)
})
