/** A fetch handler behind Node's own HTTP server: small bodies in, small bodies out. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Readable } from 'node:stream'

type Handler = (request: Request) => Response | Promise<Response>

export interface ServedFetch {
  readonly url: string
  /** Takes no more requests, and waits for those that are being answered. */
  close(): Promise<void>
}

/** Listens. Rejects when it cannot, with Node's own error. */
export async function serveFetch(
  handler: Handler,
  { port, host }: { port: number; host: string },
): Promise<ServedFetch> {
  const server = createServer((req, res) => {
    answer(handler, req, res).catch(() => (res.headersSent ? res.destroy() : res.writeHead(400).end()))
  })
  await new Promise<void>((resolve, reject) => server.once('error', reject).listen(port, host, resolve))
  const { port: taken } = server.address() as AddressInfo
  return { url: `http://${host.includes(':') ? `[${host}]` : host}:${taken}`, close: () => closed(server) }
}

async function answer(handler: Handler, req: IncomingMessage, res: ServerResponse): Promise<void> {
  const { method = 'GET', url = '/', headers } = req
  const gone = new AbortController()
  res.once('close', () => gone.abort())
  const hasBody = method !== 'GET' && method !== 'HEAD'
  const init = {
    method,
    headers: Object.entries(headers).flatMap(([name, value]) => (typeof value === 'string' ? [[name, value]] : [])),
    signal: gone.signal,
    ...(hasBody && { body: Readable.toWeb(req), duplex: 'half' }),
  }
  // The host is anybody's word, and means nothing here.
  const response = await handler(new Request(new URL(url, 'http://localhost'), init as RequestInit))
  // What was not read of a body that is too long would otherwise have to be.
  if (hasBody && !req.complete) res.setHeader('Connection', 'close')
  res.writeHead(response.status, Object.fromEntries(response.headers)).end(await response.text())
}

async function closed(server: Server): Promise<void> {
  const ended = new Promise((resolve) => server.close(resolve))
  server.closeIdleConnections()
  await ended
}
