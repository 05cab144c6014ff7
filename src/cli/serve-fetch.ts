/** A fetch handler behind Node's own HTTP server: small bodies in, small bodies out. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { Readable } from 'node:stream'
import { CommandError, EXIT, UsageError } from './command.ts'
import { listen, type Served } from './listen.ts'

type Handler = (request: Request) => Response | Promise<Response>

/** Listens. Rejects when it cannot, with Node's own error. */
async function serveFetch(handler: Handler, at: { port: number; host: string }): Promise<Served> {
  const server = createServer((req, res) => {
    answer(handler, req, res).catch(() => (res.headersSent ? res.destroy() : res.writeHead(400).end()))
  })
  return listen(server, at)
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

/** The same for a service of ours, with a sentence for whoever started it. @throws `UsageError` */
export async function listenAs(service: string, ...call: Parameters<typeof serveFetch>): Promise<Served> {
  try {
    return await serveFetch(...call)
  } catch (error) {
    const { message } = error as Error
    throw new UsageError(`The ${service} cannot listen: ${message}. Choose others with --port and --host.`)
  }
}

/** What a service is made of. Hono is installed by those who run one. @throws `CommandError` */
export async function withHono<T>(service: string, load: () => Promise<T>): Promise<T> {
  try {
    return await load()
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ERR_MODULE_NOT_FOUND')) throw error
    throw new CommandError(`The ${service} needs Hono: npm install hono`, EXIT.failed, { cause: error })
  }
}
