/**
 * Compressing middleware that gets between a handler and its response as the `compression` package does: it takes over
 * `write`, `end` and the listeners for `drain`, decides when the head is about to leave, and then writes through a zlib stream.
 */
import type { ServerResponse } from 'node:http'
import { createGzip, type Gzip } from 'node:zlib'
import type { NodeHandler } from './frameworks.ts'

type Listener = (...values: unknown[]) => void
type Internals = ServerResponse & { _header: string | null; _implicitHeader(): void }

export const compress: NodeHandler = (_req, response, next) => {
  const res = response as Internals
  const native = { writeHead: res.writeHead, write: res.write, end: res.end, on: res.on }
  let stream: Gzip | undefined
  let waiting: [event: string, listener: Listener][] | undefined = []
  let ended = false

  const begin = () => {
    if (res.getHeader('content-encoding') === undefined && res.statusCode !== 204 && res.statusCode !== 304) {
      stream = createGzip()
      res.setHeader('Content-Encoding', 'gzip')
      res.removeHeader('Content-Length')
      for (const [event, listener] of waiting ?? []) stream.on(event, listener)
      const gzip = stream
      gzip.on('data', (chunk) => {
        if (Reflect.apply(native.write, res, [chunk]) === false) gzip.pause()
      })
      gzip.on('end', () => Reflect.apply(native.end, res, []))
      Reflect.apply(native.on, res, ['drain', () => gzip.resume()])
    } else {
      for (const [event, listener] of waiting ?? []) Reflect.apply(native.on, res, [event, listener])
    }
    waiting = undefined
  }
  let begun = false
  Object.assign(res, {
    writeHead(...args: unknown[]) {
      if (args[1] && typeof args[1] === 'object')
        for (const [k, v] of Object.entries(args[1])) res.setHeader(k, String(v))
      res.statusCode = Number(args[0])
      if (!begun) {
        begun = true
        begin()
      }
      return Reflect.apply(native.writeHead, res, [res.statusCode])
    },
    write(chunk: string, encoding?: BufferEncoding) {
      if (ended) return false
      if (!res._header) res._implicitHeader()
      return stream ? stream.write(Buffer.from(chunk, encoding)) : Reflect.apply(native.write, res, [chunk, encoding])
    },
    end(chunk?: string, encoding?: BufferEncoding) {
      if (ended) return res
      if (!res._header) res._implicitHeader()
      if (!stream) return Reflect.apply(native.end, res, chunk === undefined ? [] : [chunk, encoding])
      ended = true
      return chunk ? stream.end(Buffer.from(chunk, encoding)) : stream.end()
    },
    on(event: string, listener: Listener) {
      if (event !== 'drain' || (!waiting && !stream)) return Reflect.apply(native.on, res, [event, listener])
      if (waiting) waiting.push([event, listener])
      else stream?.on(event, listener)
      return res
    },
  })
  next()
}
