/** A shop that tells all it can: events, metrics, traces, health and errors. Started by leaks.test.ts. */
import type { AddressInfo } from 'node:net'
import { BasicTracerProvider, ConsoleSpanExporter, SimpleSpanProcessor } from '@opentelemetry/sdk-trace-base'
import express from 'express'
import { createPaywall } from 'nano402'
import { paywall } from 'nano402/express'
import { createMetrics } from 'nano402/metrics'
import { createTracing } from 'nano402/otel'
import { say, sayWhatCame } from './say.ts'
import { type ShopSettings, settings } from './settings.ts'

const { secret, rpc, store, payTo } = settings<ShopSettings>()
const options = { network: 'nano:devnet', rpc, store, payTo, secret, price: '0.001', confirmTimeoutMs: 200 } as const

const metrics = createMetrics()
const provider = new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(new ConsoleSpanExporter())] })
const tracing = createTracing({ tracer: provider.getTracer('shop') })
const instance = createPaywall({
  ...options,
  onEvent(event) {
    metrics.onEvent(event)
    tracing.onEvent(event)
    say(event)
  },
})

// What is misconfigured is said, but not by quoting it.
for (const wrong of [
  { secret: secret.slice(0, 31) },
  { secret: [secret, ''] },
  { rpc: rpc.url.replace('http', 'gopher') },
  { rpc: { ...rpc, headers: { authorization: `${secret}\n` } } },
  { rpc: { ...rpc, unknown: secret } },
  { store: `${secret}://${secret}` },
  { publicUrl: `ftp://${secret}` },
  { network: secret as 'nano:devnet' },
]) {
  await sayWhatCame(() => createPaywall({ ...options, ...wrong } as typeof options))
}
say(instance)

const app = express()
app.get('/metrics', async (_req, res) => void res.send(await metrics.registry.metrics()))
app.get('/health', async (_req, res) => void res.json(await instance.health()))
app.get('/report', paywall(instance, { name: 'report' }), (req, res) => void res.json({ paidBy: req.payment?.payer }))
app.get('/broken', paywall(instance, { name: 'broken' }), () => {
  throw new Error('the handler is broken')
})
app.get('/unpriced', paywall(instance, { price: () => Promise.reject(new Error('no oracle')) }))
const server = app.listen(0, () => say({ port: (server.address() as AddressInfo).port }))

process.on('SIGTERM', async () => {
  await instance.close({ timeoutMs: 1_000 })
  await provider.shutdown()
  process.exit(0)
})
