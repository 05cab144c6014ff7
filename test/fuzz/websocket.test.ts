import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import fc from 'fast-check'
import type { BlockHash } from 'nano402/nano'
import { type ConfirmationFeed, createFeed } from 'nano402/rpc'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type WebSocket, WebSocketServer } from 'ws'
import { until } from '../support/wait.ts'
import { freshAccount, randomHash } from '../support/world.ts'
import { bent, bentText, fuzz, type Json } from './fuzz.ts'

const CONFIRMATION: Json = {
  topic: 'confirmation',
  time: '1790000000000',
  message: {
    account: 'nano_3e3j5tkog48pnny9dmfzj1r16pg8t1e76dz5tmac6iq689wyjfpiij4txtdo',
    amount: '1',
    hash: 'C2E39714FF24E046360063187792507FB67DDF179E5B851044B87DEDECD99A13',
    confirmation_type: 'active_quorum',
    block: { type: 'state', link: '0'.repeat(64), subtype: 'send' },
  },
}

let server: WebSocketServer
let feed: ConfirmationFeed
let client: WebSocket
let connections = 0
const told = new Set<BlockHash | undefined>()

beforeAll(async () => {
  server = new WebSocketServer({ port: 0, host: '127.0.0.1' })
  server.on('connection', (socket) => {
    connections++
    client = socket
    socket.on('error', () => {})
    socket.on('message', () => socket.send('{"ack":"subscribe"}'))
  })
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  feed = createFeed({ url: `ws://127.0.0.1:${port}`, accounts: [freshAccount()], reconnectMs: 1 })
  feed.on((hash) => {
    told.add(hash)
  })
  await heard(undefined)
})
afterAll(() => {
  feed.close()
  for (const socket of server.clients) socket.terminate()
  server.close()
})

const heard = (...hashes: readonly (BlockHash | undefined)[]) => until(() => hashes.some((hash) => told.has(hash)))

const messages = fc.oneof(
  bent(CONFIRMATION).map((json) => JSON.stringify(json)),
  bentText(JSON.stringify(CONFIRMATION)),
  fc.string({ unit: 'binary', maxLength: 200 }),
  fc.json({ maxDepth: 4 }),
  fc.uint8Array({ maxLength: 200 }),
  fc.integer({ min: 1, max: 15_000 }).map((depth) => '[{"a":'.repeat(depth)),
)

test('the feed lives through whatever a socket says, and hears the next message', async () => {
  await fuzz(
    2,
    fc.asyncProperty(fc.array(messages, { minLength: 1, maxLength: 5 }), async (said) => {
      told.clear()
      const before = connections
      for (const message of said) client.send(message)
      const marker = randomHash() as BlockHash
      client.send(JSON.stringify({ topic: 'confirmation', message: { hash: marker } }))
      // What is too long ends the connection, and the next one begins with "look at everything".
      await heard(marker, undefined)
      if (connections === before) await heard(marker)
      for (const hash of told) expect(hash ?? 'F'.repeat(64)).toMatch(/^[0-9A-F]{64}$/)
      expect(feed.state()).toBe('open')
    }),
  )
})

test('the feed comes back from whatever way a socket ends', async () => {
  const ends = fc.oneof(
    fc.constantFrom(1000, 1001, 1008, 1011, 1012, 3000, 4999).map((code) => (socket: WebSocket) => socket.close(code)),
    fc.string({ unit: 'grapheme', maxLength: 20 }).map((reason) => (socket: WebSocket) => socket.close(1000, reason)),
    fc.constant((socket: WebSocket) => socket.terminate()),
    fc.constant((socket: WebSocket) => socket.send('x'.repeat(70_000))),
    fc.constant((socket: WebSocket) => {
      // Bytes that are no frame.
      ;(socket as unknown as { _socket: { write(bytes: Uint8Array): void } })._socket.write(
        new Uint8Array(40).fill(255),
      )
    }),
  )
  await fuzz(
    0.2,
    fc.asyncProperty(ends, async (end) => {
      told.clear()
      end(client)
      await heard(undefined)
      expect(feed.state()).toBe('open')
    }),
  )
})
