import { execFile } from 'node:child_process'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { promisify } from 'node:util'
import { type BlockHash, blockHash, derivePrivateKey, derivePublicKey, publicKeyToAddress, raw } from 'nano402/nano'
import { type ConfirmationFeed, createFeed, createLedger, createRpc, type FeedOptions } from 'nano402/rpc'
import { describe, expect, onTestFinished, test, vi } from 'vitest'
import { WebSocket, WebSocketServer } from 'ws'
import { serveDevnet } from '../../src/devnet/server.ts'
import { openWebSocket as openOnNode } from '../../src/rpc/websocket.node.ts'
import { openWebSocket as openOnWeb } from '../../src/rpc/websocket.web.ts'
import { PAYEE, pay } from './support.ts'

const OTHER = publicKeyToAddress(derivePublicKey(derivePrivateKey('33'.repeat(32), 0)))
const HASH = blockHash('AB'.repeat(32))

async function devnet() {
  const served = await serveDevnet({ confirmMs: 0 })
  onTestFinished(() => served.close())
  return served
}

/** A feed, what it told so far, and the next thing that it will tell. */
function open(options: FeedOptions) {
  const feed = createFeed({ reconnectMs: 10, ...options })
  onTestFinished(() => feed.close())
  const told: (BlockHash | undefined)[] = []
  let waiting: [(hash: BlockHash | undefined) => boolean, () => void][] = []
  feed.on((hash) => {
    told.push(hash)
    for (const [wanted, resolve] of waiting) if (wanted(hash)) resolve()
  })
  const until = (wanted: (hash: BlockHash | undefined) => boolean) =>
    new Promise<void>((resolve) => {
      waiting = [...waiting, [wanted, resolve]]
    })
  return {
    feed,
    told,
    caughtUp: () => until((hash) => hash === undefined),
    tells: (hash: BlockHash) => until((h) => h === hash),
  }
}

/** A websocket server that does what a test wants with each connection. */
async function hostile(onConnection: (socket: WebSocket, nth: number) => void) {
  const server = new WebSocketServer({ port: 0, host: '127.0.0.1' })
  let connections = 0
  server.on('connection', (socket) => onConnection(socket, ++connections))
  await once(server, 'listening')
  onTestFinished(async () => {
    for (const socket of server.clients) socket.terminate()
    server.close()
  })
  return { url: `ws://127.0.0.1:${(server.address() as AddressInfo).port}`, connections: () => connections }
}

/** Until it is so; a busy machine may take a while. */
const soon = (check: () => void) => vi.waitFor(check, { timeout: 15_000, interval: 2 })

const acknowledge = (socket: WebSocket) =>
  socket.on('message', (data) => {
    const { action } = JSON.parse(String(data))
    if (action === 'subscribe') socket.send('{"ack":"subscribe"}')
    if (action === 'ping') socket.send('{"ack":"pong"}')
  })
const confirmation = (hash: unknown) => JSON.stringify({ topic: 'confirmation', message: { hash } })

describe('over the websocket of a devnet', () => {
  test('tells the hash of what is confirmed for a watched account, and of no other', async () => {
    const { devnet: net, wsUrl } = await devnet()
    const { feed, told, caughtUp, tells } = open({ url: wsUrl, accounts: [PAYEE] })
    await caughtUp()
    expect(feed.state()).toBe('open')
    const other = await net.faucet(OTHER, raw(1n))
    const ours = await net.faucet(PAYEE, raw(2n))
    if (!told.includes(ours)) await tells(ours)
    expect(told).toEqual([undefined, ours])
    expect(told).not.toContain(other)
  })

  test('watches an account that is added later, and connects at all only when there is one', async () => {
    const { devnet: net, wsUrl } = await devnet()
    const { feed, told, caughtUp } = open({ url: wsUrl })
    expect(feed.state()).toBe('down')
    feed.watch(PAYEE)
    await caughtUp()
    feed.watch(OTHER)
    // When the node has read that is for the node to say.
    const sent = new Set<BlockHash | undefined>()
    while (!told.some((hash) => sent.has(hash))) sent.add(await net.faucet(OTHER, raw(1n)))
  })

  test('ends a wait for confirmation without a poll', async () => {
    const { devnet: net, url, wsUrl } = await devnet()
    const { feed, caughtUp } = open({ url: wsUrl, accounts: [PAYEE] })
    await caughtUp()
    const rpc = createRpc({ endpoints: [url], network: 'nano:devnet' })
    const ledger = createLedger({ node: rpc, nodes: rpc.nodes, feed, pollMs: 60_000 })
    onTestFinished(() => ledger.close())
    const payer = await net.fundedSeed()
    net.hold()
    const hash = await pay(rpc, payer, raw(2n))
    const waiting = ledger.waitConfirmed(hash, { timeoutMs: 60_000 })
    await ledger.find(hash)
    net.release()
    expect(await waiting).toMatchObject({ confirmed: true, sent: 2n })
  })
})

