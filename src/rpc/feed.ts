/**
 * The node's websocket as a hint: it says when to look, never what is true. Messages are lost, repeated and late, and a
 * stranger's socket could say anything, so a listener asks the node's RPC before it believes.
 */
import { LRUCache } from '#lru-cache'
import { openWebSocket, type Socket } from '#rpc/websocket'
import { type BlockHash, blockHash, type NanoAddress } from '../nano/index.ts'
import { unref } from './wait.ts'

/** Which websocket, and what is listened for. */
export interface FeedOptions {
  /** The node's websocket, such as `ws://127.0.0.1:7078`. */
  readonly url: string
  /** Accounts to watch from the start. More can follow. */
  readonly accounts?: readonly NanoAddress[]
  /** The first pause before connecting again; it doubles up to 60 times itself. Default 500. */
  readonly reconnectMs?: number
  /** How often the connection is tested. One that stays silent twice as long is dropped. Default 30,000. */
  readonly pingMs?: number
}

/** Gets the hash of a block that may be confirmed now; undefined: something may have been missed, look at everything. */
export type FeedListener = (hash: BlockHash | undefined) => void

/** Hints that a block may be confirmed. They are reasons to look, and never believed. */
export interface ConfirmationFeed {
  /** Listens. Gives back the way to stop. */
  on(listener: FeedListener): () => void
  /** Adds an account whose sends and receives are to be heard of. */
  watch(account: NanoAddress): void
  state(): 'connecting' | 'open' | 'down'
  close(): void
}

const MAX_ACCOUNTS = 10_000
const LONGEST_PAUSE = 60
/** A connection that lived this long was a good one. */
const STABLE_MS = 10_000

/**
 * Connects to a node's websocket once there is an account to watch, and again whenever it is lost. Never throws, and
 * keeps no process alive where the platform allows it.
 *
 * @example
 * createFeed({ url: 'ws://127.0.0.1:7078' }).state() // 'down'
 */
export function createFeed(options: FeedOptions): ConfirmationFeed {
  const { url, reconnectMs = 500, pingMs = 30_000 } = options
  const accounts = new Set<NanoAddress>()
  const listeners = new Set<FeedListener>()
  /** A node repeats itself; one hint is enough. */
  const told = new LRUCache<BlockHash, true>({ max: 1_000 })
  let state: 'connecting' | 'open' | 'down' = 'down'
  let socket: Socket | undefined
  let timer: ReturnType<typeof setTimeout> | undefined
  /** The subscription is sent, so that later accounts go in updates. */
  let subscribed = false
  let closed = false
  let failures = 0
  let openedMs = 0
  let heardMs = 0

  const tell = (hash: BlockHash | undefined) => {
    for (const listener of [...listeners]) {
      try {
        listener(hash)
      } catch {
        // A listener's trouble is not the feed's, nor the next listener's.
      }
    }
  }
  const send = (message: unknown) => socket?.send(JSON.stringify(message))
  const later = (ms: number, task: () => void) => {
    clearTimeout(timer)
    timer = setTimeout(task, ms)
    unref(timer)
  }

  function connect() {
    state = 'connecting'
    const lose = () => {
      if (socket !== mine) return
      socket = undefined
      state = 'down'
      subscribed = false
      failures = openedMs > 0 && performance.now() - openedMs > STABLE_MS ? 1 : failures + 1
      openedMs = 0
      if (closed) return
      const pause = reconnectMs * Math.min(LONGEST_PAUSE, 2 ** (failures - 1))
      later(pause * (0.5 + Math.random() / 2), connect)
    }
    const mine: Socket = openWebSocket(url, {
      open() {
        heardMs = performance.now()
        subscribed = true
        send({ action: 'subscribe', topic: 'confirmation', ack: true, options: { accounts: [...accounts] } })
        later(pingMs, ping)
      },
      message(text) {
        if (socket !== mine) return
        heardMs = performance.now()
        hear(text)
      },
      close: lose,
    })
    socket = mine
  }

  function ping() {
    if (performance.now() - heardMs > 2 * pingMs || state !== 'open') return socket?.close()
    send({ action: 'ping' })
    later(pingMs, ping)
  }

  function hear(text: string) {
    const message = parse(text)
    if (message?.ack === 'subscribe') {
      state = 'open'
      openedMs = performance.now()
      // What was confirmed while nobody listened.
      tell(undefined)
    }
    if (message?.topic !== 'confirmation') return
    const hash = readHash(message.message)
    if (hash === undefined || told.has(hash)) return
    told.set(hash, true)
    tell(hash)
  }

  function watch(account: NanoAddress) {
    if (closed || accounts.has(account) || accounts.size >= MAX_ACCOUNTS) return
    accounts.add(account)
    if (subscribed) send({ action: 'update', topic: 'confirmation', options: { accounts_add: [account] } })
    else if (accounts.size === 1) connect()
  }
  for (const account of options.accounts ?? []) watch(account)

  return {
    on(listener) {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    watch,
    state: () => state,
    close() {
      closed = true
      clearTimeout(timer)
      socket?.close()
      listeners.clear()
    },
  }
}

type Fields = Readonly<Record<string, unknown>>

function parse(text: string): Fields | undefined {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null ? (value as Fields) : undefined
  } catch {
    return undefined
  }
}

function readHash(message: unknown): BlockHash | undefined {
  try {
    return blockHash((message as Fields | undefined)?.hash)
  } catch {
    return undefined
  }
}
