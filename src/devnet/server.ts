/** The devnet over HTTP and websocket, spoken as nano-node speaks them. Node.js only. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { type WebSocket, WebSocketServer } from 'ws'
import { NodeRefusedError } from '../errors.ts'
import { parseRaw } from '../nano/index.ts'
import { type Devnet, devnetOf } from './devnet.ts'
import { createEngine, type DevnetOptions } from './engine.ts'
import type { Outage } from './faults.ts'
import { isTooDeep, parseJson, printJson } from './json.ts'
import { createSubscription, type SharedMessages, type Subscription } from './subscription.ts'

/** Where a devnet listens, and how it behaves. */
export interface ServeDevnetOptions extends DevnetOptions {
  /** Default `127.0.0.1`. */
  readonly host?: string
  /** Of the RPC; 0, the default, takes a free one. */
  readonly port?: number
  /** Of the websocket; 0, the default, takes a free one. */
  readonly wsPort?: number
  /** Lets the process end while the devnet still listens. */
  readonly unref?: boolean
}

/** A devnet that listens. */
export interface ServedDevnet {
  /** The RPC: `POST` an action to it. */
  readonly url: string
  readonly wsUrl: string
  /** The same ledger, in process. */
  readonly devnet: Devnet
  /** Cuts every websocket, as a restart or a proxy would. */
  disconnect(): void
  /** Stops listening; from then on connections are refused. */
  close(): Promise<void>
}

/**
 * Starts a devnet that answers over HTTP and tells of confirmations over a websocket. Keeps the process alive until closed.
 *
 * @throws The system's error when it cannot listen, such as `EADDRINUSE`.
 * @example
 * (await serveDevnet({ unref: true })).url.slice(0, 17) // 'http://127.0.0.1:'
 */
export async function serveDevnet(options: ServeDevnetOptions = {}): Promise<ServedDevnet> {
  const { host = '127.0.0.1', port = 0, wsPort = 0, unref = false } = options
  const engine = createEngine(options)
  const devnet = devnetOf(engine)
  const { faults } = engine

  const http = createServer((request, response) => {
    answerHttp(request, response).catch(() => response.destroy())
  })
  http.on('clientError', (error: NodeJS.ErrnoException, socket) => {
    if (!socket.writable) return socket.destroy()
    const name = error.code === 'HPE_INVALID_METHOD' ? 'bad method' : 'bad field'
    socket.end(rawReply(printJson({ error: `Invalid header: ${name}` })))
  })

  async function answerHttp(request: IncomingMessage, response: ServerResponse): Promise<void> {
    if (faults.down && (await fail(faults.down, request, response))) return
    if (request.method === 'OPTIONS') return reply(response, '')
    if (request.method !== 'POST') return reply(response, printJson({ error: 'Can only POST requests' }))
    const body = await readBody(request)
    reply(
      response,
      printJson(body === undefined ? { error: 'Invalid header: body limit exceeded' } : await answer(body)),
    )
  }

  async function answer(body: string): Promise<object> {
    if (isTooDeep(body)) return { error: 'Max JSON depth exceeded' }
    const request = parseJson(body)
    if (typeof request !== 'object' || request === null || !('action' in request))
      return { error: 'Unable to parse JSON' }
    const { action, ...fields } = request as Fields
    try {
      return action === 'faucet' ? await faucet(fields) : await engine.answer(String(action), fields)
    } catch (error) {
      if (error instanceof NodeRefusedError) return { error: error.nodeError }
      throw error
    }
  }

  /** Not an action of Nano's: `{ "action": "faucet", "account", "amount" }` sends raw from genesis. */
  async function faucet(fields: Fields): Promise<object> {
    try {
      return { hash: await devnet.faucet(String(fields.account), parseRaw(fields.amount)) }
    } catch (error) {
      throw new NodeRefusedError('faucet', error instanceof Error ? error.message : 'Could not send')
    }
  }

  const wsHttp = createServer((_, response) => {
    response.writeHead(400, { Connection: 'close' }).end('The WebSocket handshake Connection field is missing')
  })
  const sockets = new WebSocketServer({ server: wsHttp })
  const clients = new Map<WebSocket, Subscription>()
  sockets.on('connection', (socket) => {
    if (faults.down) return socket.terminate()
    const subscription = createSubscription(engine.node)
    clients.set(socket, subscription)
    socket.on('close', () => clients.delete(socket))
    socket.on('error', () => socket.terminate())
    socket.on('message', (data) => {
      const message = parseJson(String(data))
      // A node drops the connection, without a close frame.
      if (message === undefined) return socket.terminate()
      const ack = subscription.receive(message)
      if (ack) socket.send(printJson(ack))
    })
  })
  engine.node.onEvent((event) => {
    if (faults.muted) return
    const shared: SharedMessages = new Map()
    for (const [socket, subscription] of clients) {
      const message = subscription.messageFor(event, shared)
      if (message) socket.send(printJson(faults.lie ? faults.lie(event.topic, message) : message))
    }
  })

  const listening = await Promise.allSettled([listen(http, port, host), listen(wsHttp, wsPort, host)])
  const failed = listening.find((one) => one.status === 'rejected')
  if (failed) {
    devnet.close()
    for (const server of [http, wsHttp]) server.close()
    throw failed.reason
  }
  if (unref) for (const server of [http, wsHttp]) server.unref()
  return {
    url: `http://${addressOf(http)}`,
    wsUrl: `ws://${addressOf(wsHttp)}`,
    devnet,
    disconnect() {
      for (const socket of sockets.clients) socket.terminate()
    },
    async close() {
      devnet.close()
      for (const socket of sockets.clients) {
        socket.close(1000, 'Shutting down')
        setTimeout(() => socket.terminate(), 200).unref()
      }
      http.closeAllConnections()
      await Promise.all([
        new Promise((resolve) => http.close(resolve)),
        new Promise((resolve) => sockets.close(() => wsHttp.close(resolve))),
      ])
    },
  }
}

