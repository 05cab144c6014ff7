import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { Redis } from 'ioredis'
import type { Store } from 'nano402'
import { redisStore } from 'nano402/stores/redis'
import { storeContract } from 'nano402/testing'
import { createClient } from 'redis'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { openStore } from '../../src/stores/open.node.ts'
import { hasRedis, type RedisServer, startRedis } from '../support/redis.ts'
import { startRedisRest } from '../support/redis-rest.ts'

if (!hasRedis) process.stdout.write('Left out: every test with Redis, because there is no redis-server here.\n')

const limits = { leaseMs: 60_000, attempts: 3, keepUntilMs: Date.now() + 3_600_000 }

describe.skipIf(!hasRedis)('one Redis', () => {
  let redis: RedisServer
  let rest: Awaited<ReturnType<typeof startRedisRest>>
  beforeAll(async () => {
    redis = await startRedis()
    rest = await startRedisRest(redis)
  })
  afterAll(async () => {
    await rest.close()
    await redis.stop()
  })
  const open = () => openStore(redis.url)

  const clients = {
    async 'node-redis'() {
      const client = await createClient({ url: redis.url }).connect()
      return redisStore((...command) => client.sendCommand(command), { close: () => client.close() })
    },
    'ioredis, by a redis:// URL': open,
    'REST, by an http:// URL': () => openStore(rest.url),
  }
  describe.each(Object.entries(clients))('through %s', (_, open) => {
    for (const { name, run } of storeContract(open, { otherEntries: 500 })) test.concurrent(name, run)
  })

  test('of a hundred claims at once over five connections one wins, and a release frees it for one more', async () => {
    const stores = await Promise.all([open(), open(), open(), open(), open()])
    onTestFinished(async () => void (await Promise.all(stores.map((store) => store.close()))))
    const winners = async () => {
      const claims = Array.from({ length: 100 }, async (_, i) => {
        const [store, owner] = [stores[i % 5] as Store, `owner ${i}`]
        return (await store.claim('raced for', owner, limits)) === 'claimed' ? [{ store, owner }] : []
      })
      return (await Promise.all(claims)).flat()
    }
    const first = await winners()
    expect(first).toHaveLength(1)
    await first[0]?.store.release('raced for', first[0].owner)
    expect(await winners()).toHaveLength(1)
  })

  test('three processes racing for a hundred claims win each of them once', async () => {
    const ids = Array.from({ length: 100 }, (_, i) => `process race ${i}`)
    const racers = await Promise.all(['one', 'two', 'three'].map((owner) => startRacer(redis.url, owner, ids)))
    const won = await Promise.all(racers.map((race) => race()))
    expect(won.flat().sort()).toEqual(ids.toSorted())
  })

  test('every key has the prefix, and ends by itself', async () => {
    const client = new Redis(redis.url)
    onTestFinished(() => client.disconnect())
    const store = await redisStore((...command) => client.call(...command), { prefix: 'shop{1}:' })
    await store.claim('held', 'one', limits)
    await store.claim('spent', 'one', limits)
    await store.commit('spent', 'one', limits.keepUntilMs + 1)
    await store.claim('released', 'one', { ...limits, leaseMs: 7_200_000 })
    await store.release('released', 'one')
    await store.claim('long', 'one', { ...limits, leaseMs: 7_200_000 })
    await store.write('record', 0, 'value', limits.keepUntilMs + 2)

    const keys = (await client.keys('shop{1}:*')).filter((key) => !key.endsWith(':epoch'))
    const ends = await Promise.all(
      keys.map(async (key) => [key.replace(/^.*?}.*?}:/, ''), await client.pexpiretime(key)]),
    )
    const { 'claim:long': long, ...others } = Object.fromEntries(ends)
    expect(others).toEqual({
      'claim:held': limits.keepUntilMs,
      'claim:spent': limits.keepUntilMs + 1,
      'claim:released': limits.keepUntilMs,
      'record:record': limits.keepUntilMs + 2,
    })
    expect(long).toBeGreaterThan(limits.keepUntilMs + 3_000_000)
  })

  test('stores of two prefixes know nothing of each other', async () => {
    const client = new Redis(redis.url)
    onTestFinished(() => client.disconnect())
    const stores = ['one:', 'two:'].map((prefix) => redisStore((...command) => client.call(...command), { prefix }))
    for (const store of stores) expect(await (await store).claim('a', 'one', limits)).toBe('claimed')
  })

  test('scripts that the server forgot are no matter', async () => {
    const store = await open()
    onTestFinished(() => store.close())
    await store.claim('flushed', 'one', limits)
    await redis.command('SCRIPT', 'FLUSH')
    expect(await store.commit('flushed', 'one', limits.keepUntilMs)).toBe(true)
    expect(await store.claim('flushed', 'two', limits)).toBe('spent')
  })
})

/** Starts a process that is connected; what it gives starts the race and resolves with the claims that it has won. */
async function startRacer(url: string, owner: string, ids: readonly string[]) {
  const program = fileURLToPath(new URL('./redis-process.ts', import.meta.url))
  const child = spawn(process.execPath, ['--import', 'tsx', program, url, owner, ...ids], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  onTestFinished(() => void child.kill('SIGKILL'))
  const lines = createInterface(child.stdout)[Symbol.asyncIterator]()
  expect((await lines.next()).value).toBe('open')
  return async (): Promise<readonly string[]> => {
    child.stdin.end('go\n')
    return JSON.parse((await lines.next()).value)
  }
}
