/** Requests over sockets, as bytes that were made before, so that sending them costs the other core little. */
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'

/** A request, ready to be sent. */
export const requestBytes = (path: string, headers: Readonly<Record<string, string>>): Buffer => {
  const lines = Object.entries({ host: '127.0.0.1', accept: '*/*', ...headers })
  return Buffer.from(`GET ${path} HTTP/1.1\r\n${lines.map(([name, value]) => `${name}: ${value}\r\n`).join('')}\r\n`)
}

/** A connection that carries one request after the other. */
interface Line {
  /** Resolves when the whole answer is there. Rejects when it is not a 200. */
  ask(request: Buffer): Promise<void>
  close(): void
}

async function openLine(url: string): Promise<Line> {
  const { port, hostname } = new URL(url)
  const socket: Socket = connect({ port: Number(port), host: hostname, noDelay: true })
  await once(socket, 'connect')
  let text = ''
  let answered: { resolve(): void; reject(error: Error): void } | undefined
  socket.setEncoding('latin1')
  socket.on('data', (chunk: string) => {
    text += chunk
    if (!isWhole(text)) return
    const whole = text
    text = ''
    if (whole.startsWith('HTTP/1.1 200')) answered?.resolve()
    else answered?.reject(new Error(`Not a 200:\n${whole}`))
  })
  socket.on('close', () => answered?.reject(new Error('The server hung up.')))
  return {
    ask: (request) =>
      new Promise((resolve, reject) => {
        answered = { resolve, reject }
        socket.write(request)
      }),
    close: () => socket.destroy(),
  }
}

function isWhole(text: string): boolean {
  const end = text.indexOf('\r\n\r\n')
  if (end < 0) return false
  const length = /\r\ncontent-length: (\d+)/i.exec(text.slice(0, end + 2))
  return length ? text.length >= end + 4 + Number(length[1]) : text.endsWith('\r\n0\r\n\r\n')
}

/** Each has been answered once: the server has taken it, and no line starts later than the others. */
async function openLines(url: string, count: number): Promise<readonly Line[]> {
  const lines = await Promise.all(Array.from({ length: count }, () => openLine(url)))
  await Promise.all(lines.map((line) => line.ask(requestBytes('/bare', {}))))
  return lines
}

/** As fast as it goes, with so many in flight. Resolves to the seconds that it took. */
export async function saturate(url: string, requests: Iterable<Buffer>, inFlight: number): Promise<number> {
  const lines = await openLines(url, inFlight)
  const queue = requests[Symbol.iterator]()
  const rest = { [Symbol.iterator]: () => ({ next: () => queue.next() }) } // one queue, which no loop ends
  const startMs = performance.now()
  await Promise.all(
    lines.map(async (line) => {
      for (const request of rest) await line.ask(request)
    }),
  )
  const seconds = (performance.now() - startMs) / 1_000
  for (const line of lines) line.close()
  return seconds
}

/**
 * At a steady rate, whether answers come or not; the time that a request waits for a free connection counts as well. Gives
 * the milliseconds that each took, from when it was due.
 */
export async function pace(
  url: string,
  requests: readonly Buffer[],
  { perSecond, connections }: { readonly perSecond: number; readonly connections: number },
): Promise<readonly number[]> {
  const lines = await openLines(url, connections)
  const free = [...lines]
  const due: { readonly request: Buffer; readonly dueMs: number }[] = []
  const took: number[] = []
  const startMs = performance.now()
  let failed: unknown
  let finished: () => void = () => {}
  const done = new Promise<void>((resolve) => {
    finished = resolve
  })
  const serve = (line: Line) => {
    const next = due.shift()
    if (next === undefined) return void free.push(line)
    line.ask(next.request).then(
      () => {
        took.push(performance.now() - next.dueMs)
        if (took.length === requests.length) finished()
        serve(line)
      },
      (error) => {
        failed = error
        finished()
      },
    )
  }
  let sent = 0
  const tick = () => {
    const shouldBe = Math.min(requests.length, Math.floor(((performance.now() - startMs) * perSecond) / 1_000))
    for (; sent < shouldBe; sent++) {
      due.push({ request: requests[sent] as Buffer, dueMs: startMs + (1_000 * sent) / perSecond })
      const line = free.pop()
      if (line) serve(line)
    }
    if (sent < requests.length && failed === undefined) setTimeout(tick, 1) // a busy loop would take the server its core
  }
  tick()
  await done
  for (const line of lines) line.close()
  if (failed) throw failed
  return took
}
