/** Every way in which a handler can answer with Node's own response, or with Express's. */
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { fileURLToPath } from 'node:url'
import type { Response as ExpressResponse } from 'express'
import type { NodeHandler } from './frameworks.ts'

export interface WayOfAnswering {
  readonly answer: NodeHandler
  /** Default GET. */
  readonly method?: string
}

/** A file to send; its contents do not matter. */
export const FILE = fileURLToPath(new URL('../../LICENSE', import.meta.url))
const PIECES = ['a first piece, ', 'a second piece, ', 'a last piece']
const LARGE = Array.from({ length: 40 }, (_, i) => String(i % 10).repeat(16_384))

const tick = () => new Promise((resolve) => setImmediate(resolve))

/** With `node:http` alone. */
export const nodeAnswers: Readonly<Record<string, WayOfAnswering>> = {
  'end(text)': { answer: (_req, res) => res.end('content') },
  'end(bytes)': { answer: (_req, res) => res.end(new TextEncoder().encode('content')) },
  'end()': { answer: (_req, res) => res.end() },
  'end(callback)': { answer: (_req, res) => new Promise<void>((done) => res.end(done)) },
  'end(text, callback)': { answer: (_req, res) => new Promise<void>((done) => res.end('content', done)) },
  'end(text, encoding, callback)': {
    answer: (_req, res) => new Promise<void>((done) => res.end('Y29udGVudA==', 'base64', done)),
  },
  'end twice': {
    answer(_req, res) {
      res.end('content')
      res.end()
    },
  },
  'write and end': {
    answer(_req, res) {
      for (const piece of PIECES) res.write(piece)
      res.end('.')
    },
  },
  'write, with callbacks, over time': {
    async answer(_req, res) {
      for (const piece of PIECES) await new Promise((done) => res.write(piece, done))
      await tick()
      res.write('Y29udGVudA==', 'base64')
      res.end()
    },
  },
  'writeHead(status)': { answer: (_req, res) => res.writeHead(201).end('content') },
  'writeHead(status, message)': { answer: (_req, res) => res.writeHead(200, 'Paid In Full').end('content') },
  'writeHead(status, object)': {
    answer(_req, res) {
      res.setHeader('X-First', 'overwritten')
      res.writeHead(200, { 'X-First': 'kept', 'Set-Cookie': ['a=1', 'b=2'], 'X-Number': 7 }).end('content')
    },
  },
  'writeHead(status, message, object)': {
    answer: (_req, res) => res.writeHead(203, 'Fine', { 'Content-Type': 'text/plain' }).end('content'),
  },
  'writeHead(status, flat list)': {
    answer: (_req, res) => res.writeHead(200, ['X-First', 'one', 'X-Last', 'two']).end('content'),
  },
  'writeHead(status, message, flat list) over set headers': {
    answer(_req, res) {
      res.setHeader('X-First', 'overwritten')
      res.setHeader('X-Other', 'kept')
      res.writeHead(200, 'Fine', ['X-First', 'one', 'X-Last', 'two']).end('content')
    },
  },
  'statusCode and statusMessage': {
    answer(_req, res) {
      res.statusCode = 202
      res.statusMessage = 'Taken'
      res.end('content')
    },
  },
  'flushHeaders, and the body later': {
    async answer(_req, res) {
      res.setHeader('X-First', 'one')
      res.flushHeaders()
      await tick()
      res.end('content')
    },
  },
  'a length that was announced': {
    answer: (_req, res) => res.writeHead(200, { 'Content-Length': 7 }).end('content'),
  },
  'a stream, piped': { answer: (_req, res) => void Readable.from(PIECES).pipe(res) },
  'a stream, through pipeline': { answer: (_req, res) => pipeline(Readable.from(PIECES), res) },
  'a large stream, piped': { answer: (_req, res) => void Readable.from(LARGE).pipe(res) },
  'a large body that waits for drain': {
    async answer(_req, res) {
      for (const piece of LARGE) if (!res.write(piece)) await new Promise((resolve) => res.once('drain', resolve))
      res.end()
    },
  },
  204: { answer: (_req, res) => res.writeHead(204).end() },
  304: { answer: (_req, res) => res.writeHead(304, { ETag: '"v1"' }).end() },
  'a redirect': { answer: (_req, res) => res.writeHead(302, { Location: '/elsewhere' }).end() },
  HEAD: { method: 'HEAD', answer: (_req, res) => res.writeHead(200, { 'Content-Length': 7 }).end() },
  'HEAD, though the handler writes a body': { method: 'HEAD', answer: (_req, res) => res.end('content') },
  trailers: {
    answer(_req, res) {
      res.writeHead(200, { Trailer: 'X-Sum' })
      res.write('content')
      res.addTrailers({ 'X-Sum': '7' })
      res.end()
    },
  },
}

/** With what Express adds. */
export const expressAnswers: Readonly<Record<string, WayOfAnswering>> = Object.fromEntries(
  Object.entries<[answer: (res: ExpressResponse) => unknown, method?: string]>({
    'res.json': [(res) => res.json({ content: true })],
    'res.send(text)': [(res) => res.send('content')],
    'res.send(bytes)': [(res) => res.send(Buffer.from('content'))],
    'res.status(201).json': [(res) => res.status(201).json({ content: true })],
    'res.sendStatus(204)': [(res) => res.sendStatus(204)],
    'res.redirect': [(res) => res.redirect('/elsewhere')],
    'res.redirect(301)': [(res) => res.redirect(301, 'https://example.com/')],
    'res.sendFile': [(res) => res.sendFile(FILE)],
    'res.download': [(res) => res.download(FILE, 'paid.txt')],
    'res.sendFile to HEAD': [(res) => res.sendFile(FILE), 'HEAD'],
    'res.json to HEAD': [(res) => res.json({ content: true }), 'HEAD'],
    'res.cookie and res.type': [(res) => res.cookie('a', '1').cookie('b', '2').type('text').send('content')],
    'res.append': [(res) => res.append('X-First', 'one').append('X-First', 'two').end('content')],
  }).map(([name, [answer, method]]) => [
    name,
    { answer: (_req, res) => void answer(res as ExpressResponse), ...(method !== undefined && { method }) },
  ]),
)
