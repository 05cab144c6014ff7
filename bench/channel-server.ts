/**
 * The server that bench/channels.ts measures, in a process of its own so that its CPU is its own: the same Hono route three
 * times, bare at `/bare`, paid for at `/report`, and at `/marked` behind a middleware that does nothing but set the headers
 * that a paid answer has. It answers over IPC what it has used so far.
 */
import { serve } from '@hono/node-server'
import { Hono, type MiddlewareHandler } from 'hono'
import { createPaywall, type PaywallOptions } from 'nano402'
import { paywall } from 'nano402/hono'
import { collectGarbage } from './measure.ts'

/** CPU of the whole process since it began, and its memory after a collection, if that was asked for. */
export interface Usage {
  readonly cpuMicros: number
  readonly heapBytes?: number
  readonly residentBytes?: number
}

export type Question = 'cpu' | 'memory' | 'stop'

/** As long as what an answer says of a payment in a channel. */
const SETTLEMENT = 'A'.repeat(900)

const mark: MiddlewareHandler = async (c, next) => {
  await next()
  const { headers } = c.res
  headers.set('PAYMENT-RESPONSE', SETTLEMENT)
  headers.set('Cache-Control', 'private')
  headers.set('Vary', 'PAYMENT-SIGNATURE')
  headers.set('Access-Control-Expose-Headers', 'PAYMENT-REQUIRED, PAYMENT-RESPONSE')
}

const options: PaywallOptions = JSON.parse(process.argv[2] ?? '')
const instance = createPaywall(options)
const app = new Hono()
app.get('/bare', (c) => c.json({ report: 'worth every raw' }))
app.get('/marked', mark, (c) => c.json({ report: 'worth every raw' }))
app.get('/report', paywall(instance), (c) => c.json({ report: 'worth every raw' }))

const server = serve({ fetch: app.fetch, hostname: '127.0.0.1', port: 0 }, ({ port }) => {
  process.send?.({ url: `http://127.0.0.1:${port}` })
})

function usage(question: Question): Usage {
  const { user, system } = process.cpuUsage()
  if (question === 'cpu') return { cpuMicros: user + system }
  collectGarbage()
  const { heapUsed, external, rss } = process.memoryUsage()
  return { cpuMicros: user + system, heapBytes: heapUsed + external, residentBytes: rss }
}

process.on('message', (question: Question) => {
  if (question !== 'stop') return void process.send?.(usage(question))
  server.close()
  void instance.close({ timeoutMs: 1_000 }).then(() => process.exit(0))
})
