/** HTTP as bytes: for what `fetch` would tidy up before it is sent, and for what it hides of how an answer arrives. */
import { connect, type Socket } from 'node:net'
import { connect as connectSecurely } from 'node:tls'

export interface RawAnswer {
  readonly status: number
  readonly message: string
  /** By lower-case name; of a header that came more than once, all values. */
  readonly headers: ReadonlyMap<string, readonly string[]>
  readonly body: string
}

export interface RawConnection {
  readonly socket: Socket
  /** Sends a head, line by line, and after it the body as it is. */
  send(lines: readonly string[], body?: string): void
  /** Everything that has arrived and was not read by {@link RawConnection.next} yet. */
  pending(): string
  /** The next whole answer. `head`: it is one to HEAD, so no body follows. Rejects when the connection ends before. */
  next(options?: { readonly head?: boolean }): Promise<RawAnswer>
  /** Settles when the connection is over. */
  readonly ended: Promise<void>
  close(): void
}

/** Connects to a server. Rejects when nobody listens there. */
export async function connectTo(url: string): Promise<RawConnection> {
  const socket = openSocket(new URL(url))
  let buffer = Buffer.alloc(0)
  let over = false
  let arrived = () => {}
  const ended = new Promise<void>((resolve) => {
    socket.on('close', () => {
      over = true
      arrived()
      resolve()
    })
  })
  socket.on('data', (chunk) => {
    buffer = Buffer.concat([buffer, chunk])
    arrived()
  })
  socket.on('error', () => {}) // a server that cuts the connection is what some tests want
  await new Promise<void>((resolve, reject) => socket.once('ready', resolve).once('error', reject))
  return {
    socket,
    ended,
    send: (lines, body = '') => socket.write(`${lines.join('\r\n')}\r\n\r\n${body}`, 'latin1'),
    pending: () => buffer.toString('latin1'),
    async next({ head = false } = {}) {
      for (;;) {
        const parsed = parseAnswer(buffer, head, over)
        if (parsed) {
          buffer = buffer.subarray(parsed.length)
          return parsed.answer
        }
        if (over) throw new Error(`The connection ended within an answer: ${JSON.stringify(buffer.toString('latin1'))}`)
        await new Promise<void>((resolve) => {
          arrived = resolve
        })
      }
    },
    close: () => socket.destroy(),
  }
}

function openSocket({ protocol, hostname, port }: URL): Socket {
  const host = hostname.replace(/^\[|\]$/g, '') // of IPv6
  const isSecure = protocol === 'https:'
  const target = { host, port: Number(port || (isSecure ? 443 : 80)) }
  return isSecure ? connectSecurely(target) : connect(target)
}

/** One request on a connection of its own. */
export async function exchange(url: string, lines: readonly string[], body = ''): Promise<RawAnswer> {
  const connection = await connectTo(url)
  connection.send(lines, body)
  try {
    return await connection.next({ head: lines[0]?.startsWith('HEAD ') ?? false })
  } finally {
    connection.close()
  }
}

/** The code of a refusal in an answer's body. */
export function codeIn(body: string): string | undefined {
  try {
    const { error } = JSON.parse(body)
    return typeof error === 'string' ? error : undefined
  } catch {
    return undefined
  }
}

function parseAnswer(buffer: Buffer, head: boolean, over: boolean): { answer: RawAnswer; length: number } | undefined {
  const headEnd = buffer.indexOf('\r\n\r\n')
  if (headEnd < 0) return undefined
  const [statusLine = '', ...lines] = buffer.subarray(0, headEnd).toString('latin1').split('\r\n')
  const [, code = '0', message = ''] = /^HTTP\/1\.[01] (\d{3}) ?(.*)$/.exec(statusLine) ?? []
  const status = Number(code)
  const headers = new Map<string, string[]>()
  for (const line of lines) {
    const colon = line.indexOf(':')
    const name = line.slice(0, colon).toLowerCase()
    headers.set(name, [...(headers.get(name) ?? []), line.slice(colon + 1).trim()])
  }
  const bodyStart = headEnd + 4
  const answer = (body: string, length: number) => ({ answer: { status, message, headers, body }, length })
  if (status < 200) {
    const rest = parseAnswer(buffer.subarray(bodyStart), head, over) // 100 Continue: the answer proper follows
    return rest && { answer: rest.answer, length: bodyStart + rest.length }
  }
  if (head || status === 204 || status === 304) return answer('', bodyStart)
  const contentLength = headers.get('content-length')?.[0]
  if (contentLength !== undefined) {
    const end = bodyStart + Number(contentLength)
    return buffer.length < end ? undefined : answer(buffer.toString('latin1', bodyStart, end), end)
  }
  if (headers.get('transfer-encoding')?.[0] === 'chunked') return parseChunked(buffer, bodyStart, answer)
  return over ? answer(buffer.toString('latin1', bodyStart), buffer.length) : undefined
}

function parseChunked<T>(buffer: Buffer, start: number, answer: (body: string, length: number) => T): T | undefined {
  let body = ''
  for (let at = start; ; ) {
    const lineEnd = buffer.indexOf('\r\n', at)
    if (lineEnd < 0) return undefined
    const size = Number.parseInt(buffer.toString('latin1', at, lineEnd), 16)
    const end = lineEnd + 2 + size + 2
    if (buffer.length < end) return undefined
    if (size === 0) return answer(body, end)
    body += buffer.toString('latin1', lineEnd + 2, lineEnd + 2 + size)
    at = end
  }
}
