/** Node's own request, seen as the guard sees requests. */
import { joinChunks, type PaywallRequest } from '../core/request.ts'
import { ConfigError, PriceError } from '../errors.ts'

/** The part of Node's `IncomingMessage` that is needed here; `originalUrl` is Express's, from before any rewrite. */
export interface ReadRequest {
  readonly method?: string | undefined
  readonly url?: string | undefined
  readonly originalUrl?: string
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>
  readonly socket?: { readonly remoteAddress?: string | undefined }
  readonly complete: boolean
  readonly readableEnded: boolean
  readonly readableLength: number
  read(): Uint8Array | null
  unshift(chunk: Uint8Array): void
  on(event: 'readable' | 'error' | 'close', listener: () => void): unknown
  off(event: 'readable' | 'error' | 'close', listener: () => void): unknown
}

interface ClosingResponse {
  readonly destroyed: boolean
  readonly writableEnded: boolean
  once(event: 'close', listener: () => void): unknown
}

/** A header's one text. Node joins a header that came twice, which no proof survives. */
export const asText = (value: number | string | readonly string[] | undefined): string | undefined =>
  value === undefined || typeof value === 'string' ? value : String(value)

/**
 * The guard's view of a Node request. Builds no `Request`.
 *
 * @throws {@link ConfigError} (`ERR_CONFIG`) for a response of `node:http2`, which neither tells that its client has gone nor
 * can be held back. Over HTTP/2, use the Hono adapter.
 * @example
 * import { createServer } from 'node:http'
 * createServer(async (req, res) => {
 *   const outcome = await createPaywall().guard(nodeRequest(req, res))
 * })
 */
export function nodeRequest(req: ReadRequest, res: ClosingResponse): PaywallRequest {
  if (typeof res.destroyed !== 'boolean') {
    throw new ConfigError("This is no response of Node's http or https. Over HTTP/2, use nano402/hono.")
  }
  let gone: AbortSignal | undefined
  let body: Promise<Uint8Array | undefined> | undefined
  return {
    method: req.method ?? 'GET',
    url: req.originalUrl ?? req.url ?? '/',
    headers: { get: (name) => asText(req.headers[name.toLowerCase()]) },
    get remoteAddress() {
      return req.socket?.remoteAddress
    },
    get signal() {
      gone ??= signalOf(res)
      return gone
    },
    get aborted() {
      return res.destroyed && !res.writableEnded
    },
    get bodyUsed() {
      return req.readableEnded
    },
    readBody(limit) {
      body ??= peekBody(req, limit)
      return body
    },
  }
}

/** Aborts when the client goes away unanswered. Made when it is asked for: an unpaid request waits for nobody. */
function signalOf(res: ClosingResponse): AbortSignal {
  const gone = new AbortController()
  const leave = () => {
    if (!res.writableEnded) gone.abort()
  }
  if (res.destroyed) leave()
  else res.once('close', leave)
  return gone.signal
}

/** Reads a body and puts it back, so that the handler finds it unread; undefined when it is longer than `limit` bytes. */
async function peekBody(req: ReadRequest, limit: number): Promise<Uint8Array | undefined> {
  if (req.readableEnded) {
    throw new PriceError('The price reads the body, but something read it before: put the paywall before body parsers.')
  }
  const announced = Number(asText(req.headers['content-length']))
  if (announced > limit) return undefined
  // To read an empty stream would end it, and who comes later would wait for an end that was.
  if (announced === 0 || (req.complete && req.readableLength === 0)) return new Uint8Array(0)
  const chunks: Uint8Array[] = []
  let length = 0
  return new Promise((resolve, reject) => {
    const stop = () => {
      for (const [event, listener] of listeners) req.off(event, listener)
    }
    const take = () => {
      for (let chunk = req.read(); chunk; chunk = req.read()) {
        chunks.push(chunk)
        length += chunk.length
      }
      if (length <= limit && !req.complete) return
      stop()
      const body = joinChunks(chunks, length)
      // Put back at once: in the next tick a stream that was read to its end would say so, and take nothing back.
      if (length > 0) req.unshift(body)
      resolve(length > limit ? undefined : body)
    }
    const fail = () => {
      stop()
      reject(new PriceError('The body could not be read to its end.'))
    }
    const listeners = [
      ['readable', take],
      ['error', fail],
      ['close', fail],
    ] as const
    for (const [event, listener] of listeners) req.on(event, listener)
    take()
  })
}