type Fields = Readonly<Record<string, unknown>>

const HEADERS = {
  Allow: 'POST, OPTIONS',
  'Content-Type': 'application/json',
  'Access-Control-Allow-Origin': '*',
  'Access-Control-Allow-Methods': 'POST, OPTIONS',
  'Access-Control-Allow-Headers': 'Accept, Accept-Language, Content-Language, Content-Type',
  Connection: 'close',
}

function reply(response: ServerResponse, body: string): void {
  response.sendDate = false
  response.writeHead(200, { ...HEADERS, 'Content-Length': Buffer.byteLength(body) }).end(body)
}

/** The same answer where Node.js has no response to offer, because what came was not HTTP. */
function rawReply(body: string): string {
  const headers = { ...HEADERS, 'Content-Length': Buffer.byteLength(body) }
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`)
  return `HTTP/1.1 200 OK\r\n${lines.join('')}\r\n${body}`
}

/** Answers as a node that is down, unless this kind of outage lets the request through. */
async function fail(outage: Outage, { socket, url }: IncomingMessage, response: ServerResponse): Promise<boolean> {
  const send = (status: number, headers: Readonly<Record<string, string>>, body: string) => {
    response.writeHead(status, headers).end(body)
    return true
  }
  switch (outage) {
    case 'reset':
      socket.resetAndDestroy()
      return true
    case 'status-500':
      return send(500, {}, 'Internal Server Error')
    case 'html':
      return send(200, { 'Content-Type': 'text/html' }, '<!doctype html><title>Welcome</title>')
    case 'too-many-requests':
      return send(429, { 'Retry-After': '1' }, 'Too many requests')
    case 'empty-object':
      return send(200, HEADERS, '{}')
    case 'half-json':
      return send(200, HEADERS, '{"frontier": "04270D7F')
    case 'redirect':
      // Whoever follows it is answered.
      return url !== REDIRECTED && send(307, { Location: REDIRECTED }, '')
    case 'silence':
      return true
    case 'huge':
      response.writeHead(200, { 'Content-Type': 'application/json' })
      await pipeline(Readable.from(endless()), response)
      return true
  }
}

const REDIRECTED = '/redirected'

/** A JSON text of a gigabyte. */
function* endless(): Generator<string> {
  yield '{"text": "'
  for (let megabytes = 0; megabytes < 1024; megabytes++) yield 'x'.repeat(2 ** 20)
  yield '"}'
}

const MOST_BYTES = 33_554_432

/** The request's body, unless it is larger than a node takes. */
async function readBody(request: IncomingMessage): Promise<string | undefined> {
  if (Number(request.headers['content-length'] ?? 0) > MOST_BYTES) return undefined
  const chunks: Buffer[] = []
  let length = 0
  for await (const chunk of request) {
    chunks.push(chunk)
    length += chunk.length
    if (length > MOST_BYTES) return undefined
  }
  return Buffer.concat(chunks).toString()
}

const listen = (server: Server, port: number, host: string) =>
  new Promise<void>((resolve, reject) => {
    server.once('error', reject).listen(port, host, resolve)
  })

function addressOf(server: Server): string {
  const address = server.address()
  if (typeof address !== 'object' || address === null) throw new Error('The server does not listen.')
  return address.family === 'IPv6' ? `[${address.address}]:${address.port}` : `${address.address}:${address.port}`
}
