/**
 * Holds what a handler writes to a Node response until a promise settles. Headers and status are decided when the answer
 * starts; the calls `write`, `end` and `flushHeaders` wait and are then replayed in order, so not one byte leaves before.
 * Nothing else is buffered: `write` says false, as to a slow reader, and `drain` follows. The socket is not corked.
 */
import { asText } from './request.ts'

/** The part of Node's `ServerResponse` that is needed here. */
export interface WrittenResponse {
  statusCode: number
  statusMessage: string
  readonly headersSent: boolean
  readonly writableEnded: boolean
  getHeader(name: string): number | string | readonly string[] | undefined
  getHeaderNames(): string[]
  setHeader(name: string, value: number | string | readonly string[]): unknown
  appendHeader(name: string, value: string | readonly string[]): unknown
  removeHeader(name: string): void
  // biome-ignore lint/suspicious/noExplicitAny: Node's own overloads of these are wider than any one type
  writeHead(...args: any[]): unknown
  // biome-ignore lint/suspicious/noExplicitAny: the same
  write(...args: any[]): boolean
  // biome-ignore lint/suspicious/noExplicitAny: the same
  end(...args: any[]): unknown
  flushHeaders(): void
  // biome-ignore lint/suspicious/noExplicitAny: the same
  destroy(...args: any[]): unknown
  emit(event: string): boolean
  on(event: string, listener: Listener): unknown
  // biome-ignore lint/complexity/noBannedTypes: as Node declares it
  rawListeners(event: string): Function[]
  once(event: 'close', listener: () => void): unknown
  readonly destroyed: boolean
}

// biome-ignore lint/suspicious/noExplicitAny: a listener for any event
type Listener = (...args: any[]) => void

/** An answer to send in place of the handler's. */
export interface Replacement {
  readonly status: number
  headers(existing: Iterable<readonly [string, string]>): Iterable<readonly [string, string]>
  readonly body: string | null
  /** In place of `body`. */
  readonly bytes?: Uint8Array
  /** In place of `body`: what comes over time. */
  readonly stream?: ReadableStream<Uint8Array>
}

/** Gets the bytes of an answer as the handler writes them. */
interface Copy {
  /** False: no more of them are wanted. */
  write(bytes: Uint8Array): boolean
  end(): void
  cut(): void
}

/** Who decides what leaves: what `guard` gives when it is paid, for one. */
export interface HoldOptions {
  /** The answer starts: headers to set on it, and what its bytes wait for. A replacement goes out in its place. */
  begin(
    status: number,
    existing: { get(name: string): string | undefined },
  ): {
    readonly headers: Iterable<readonly [string, string]>
    readonly ready: Promise<Replacement | undefined>
    /** Headers that are known only once it is `ready`. */
    final?(): Iterable<readonly [string, string]>
    readonly copies?: readonly Copy[]
  }
  /** The handler has ended without an answer. */
  abandon(): unknown
  /** The handler was given up: what goes out in its place, if nothing has yet. */
  readonly expired: Promise<Replacement>
}

type Call = () => void
type Written = 'writeHead' | 'write' | 'end' | 'flushHeaders'

/**
 * From now on, nothing that is written to `res` leaves before `begin`'s promise settles.
 *
 * @example
 * import { createServer } from 'node:http'
 * const report = createPaywall().route({ price: '0.001' })
 * createServer(async (req, res) => {
 *   const outcome = await report.guard(nodeRequest(req, res))
 *   if (outcome.kind === 'refused') return sendAnswer(res, outcome)
 *   holdResponse(res, outcome)
 *   res.end('the report')
 * })
 */
