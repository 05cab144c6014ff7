/** Express and Hono in this process: an application with one route, and a way to send it requests back to back. */
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Duplex } from 'node:stream'
import express from 'express'
import { Hono } from 'hono'
import { type Ask, type Middleware, PATH } from './subject.ts'

export interface App {
  readonly ask: Ask
  /** Makes requests ready. What it gives sends them one after the other, and throws when one has another status. */
  load(headers: readonly Record<string, string>[], status: number): () => Promise<void>
  close(): void
}

export interface Framework {
  readonly name: 'express' | 'hono'
  /** An application whose one route is protected by this, or not at all. */
  open(middleware?: Middleware): Promise<App>
}

const BODY = { report: 'worth every raw' }
const COMMON_HEADERS = { accept: '*/*', 'user-agent': 'bench' }

/** Requests are built before they are timed; `fetch` is called with each, and the answer's body is left unread. */
const hono: Framework = {
  name: 'hono',
  async open(middleware) {
    const app = new Hono()
    if (middleware) app.get(PATH, middleware.hono)
    app.get(PATH, (c) => c.json(BODY))
    const requestFor = (headers: Record<string, string>) =>
      new Request(`http://127.0.0.1${PATH}`, { headers: { ...COMMON_HEADERS, ...headers } })
    return {
      ask: async (headers = {}) => app.fetch(requestFor(headers)),
      load(headers, status) {
        const requests = headers.map(requestFor)
        return async () => {
          for (const request of requests) {
            await nextTurn()
            expectStatus(status, (await app.fetch(request)).status)
          }
        }
      },
      close() {},
    }
  },
}

/**
 * The whole way through Node's own HTTP server, parser and response included, over a socket in memory: one connection
 * that is kept alive, no system calls.
 */
const expressFramework: Framework = {
  name: 'express',
  async open(middleware) {
    const app = express()
    if (middleware) app.get(PATH, middleware.express)
    app.get(PATH, (_req, res) => void res.json(BODY))
    let finished: (status: number) => void = () => {}
    const server = createServer((req, res) => {
      res.once('finish', () => finished(res.statusCode))
      app(req, res)
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const { port } = server.address() as AddressInfo
    const socket = new Duplex({
      read() {},
      write: (_chunk, _encoding, done) => done(),
      writev: (_chunks, done) => done(),
    })
    server.emit('connection', socket)
    const textOf = (headers: Record<string, string>) => {
      const lines = Object.entries({ host: `127.0.0.1:${port}`, ...COMMON_HEADERS, ...headers })
      return Buffer.from(
        `GET ${PATH} HTTP/1.1\r\n${lines.map(([name, value]) => `${name}: ${value}\r\n`).join('')}\r\n`,
      )
    }
    return {
      ask: (headers = {}) => fetch(`http://127.0.0.1:${port}${PATH}`, { headers: { ...COMMON_HEADERS, ...headers } }),
      load(headers, status) {
        const requests = headers.map(textOf)
        return async () => {
          for (const request of requests) {
            await nextTurn()
            const answer = new Promise<number>((resolve) => {
              finished = resolve
            })
            socket.push(request)
            expectStatus(status, await answer)
          }
        }
      },
      close() {
        socket.destroy()
        server.closeAllConnections()
        server.close()
      },
    }
  },
}

/** A request arrives in a turn of the event loop of its own. Without turns, what a request left behind is kept until the end. */
const nextTurn = () => new Promise<void>((resolve) => setImmediate(resolve))

function expectStatus(expected: number, status: number): void {
  if (status !== expected) throw new Error(`Expected status ${expected}, was answered ${status}.`)
}

export const FRAMEWORKS: readonly Framework[] = [expressFramework, hono]
