/** Every store there is, with ways in from several processes: Redis and SQLite are opened more than once. */
import { randomUUID } from 'node:crypto'
import { join } from 'node:path'
import type { Store } from 'nano402'
import { memoryStore } from 'nano402/stores/memory'
import { sqliteStore } from 'nano402/stores/sqlite'
import { afterAll, beforeAll } from 'vitest'
import { openStore } from '../../src/stores/open.node.ts'
import { hasRedis, type RedisServer, startRedis } from '../support/redis.ts'
import { temporaryDirectory } from '../support/stores.ts'

export interface SharedStore {
  readonly name: string
  /** Two ways into one store, as two processes have them, with nothing in it that the test knows. */
  open(now: () => number): Promise<readonly [Store, Store]>
  /** How many random runs the time allows. */
  readonly numRuns: number
}

/** To be called once in a file: it starts a Redis for it. */
export function sharedStores(): readonly SharedStore[] {
  let redis: RedisServer
  let ways: readonly [Store, Store]
  if (hasRedis) {
    beforeAll(async () => {
      redis = await startRedis()
      ways = [await openStore(redis.url), await openStore(redis.url)]
    })
    afterAll(async () => {
      await Promise.all(ways.map((way) => way.close()))
      await redis.stop()
    })
  }
  const all: readonly SharedStore[] = [
    {
      name: 'memory',
      numRuns: 150,
      async open(now) {
        const store = memoryStore({ now })
        return [store, store]
      },
    },
    {
      name: 'sqlite',
      numRuns: 5,
      async open(now) {
        const path = join(temporaryDirectory(), `${randomUUID()}.sqlite`)
        return [await sqliteStore(path, { now }), await sqliteStore(path, { now })]
      },
    },
    { name: 'redis', numRuns: 5, open: async () => ways },
  ]
  return hasRedis ? all : all.slice(0, 2)
}