export function holdResponse(res: WrittenResponse, { begin, abandon, expired }: HoldOptions): void {
  const native = {
    writeHead: res.writeHead.bind(res),
    write: res.write.bind(res),
    end: res.end.bind(res),
    flushHeaders: res.flushHeaders.bind(res),
    destroy: res.destroy.bind(res),
    on: res.on.bind(res),
  }
  let state: 'before' | 'held' | 'through' | 'dropped' = 'before'
  let ended = false
  let waitsForDrain = false
  const calls: Call[] = []
  const drainListeners: Listener[] = []
  let copies: readonly Copy[] = []

  const open = (next: 'through' | 'dropped') => {
    state = next
    for (const name of ['headersSent', 'writableEnded'] as const) Reflect.deleteProperty(res, name)
  }
  const replace = (answer: Replacement) => {
    open('dropped')
    res.statusMessage = ''
    sendWhole({ ...nativeView(res), writeHead: native.writeHead, end: native.end }, answer)
    // A handler that goes on talks to nobody. It must not fail for that: what it throws could end the process.
    for (const name of ['setHeader', 'appendHeader', 'removeHeader'] as const) Object.assign(res, { [name]: () => res })
  }
  const start = () => {
    requireHead(res)
    const {
      headers,
      ready,
      final,
      copies: wanted = [],
    } = begin(res.statusCode, { get: (name) => asText(res.getHeader(name)) })
    copies = wanted
    for (const [name, value] of headers) setHeader(res, name, value)
    state = 'held'
    // Code that asks whether the answer has begun, or is over, must hear what it would hear without the hold.
    Object.defineProperty(res, 'headersSent', { configurable: true, get: () => true })
    Object.defineProperty(res, 'writableEnded', { configurable: true, get: () => ended })
    void ready.then((replacement) => {
      if (replacement) return replace(replacement)
      open('through')
      for (const [name, value] of final?.() ?? []) res.setHeader(name, value)
      try {
        for (const call of calls) call()
      } catch (error) {
        native.destroy(error) // whom it concerns is not on the stack any more
      }
      if (waitsForDrain && !ended) drain()
    })
  }
  const drain = () => {
    const reached = res.rawListeners('drain')
    res.emit('drain')
    for (const listener of drainListeners) if (!reached.includes(listener)) Reflect.apply(listener, res, [])
  }
  const hold = (name: Written, args: unknown[]): boolean => {
    if (state === 'before') start()
    if (state === 'held') calls.push(() => Reflect.apply(native[name], res, args))
    return state === 'held'
  }

  res.writeHead = (...args: unknown[]) => {
    if (state !== 'before') return state === 'through' ? native.writeHead(...args) : res
    takeHead(res, args)
    hold('writeHead', [res.statusCode])
    return res
  }
  const copy = ([chunk, encoding]: unknown[]) => {
    if (copies.length === 0 || !chunk || typeof chunk === 'function') return
    const bytes = typeof chunk === 'string' ? encodeText(chunk, encoding) : (chunk as Uint8Array)
    if (bytes) copies = copies.filter((one) => one.write(bytes))
    else finishCopies('cut')
  }
  const finishCopies = (how: 'end' | 'cut') => {
    for (const one of copies) one[how]()
    copies = []
  }

  res.write = (...args: unknown[]) => {
    if (state === 'through') {
      const mayGoOn = native.write(...args)
      copy(args)
      return mayGoOn
    }
    requireChunk(args[0])
    waitsForDrain = true
    const isHeld = hold('write', args)
    copy(args)
    return !isHeld
  }
  res.end = (...args: unknown[]) => {
    if (state === 'through') native.end(...args)
    else {
      if (args[0] && typeof args[0] !== 'function') requireChunk(args[0])
      hold('end', args)
      ended = true
    }
    copy(args)
    finishCopies('end')
    return res
  }
  res.flushHeaders = () => {
    if (state === 'through') native.flushHeaders()
    else hold('flushHeaders', [])
  }
  res.on = (event: string, listener: Listener) => {
    // Kept, because compression middleware takes these listeners away, to a stream that does not know of our `false`.
    if (event === 'drain' && state !== 'through') drainListeners.push(listener)
    return native.on(event, listener)
  }
  res.destroy = (...args: unknown[]) => {
    if (state === 'before') abandon() // the handler's own doing: a client that goes away does not call it
    finishCopies('cut')
    return native.destroy(...args)
  }
  void expired.then((answer) => {
    if (state === 'before') replace(answer)
  })
}

/**
 * Answers a Node response: what earlier code has set goes, except what survives (see `Refused.headers`).
 *
 * @example
 * import { createServer } from 'node:http'
 * const report = createPaywall().route({ price: '0.001' })
 * createServer(async (req, res) => {
 *   const outcome = await report.guard(nodeRequest(req, res))
 *   if (outcome.kind === 'refused') return sendAnswer(res, outcome)
 *   holdResponse(res, outcome)
 *   res.end('the report')
 * })
 */
export function sendAnswer(res: WrittenResponse, answer: Replacement): void {
  if (res.headersSent) return // earlier code has answered, and went on all the same
  const { stream } = answer
  if (stream) {
    setHeaders(res, answer)
    res.writeHead(answer.status)
    void sendStream(res, stream)
  } else sendWhole(res, answer)
}

type Headed = Pick<WrittenResponse, 'getHeader' | 'getHeaderNames' | 'setHeader' | 'appendHeader' | 'removeHeader'>

