/** One request to the upstream and its answer back, streamed both ways by httpxy. */
import type { ClientRequest, IncomingMessage, ServerResponse } from 'node:http'
import { type Duplex, Writable } from 'node:stream'
import { createProxyServer } from 'httpxy'
import { refuse } from './answers.ts'
import { responseHeaders } from './headers.ts'
import type { UpstreamFault } from './options.ts'
import type { Upstream } from './upstream.ts'

export interface ForwardOptions {
  readonly upstream: Pick<Upstream, 'target' | 'agent'>
  /** How long nothing may happen until the answer begins. */
  readonly timeoutMs: number
  /** One payment buys one run at a time: while the upstream is at work, its client's leaving is not passed on. */
  readonly isPaid: boolean
  /** Takes the upstream's connection, once it has changed to websockets and the client has been told so. */
  readonly onUpgrade?: (upstream: Duplex, head: Buffer) => void
  readonly onFault: (code: UpstreamFault['code'], message: string) => void
}

/**
 * Sends on what `req` is by now, and answers `res`: with what the upstream says, or with 502 or 504. Resolves when the upstream
 * is done with. `res` may be held.
 */
export async function forward(req: IncomingMessage, res: ServerResponse, options: ForwardOptions): Promise<void> {
  const { upstream, timeoutMs, isPaid, onUpgrade, onFault } = options
  const proxy = createProxyServer({ ...upstream, selfHandleResponse: true })
  const leg = standIn()
  let answer: IncomingMessage | undefined
  let deadline: ReturnType<typeof setTimeout> | undefined
  let isOver = false

  const end = (how: 'end' | 'destroy') => {
    isOver = true
    clearTimeout(deadline)
    leg[how]()
  }
  const fail = (code: UpstreamFault['code'], message: string) => {
    if (isOver) return
    onFault(code, message)
    if (res.headersSent)
      res.destroy() // broken off: the client must not take it for the whole
    else refuse(res, code)
    end('destroy')
  }
  const wait = () => {
    clearTimeout(deadline)
    if (!answer && !isOver)
      deadline = setTimeout(() => fail('upstream_timeout', `silent for ${timeoutMs} ms`), timeoutMs)
  }
  /** Passes on how the answer begins. */
  const begin = (from: IncomingMessage, isUpgrade: boolean) => {
    clearTimeout(deadline)
    answer = from
    const { statusCode = 502, statusMessage = '', rawHeaders } = from
    res.writeHead(statusCode, statusMessage, responseHeaders(rawHeaders, { isUpgrade }))
    if (res.destroyed) end('destroy') // whoever asked has gone meanwhile
  }

  proxy.on('proxyReq', (outgoing: ClientRequest) => {
    req.on('data', wait) // now, when httpxy begins to read: what is read before would be lost
    outgoing.once('upgrade', (from: IncomingMessage, socket: Duplex, head: Buffer) => {
      res.once('finish', () => {
        if (onUpgrade && res.statusCode === 101) onUpgrade(socket, head)
        else socket.destroy()
        end('end')
      })
      begin(from, true)
      res.end()
    })
  })
  proxy.on('proxyRes', (from: IncomingMessage) => {
    begin(from, false)
    from.pipe(res)
  })
  proxy.on('econnreset', ({ message }: Error) => fail('upstream_unavailable', message))
  res.once('close', () => {
    if (answer?.complete) end('end')
    else if (answer || res.writableEnded || !isPaid) end('destroy')
  })
  wait()
  await proxy
    .web(req, leg as unknown as ServerResponse)
    .catch(({ message }: Error) => fail('upstream_unavailable', message))
}

/** What httpxy takes for the response: it ends when we say so, and not when the client goes away. */
const standIn = () => new Writable({ write: (_chunk, _encoding, done) => done() })