test('an account that is added before the subscription is acknowledged is not forgotten', async () => {
  let feed: ConfirmationFeed | undefined
  const { url } = await hostile((socket) => {
    socket.on('message', (data) => {
      const { action, options } = JSON.parse(String(data))
      if (action === 'subscribe') feed?.watch(OTHER)
      else if (action === 'update' && options.accounts_add[0] === OTHER) socket.send('{"ack":"subscribe"}')
    })
  })
  const opened = open({ url, accounts: [PAYEE] })
  feed = opened.feed
  await opened.caughtUp()
})

describe('a connection that is lost', () => {
  test('is made again, and what was missed is to be looked for', async () => {
    const { url, connections } = await hostile((socket, nth) => {
      acknowledge(socket)
      if (nth <= 3) socket.on('message', () => socket.terminate())
    })
    const { feed, told, caughtUp } = open({ url, accounts: [PAYEE] })
    await caughtUp()
    await soon(() => expect(connections()).toBe(4))
    await soon(() => expect(feed.state()).toBe('open'))
    expect(told.every((hash) => hash === undefined)).toBe(true)
  })

  test('subscribes anew to all that is watched by then', async () => {
    const subscriptions: string[][] = []
    const { url } = await hostile((socket, nth) => {
      socket.on('message', (data) => {
        const message = JSON.parse(String(data))
        if (message.action !== 'subscribe') return
        subscriptions.push(message.options.accounts)
        if (nth === 1) socket.terminate()
        else socket.send('{"ack":"subscribe"}')
      })
    })
    const { feed, caughtUp } = open({ url, accounts: [PAYEE] })
    feed.watch(OTHER)
    await caughtUp()
    expect(subscriptions.at(-1)).toEqual([PAYEE, OTHER])
  })

  test.each<[string, (socket: WebSocket) => void]>([
    ['stays silent', () => {}],
    ['never acknowledges', (socket) => socket.on('message', () => socket.send('{"ack":"pong"}'))],
    ['says more than we read', (socket) => socket.send(confirmation('x'.repeat(100_000)))],
  ])('is one that %s, too', async (_, behave) => {
    const { url } = await hostile((socket, nth) => (nth === 1 ? behave(socket) : acknowledge(socket)))
    const { feed, caughtUp } = open({ url, accounts: [PAYEE], pingMs: 20 })
    await caughtUp()
    expect(feed.state()).toBe('open')
  })

  test('is made again ever more slowly', async () => {
    const at: number[] = []
    const { url } = await hostile((socket) => {
      at.push(performance.now())
      socket.terminate()
    })
    open({ url, accounts: [PAYEE], reconnectMs: 20 })
    await soon(() => expect(at.length).toBe(5))
    const pauses = at.slice(1).map((ms, i) => ms - (at[i] ?? 0))
    // Half of 20, 40, 80 and 160 at least; timers are never early by more than a millisecond.
    for (const [i, least] of [10, 20, 40, 80].entries()) expect(pauses[i]).toBeGreaterThanOrEqual(least - 1)
  })

  test('is not made again after close', async () => {
    const { url, connections } = await hostile(acknowledge)
    const { feed, told, caughtUp } = open({ url, accounts: [PAYEE], reconnectMs: 1 })
    await caughtUp()
    feed.close()
    feed.watch(OTHER)
    await soon(() => expect(feed.state()).toBe('down'))
    await new Promise((resolve) => setTimeout(resolve, 20))
    expect(connections()).toBe(1)
    expect(told).toEqual([undefined])
  })
})