function sendWhole(res: Headed & Pick<WrittenResponse, 'writeHead' | 'end'>, answer: Replacement): void {
  setHeaders(res, answer)
  const body = answer.bytes ?? (answer.body === null ? undefined : new TextEncoder().encode(answer.body))
  if (body) res.setHeader('Content-Length', body.length)
  res.writeHead(answer.status)
  res.end(body)
}

/** Each header is sent once, but for cookies. */
function setHeaders(res: Headed, answer: Replacement): void {
  const existing = res.getHeaderNames().map((name): [string, string] => [name, String(res.getHeader(name))])
  const headers = [...answer.headers(existing)]
  for (const [name] of existing) res.removeHeader(name)
  for (const [name, value] of headers) setHeader(res, name, value)
}

/** A cookie goes beside those that are there. */
function setHeader(res: Pick<WrittenResponse, 'setHeader' | 'appendHeader'>, name: string, value: string): void {
  if (name === 'Set-Cookie') res.appendHeader(name, value)
  else res.setHeader(name, value)
}

/** Writes what comes over time, to a client that is there and reads. */
async function sendStream(res: WrittenResponse, stream: ReadableStream<Uint8Array>): Promise<void> {
  const reader = stream.getReader()
  const cancel = () => void reader.cancel().catch(() => {})
  if (res.destroyed) return cancel()
  res.once('close', cancel)
  for (let next = await reader.read(); next.value && res.write(next.value); ) next = await reader.read()
  cancel()
  res.end()
}

/**
 * Answers a Node response with a standard one.
 *
 * @example
 * import { createServer } from 'node:http'
 * createServer((_req, res) => sendResponse(res, Response.json({ free: true })))
 */
export async function sendResponse(res: WrittenResponse, response: Response): Promise<void> {
  const body = new Uint8Array(await response.arrayBuffer())
  for (const [name, value] of response.headers) res.setHeader(name, value)
  res.setHeader('Content-Length', body.length)
  res.writeHead(response.status)
  res.end(body)
}

const nativeView = (res: WrittenResponse) => ({
  getHeader: res.getHeader.bind(res),
  getHeaderNames: res.getHeaderNames.bind(res),
  setHeader: res.setHeader.bind(res),
  appendHeader: res.appendHeader.bind(res),
  removeHeader: res.removeHeader.bind(res),
})

/** Refuses, while the handler is on the stack, what Node would refuse later: nobody would catch it then. */
function requireHead(res: WrittenResponse): void {
  const { statusCode, statusMessage } = res
  if (!Number.isInteger(statusCode) || statusCode < 100 || statusCode > 999) {
    res.statusCode = 500
    throw new RangeError('A response has a status from 100 to 999.')
  }
  if (/[^\t\x20-\x7e\x80-\xff]/.test(statusMessage ?? '')) {
    res.statusMessage = ''
    throw new TypeError('A status message is one line of Latin letters.')
  }
}

/** Text as Node would send it; undefined for an encoding that only Node knows. */
const encodeText = (text: string, encoding: unknown): Uint8Array | undefined =>
  typeof encoding !== 'string' || /^utf-?8$/i.test(encoding) ? new TextEncoder().encode(text) : undefined

/** The same for what is written. */
function requireChunk(chunk: unknown): void {
  if (typeof chunk !== 'string' && Object.prototype.toString.call(chunk) !== '[object Uint8Array]') {
    throw new TypeError('A response takes text or bytes.')
  }
}

/** What `writeHead(status, message?, headers?)` says, set on the response, where `begin` can see it. */
function takeHead(res: WrittenResponse, [status, ...rest]: unknown[]): void {
  res.statusCode = Number(status)
  const [message] = rest
  if (typeof message === 'string') res.statusMessage = message
  const headers = typeof message === 'string' ? rest[1] : message
  if (!Array.isArray(headers)) {
    for (const [name, value] of Object.entries(headers ?? {})) if (value !== undefined) res.setHeader(name, value)
    return
  }
  // A list may name a header more than once, and means each.
  const pairs = pairsOf(headers)
  for (const [name] of pairs) res.removeHeader(name)
  for (const [name, value] of pairs) res.appendHeader(name, value)
}

/** A list of headers is one of pairs, or flat. */
function pairsOf(headers: readonly unknown[]): readonly (readonly [string, string | readonly string[]])[] {
  const text = (value: unknown) => (Array.isArray(value) ? (value as string[]) : String(value))
  if (Array.isArray(headers[0])) return (headers as [string, unknown][]).map(([name, value]) => [name, text(value)])
  return headers.flatMap((name, i) => (i % 2 === 0 ? [[String(name), text(headers[i + 1])] as const] : []))
}
