/** A `redis://` URL, over whichever client is installed. */
import type { Store } from '../core/store.ts'
import { ConfigError } from '../errors.ts'
import { type RedisSend, redisStore } from './redis.ts'
import { reasonOf, unanswered } from './redis-reply.ts'

interface Connection {
  readonly send: RedisSend
  close(): Promise<unknown>
}
type Connect = (url: string, deadAfterMs: number) => Promise<Connection>

const CONNECT_TIMEOUT_MS = 5_000

// A client fails a command at once while it is not connected. Kept for later it would be done when nobody waits for it:
// a claim would be taken that nobody knows of. A socket keeps no process alive: the time limit of a pending command does.

const withIoredis =
  ({ Redis }: Pick<typeof import('ioredis'), 'Redis'>): Connect =>
  async (url, deadAfterMs) => {
    const client = new Redis(url, {
      lazyConnect: true,
      enableOfflineQueue: false,
      maxRetriesPerRequest: 0,
      connectTimeout: CONNECT_TIMEOUT_MS,
      socketTimeout: deadAfterMs,
    })
    const { trouble } = listen(client)
    client.on('connect', () => client.stream.unref())
    const close = async () => client.disconnect()
    await client.connect().catch(trouble).catch(andThen(close))
    return { send: (...command) => client.call(...command).catch(trouble), close }
  }

const withNodeRedis =
  ({ createClient }: Pick<typeof import('redis'), 'createClient'>): Connect =>
  async (url, deadAfterMs) => {
    let wasConnected = false
    const reconnectStrategy = (retries: number, cause: Error) => (wasConnected ? Math.min(retries * 50, 2_000) : cause)
    const socket = { connectTimeout: CONNECT_TIMEOUT_MS, reconnectStrategy }
    const client = createClient({ url, disableOfflineQueue: true, socket })
    const { trouble } = listen(client)
    const connect = async () => {
      await client.connect()
      client.unref()
      wasConnected = true
    }
    const connectAnew = () => {
      client.destroy()
      connect().catch(() => {})
    }
    const close = async () => client.destroy()
    await connect().catch(trouble).catch(andThen(close))
    return {
      send(...command) {
        const timer = setTimeout(connectAnew, deadAfterMs)
        const answer = client.sendCommand(command).finally(() => clearTimeout(timer))
        return answer.catch(trouble)
      },
      close,
    }
  }

/** Remembers what cut the connection, which the commands that fail for it do not say. */
function listen(client: { on(event: 'error' | 'ready', listener: (error?: unknown) => void): unknown }) {
  let cause: unknown
  client.on('error', (error) => {
    cause = error
  })
  client.on('ready', () => {
    cause = undefined
  })
  return {
    trouble(error: unknown): never {
      throw cause ?? error
    },
  }
}

const andThen = (close: () => Promise<unknown>) => async (error: unknown) => {
  await close()
  throw error
}

/** In the order of preference. Bundlers are told to leave them alone: they would fail where one is not installed. */
export const CLIENTS: readonly (() => Promise<Connect>)[] = [
  async () =>
    withIoredis(await import(/* webpackIgnore: true */ /* turbopackIgnore: true */ /* @vite-ignore */ 'ioredis')),
  async () =>
    withNodeRedis(await import(/* webpackIgnore: true */ /* turbopackIgnore: true */ /* @vite-ignore */ 'redis')),
]

export interface OpenRedisOptions {
  readonly clients?: typeof CLIENTS
  /** A connection that leaves a command unanswered for this long is made anew, whatever the system says of it. */
  readonly deadAfterMs?: number
}

/** Opens the store at a `redis://` or `rediss://` URL. @throws `ConfigError` (`ERR_CONFIG`), `StoreError` (`ERR_STORE`) */
export async function openRedis(url: string, options: OpenRedisOptions = {}): Promise<Store> {
  const { clients = CLIENTS, deadAfterMs = 5_000 } = options
  if (!URL.canParse(url)) throw new ConfigError('NANO402_STORE is not a URL: redis://<user>:<password>@<host>:<port>.')
  const connect = await firstInstalled(clients)
  const { send, close } = await connect(url, deadAfterMs).catch((error) => {
    throw unanswered(reasonOf(error))
  })
  return redisStore(send, { close }).catch(andThen(close))
}

async function firstInstalled(clients: typeof CLIENTS): Promise<Connect> {
  for (const load of clients) {
    const connect = await load().catch(() => undefined)
    if (connect) return connect
  }
  throw new ConfigError('NANO402_STORE: a redis:// URL needs a Redis client. Install ioredis or redis.')
}
