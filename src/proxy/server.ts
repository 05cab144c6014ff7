/** The socket side: Node's own server, changes of protocol, and an end that cuts nobody off. */
import { createServer, type IncomingMessage, ServerResponse } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { type Duplex, pipeline } from 'node:stream'
import { asksForWebsocket } from './request.ts'

/** Answers a request. `onUpgrade`: it asks for websockets, and this is for its upstream's connection. */
export type Serve = (
  req: IncomingMessage,
  res: ServerResponse,
  onUpgrade?: (upstream: Duplex, head: Buffer) => void,
) => Promise<void>

/** Longer than the proxies in front of this one keep a connection that nobody uses. */
const KEEP_ALIVE_MS = 65_000

export interface ProxyServer {
  /** Listens, and gives its URL. Rejects with Node's own error. */
  listen(at: { readonly port: number; readonly host: string }): Promise<string>
  /** Takes no more connections, waits for the answers under way, and for no longer than this ends the rest. */
  drain(timeoutMs: number): Promise<void>
}

export function createProxyServer(serve: Serve): ProxyServer {
  const changed = new Set<Duplex>()
  let isDraining = false
  const answer: Serve = async (req, res, onUpgrade) => {
    if (isDraining) res.shouldKeepAlive = false
    res.once('close', () => {
      if (isDraining) setImmediate(() => server.closeIdleConnections())
    })
    await serve(req, res, onUpgrade).catch(() => res.destroy())
  }

  const server = createServer({ keepAliveTimeout: KEEP_ALIVE_MS }, answer)
  server.on('checkContinue', answer) // who is refused need not send the body
  server.on('upgrade', (req: IncomingMessage, socket: Socket, head: Buffer) => {
    if (!asksForWebsocket(req)) return withoutUpgrade(req, socket, head)
    socket.on('error', () => socket.destroy())
    const res = new ServerResponse(req)
    res.shouldKeepAlive = false
    res.assignSocket(socket)
    res.once('finish', () => {
      res.detachSocket(socket)
      if (res.statusCode !== 101) socket.destroySoon()
    })
    void answer(req, res, (upstream, upstreamHead) => {
      for (const one of [socket, upstream]) {
        changed.add(one)
        one.once('close', () => changed.delete(one))
      }
      if (head.length > 0) socket.unshift(head)
      if (upstreamHead.length > 0) upstream.unshift(upstreamHead)
      pipeline(socket, upstream, socket, () => {})
    })
  })
  /** Somebody would rather speak HTTP/2, and does not insist: the request is read again, without the question. */
  function withoutUpgrade({ method, url, rawHeaders }: IncomingMessage, socket: Socket, head: Buffer): void {
    const lines = rawHeaders.flatMap((name, i) =>
      i % 2 === 0 && !/^(?:upgrade|http2-settings|connection)$/i.test(name) ? [`${name}: ${rawHeaders[i + 1]}`] : [],
    )
    const again = Buffer.from([`${method} ${url} HTTP/1.1`, ...lines, '', ''].join('\r\n'), 'latin1')
    socket.unshift(Buffer.concat([again, head]))
    server.emit('connection', socket)
  }

  return {
    async listen({ port, host }) {
      await new Promise<void>((resolve, reject) => server.once('error', reject).listen(port, host, resolve))
      const { port: taken } = server.address() as AddressInfo
      return `http://${host.includes(':') ? `[${host}]` : host}:${taken}`
    },
    async drain(timeoutMs) {
      isDraining = true
      const ended = new Promise((resolve) => server.close(resolve))
      server.closeIdleConnections()
      const deadline = setTimeout(() => {
        server.closeAllConnections()
        for (const socket of changed) socket.destroy()
      }, timeoutMs)
      await ended
      clearTimeout(deadline)
    },
  }
}
