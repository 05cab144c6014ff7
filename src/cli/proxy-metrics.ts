/** What the operator of a proxy looks at, on a port of its own that clients do not reach. */
import { createServer } from 'node:http'
import type { PaywallProxy } from '../proxy/index.ts'
import { CommandError, EXIT } from './command.ts'
import { listen, type Served } from './listen.ts'

/** @throws {@link CommandError} without prom-client. */
export async function loadMetrics() {
  try {
    const { createMetrics } = await import('../metrics/index.ts')
    return createMetrics({ process: true })
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ERR_MODULE_NOT_FOUND')) throw error
    throw new CommandError('--metrics-port needs prom-client: npm install prom-client', EXIT.failed, { cause: error })
  }
}

/** Serves `/metrics` for Prometheus, and `/health`: 503 while node, store or upstream is not there. */
export function serveMetrics(
  proxy: PaywallProxy,
  registry: { readonly contentType: string; metrics(): Promise<string> },
  at: { readonly port: number; readonly host: string },
): Promise<Served> {
  async function answer(path: string | undefined): Promise<Response> {
    if (path === '/metrics') {
      return new Response(await registry.metrics(), { headers: { 'Content-Type': registry.contentType } })
    }
    if (path !== '/health') return new Response('There are /metrics and /health.\n', { status: 404 })
    const [{ node, store }, upstream] = await Promise.all([proxy.paywall.health(), proxy.isUpstreamThere()])
    const health = { ok: node.ok && store.ok && upstream, node: node.ok, store: store.ok, upstream }
    return Response.json(health, { status: health.ok ? 200 : 503 })
  }
  const server = createServer(async (req, res) => {
    const found = await answer(req.url).catch(() => new Response(null, { status: 500 }))
    res.writeHead(found.status, Object.fromEntries(found.headers)).end(await found.text())
  })
  return listen(server, at)
}