test('malformed, unknown and repeated messages are passed over', async () => {
  const { url, connections } = await hostile((socket) => {
    acknowledge(socket)
    socket.on('message', () => {
      const messages = ['', '{', 'null', '[]', '7', '"x"', '{}', '{"topic":"vote"}', '{"topic":"confirmation"}']
      for (const message of messages) socket.send(message)
      for (const hash of [undefined, null, 7, '', 'AB', 'zz'.repeat(32), {}]) socket.send(confirmation(hash))
      socket.send(Buffer.from(confirmation(HASH)))
      for (const hash of [HASH, HASH.toLowerCase(), HASH]) socket.send(confirmation(hash))
    })
  })
  const { told, tells } = open({ url, accounts: [PAYEE] })
  await tells(HASH)
  await new Promise((resolve) => setImmediate(resolve))
  expect(told).toEqual([undefined, HASH])
  expect(connections()).toBe(1)
})

test('a listener that throws does not keep the next from hearing', async () => {
  const { url } = await hostile(acknowledge)
  const feed = createFeed({ url, accounts: [PAYEE] })
  onTestFinished(() => feed.close())
  feed.on(() => {
    throw new Error('mine')
  })
  await new Promise<void>((resolve) => feed.on(() => resolve()))
})

test('an address that is none is a feed that is down, and throws nothing', async () => {
  for (const url of ['', 'nonsense', 'http://127.0.0.1:1', 'ws://127.0.0.1:1']) {
    const { feed } = open({ url, accounts: [PAYEE] })
    await soon(() => expect(feed.state()).toBe('down'))
  }
})

describe.each([
  ['on Node', openOnNode],
  ['where the platform has a websocket', openOnWeb],
])('a websocket %s', (_, openWebSocket) => {
  test('sends, hears text, and closes once', async () => {
    vi.stubGlobal('WebSocket', WebSocket)
    onTestFinished(() => void vi.unstubAllGlobals())
    const { url } = await hostile((socket) => {
      socket.on('message', (data) => {
        socket.send(Buffer.from('binary'))
        socket.send(`heard ${data}`)
      })
    })
    const events: string[] = []
    await new Promise<void>((resolve) => {
      const socket = openWebSocket(url, {
        open: () => socket.send('hello'),
        message(text) {
          events.push(text)
          socket.close()
          socket.close()
          socket.send('too late')
        },
        close() {
          events.push('closed')
          resolve()
        },
      })
    })
    await new Promise((resolve) => setTimeout(resolve, 10))
    expect(events).toEqual(['heard hello', 'closed'])
  })

  test('closes when it cannot open or is told too much', async () => {
    vi.stubGlobal('WebSocket', WebSocket)
    onTestFinished(() => void vi.unstubAllGlobals())
    const { url } = await hostile((socket) => socket.send('x'.repeat(100_000)))
    for (const address of ['nonsense', 'ws://127.0.0.1:1', url]) {
      const message = vi.fn()
      await new Promise<void>((close) => openWebSocket(address, { open: () => {}, message, close }))
      expect(message).not.toHaveBeenCalled()
    }
  })
})

test('an open feed keeps no process alive', async () => {
  const { wsUrl } = await devnet()
  const script = `
    const { createFeed } = await import('./src/rpc/feed.ts')
    const feed = createFeed({ url: '${wsUrl}', accounts: ['${PAYEE}'] })
    await new Promise((resolve) => { const timer = setInterval(() => {}, 1000); feed.on(() => { clearInterval(timer); resolve() }) })
    console.log(feed.state())`
  const { stdout } = await promisify(execFile)(process.execPath, [
    '--import',
    'tsx',
    '--input-type=module',
    '-e',
    script,
  ])
  expect(stdout).toBe('open\n')
})
