/**
 * Claims and records in Redis: for any number of machines. The caller brings the client, standalone or Cluster; each
 * step is one script over keys of one slot. Whatever Redis does not answer as it should is a `StoreError`: what it knows
 * is then unknown, and nothing is served.
 */
import type { ClaimRecord, ClaimResult, Store } from '../core/store.ts'
import { StoreError } from '../errors.ts'
import { isOne, listOf, numberOf, oneOf, reasonOf, textOf, unanswered } from './redis-reply.ts'
import { CLAIM, COMMIT, INSPECT, MARK, RELEASE, RENEW, WRITE } from './redis-scripts.ts'

export { type RedisOverRestOptions, redisOverRest } from './redis-rest.ts'

/** A command's name and what follows it. */
export type RedisCommand = [name: string, ...parameters: string[]]

/** Sends one command with a client of the caller's choice, and gives Redis's reply with bulk strings as text. */
export type RedisSend = (...command: RedisCommand) => Promise<unknown>

/** Where claims lie in a Redis, and how long it may take. */
export interface RedisStoreOptions {
  /** What every key starts with. Default `nano402:`. All processes that sell for one account must use the same. */
  readonly prefix?: string
  /** How long a command may take, in ms. Default 2,000. After that nobody knows whether it was done. */
  readonly timeoutMs?: number
  /** What closing the store does. Default nothing: the client is the caller's. */
  readonly close?: () => Promise<unknown>
}

/**
 * Keys lie in parts, each in one slot of a Cluster, and each part has a mark that says since when it remembers: a Cluster
 * may lose one node's memory and keep the others'. Never change it: a claim would be looked for where it is not.
 */
const PARTS = 32

/** Claims are kept an hour longer than needed, for clocks that differ. Beyond this they would be lost too soon. */
const MAX_CLOCK_DIFFERENCE_MS = 600_000

/**
 * The key that a command is about, for clients that must be told: node-redis's `cluster.sendCommand`.
 *
 * @example
 * keyOf(['GET', 'nano402:{0}:epoch']) // 'nano402:{0}:epoch'
 */
export const keyOf = ([name, first, , third]: readonly string[]): string | undefined =>
  name === 'EVAL' ? third : first

/**
 * A store in Redis 5 or later, over a client that is connected. The server must be one primary that keeps what it
 * acknowledged (`appendonly yes`, `appendfsync always`) and evicts nothing (`maxmemory-policy noeviction`): see
 * docs/security.md.
 *
 * @param send - `(...command) => client.sendCommand(command)` for node-redis, `(...command) => client.call(...command)` for
 * ioredis and its Cluster, `(...command) => cluster.sendCommand(keyOf(command), false, command)` for node-redis's
 * Cluster, or {@link redisOverRest}.
 * @throws {@link StoreError} (`ERR_STORE`) when Redis does not answer, may evict claims, or has another time.
 * @example
 * import { createClient } from 'redis'
 * const client = await createClient({ url: 'redis://localhost', disableOfflineQueue: true }).connect()
 * const store = await redisStore((...command) => client.sendCommand(command))
 */
