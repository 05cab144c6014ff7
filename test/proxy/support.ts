/** An upstream that says what it saw, and a proxy in front of it, on one devnet. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createProxy, type ProxyOptions } from 'nano402/proxy'
import { onTestFinished } from 'vitest'
import type { World } from '../support/world.ts'

export type UpstreamHandler = (req: IncomingMessage, res: ServerResponse) => void

/** Says what it was asked: `METHOD target`. */
export const echo: UpstreamHandler = (req, res) => res.end(`${req.method} ${req.url}`)

/** A server of Node's own that ends with the test. `seen`: what it was asked, in order. */
export async function openUpstream(handler: UpstreamHandler = echo) {
  const seen: IncomingMessage[] = []
  const server = createServer((req, res) => {
    seen.push(req)
    handler(req, res)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  const { port } = server.address() as AddressInfo
  return {
    server,
    url: `http://127.0.0.1:${port}`,
    seen,
    asked: () => seen.map(({ method, url }) => `${method} ${url}`),
  }
}

/** `/report` and all below `/paid` cost 0.001 XNO, all below `/free` nothing, and there is nothing else. */
export const ROUTES = [
  { path: '/report', price: '0.001', description: 'The report of the day' },
  { path: '/paid/*', price: '0.001' },
  { path: '/free/*', free: true },
] as const

/** A proxy that listens and ends with the test. */
export async function openProxy({ options }: World, upstream: string, more: Partial<ProxyOptions> = {}) {
  const proxy = createProxy({ ...options, upstream, routes: ROUTES, ...more })
  const url = await proxy.listen({ port: 0 })
  onTestFinished(() => proxy.close({ timeoutMs: 1 }))
  return { url, proxy }
}

/** The headers of a request for a change to websockets. */
export const websocketLines = [
  'Connection: Upgrade',
  'Upgrade: websocket',
  'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
  'Sec-WebSocket-Version: 13',
]