export async function redisStore(send: RedisSend, options: RedisStoreOptions = {}): Promise<Store> {
  const { prefix = 'nano402:', timeoutMs = 2_000, close = async () => {} } = options
  const key = (part: number, name: string) => `${prefix}{${part}}:${name}`
  const claimKey = (id: string) => key(partOf(id), `claim:${id}`)
  const recordKey = (id: string) => key(partOf(id), `record:${id}`)
  const markKey = (part: number) => key(part, 'epoch')

  async function ask(...command: RedisCommand): Promise<unknown> {
    let timer: ReturnType<typeof setTimeout> | undefined
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(unanswered(`nothing within ${timeoutMs} ms`)), timeoutMs)
    })
    try {
      return await Promise.race([send(...command), late])
    } catch (error) {
      throw error instanceof StoreError ? error : unanswered(reasonOf(error))
    } finally {
      clearTimeout(timer)
    }
  }
  // The whole script each time, though EVALSHA is shorter: there is no cache to be lost with a restart or a fail-over,
  // and so no second path that runs only then. It costs under a kilobyte, and no time that could be measured.
  const run = (script: string, keys: readonly string[], ...args: readonly (string | number)[]) =>
    ask('EVAL', script, String(keys.length), ...keys, ...args.map(String))

  /** Since when everything is remembered, as far as this process was told. It is told with each claim. */
  let epochMs = 0
  const learn = (markMs: number) => {
    epochMs = Math.max(epochMs, markMs)
    return epochMs
  }

  async function mark(part: number, notBeforeMs: number): Promise<number> {
    const [markMs, nowMs, policy] = listOf(await run(MARK, [markKey(part)], notBeforeMs), 3)
    if (policy !== '' && policy !== 'noeviction') {
      throw new StoreError(
        'Redis may evict claims, and what they paid for could be had again. Set maxmemory-policy noeviction.',
      )
    }
    if (Math.abs(Date.now() - numberOf(nowMs)) > MAX_CLOCK_DIFFERENCE_MS) {
      throw new StoreError('The clocks of Redis and of this machine differ by more than ten minutes. Set them right.')
    }
    return numberOf(markMs)
  }

  /** Marks every part that is not marked. Part 0 comes last, so that it is marked only when all of them are. */
  async function markAll(): Promise<number> {
    const others = Array.from({ length: PARTS - 1 }, (_, i) => mark(i + 1, Date.now()))
    const lastMs = Math.max(...(await Promise.all(others)))
    return learn(Math.max(lastMs, await mark(0, lastMs)))
  }

  /** A mark that is news: this part, and perhaps others, lost what they remembered. */
  async function heed(markMs: unknown): Promise<void> {
    if (numberOf(markMs) > epochMs) await markAll()
  }

  const firstMark = () => ask('GET', markKey(0))
  // Now, not when somebody asks: a session that is sealed before that would seem to be from before a loss.
  if ((await firstMark()) === null) await markAll()
  else learn(await mark(0, Date.now()))

  return {
    durable: true,
    async epochMs() {
      const markMs = await firstMark()
      return markMs === null ? markAll() : learn(numberOf(markMs))
    },
    async claim(id, owner, { leaseMs, attempts, keepUntilMs }) {
      const keys = [claimKey(id), markKey(partOf(id))]
      const [result, markMs] = listOf(await run(CLAIM, keys, owner, leaseMs, attempts, keepUntilMs, Date.now()), 2)
      await heed(markMs)
      return oneOf<ClaimResult>(result, ['claimed', 'held', 'spent', 'exhausted'])
    },
    renew: async (id, owner, leaseMs) => isOne(await run(RENEW, [claimKey(id)], owner, leaseMs)),
    commit: async (id, owner, keepUntilMs) => isOne(await run(COMMIT, [claimKey(id)], owner, keepUntilMs)),
    async release(id, owner) {
      isOne(await run(RELEASE, [claimKey(id)], owner))
    },
    async inspect(id) {
      const reply = await run(INSPECT, [claimKey(id)])
      if (reply === null) return undefined
      const [state, attempts] = listOf(reply, 2)
      return { state: oneOf<ClaimRecord['state']>(state, ['held', 'released', 'spent']), attempts: numberOf(attempts) }
    },
    async read(id) {
      const [version, value] = listOf(await ask('HMGET', recordKey(id), 'version', 'value'), 2)
      return version === null ? undefined : { version: numberOf(version), value: textOf(value) }
    },
    async write(id, expectedVersion, value, keepUntilMs) {
      const keys = [recordKey(id), markKey(partOf(id))]
      const [written, markMs] = listOf(await run(WRITE, keys, expectedVersion, value, keepUntilMs, Date.now()), 2)
      await heed(markMs)
      return isOne(written)
    },
    async close() {
      await close()
    },
  }
}

function partOf(id: string): number {
  let hash = 0
  for (let i = 0; i < id.length; i++) hash = (hash * 31 + id.charCodeAt(i)) >>> 0
  return hash % PARTS
}
