import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { CLIENTS, openRedis } from '../../src/stores/redis-client.node.ts'
import { startChild } from '../support/child.ts'
import { hasRedis, type RedisServer, startProxy, startRedis } from '../support/redis.ts'

const PROGRAM = 'test/stores/redis-url-process.ts'
const limits = { leaseMs: 60_000, attempts: 3, keepUntilMs: Date.now() + 3_600_000 }

describe.skipIf(!hasRedis)('a redis:// URL', () => {
  let redis: RedisServer
  beforeAll(async () => {
    redis = await startRedis()
  })
  afterAll(() => redis.stop())

  describe.each(['ioredis', 'redis'])('with the package %s', (name) => {
    const clients = CLIENTS.slice(name === 'ioredis' ? 0 : 1).slice(0, 1)

    test('claims, commits, and closes', async () => {
      const store = await openRedis(redis.url, { clients })
      expect(await store.claim(name, 'one', limits)).toBe('claimed')
      expect(await store.commit(name, 'one', limits.keepUntilMs)).toBe(true)
      await store.close()
      await expect(store.claim(name, 'two', limits)).rejects.toMatchObject({ code: 'ERR_STORE' })
    })

    test.each([
      ['nobody listens', 'redis://user:secret@127.0.0.1:1', 'ECONNREFUSED'],
      ['the password is wrong', 'redis://user:secret@127.0.0.1:PORT', 'WRONGPASS'],
    ])('where %s is a StoreError that says so and no more', async (_, url, reason) => {
      const error = await openRedis(url.replace('PORT', String(redis.port)), { clients }).catch((error) => error)
      expect(error).toMatchObject({ code: 'ERR_STORE', message: `Redis gave no usable answer: ${reason}.` })
      expect(error).not.toHaveProperty('cause')
    })

    test('a command fails at once while Redis is away, is never done later, and works when it is back', async () => {
      const away = await startRedis()
      onTestFinished(() => away.stop())
      const store = await openRedis(away.url, { clients })
      onTestFinished(() => store.close())
      await away.kill()
      const startedMs = performance.now()
      for (const id of ['a', 'b'])
        await expect(store.claim(id, 'one', limits)).rejects.toMatchObject({ code: 'ERR_STORE' })
      expect(performance.now() - startedMs).toBeLessThan(1_000)
      await away.restart()
      await untilItAnswers(store)
      expect([await store.inspect('a'), await store.inspect('b')]).toEqual([undefined, undefined])
    })

    test('a connection that swallows commands is made anew', async () => {
      const proxy = await startProxy(redis)
      onTestFinished(() => proxy.close())
      const store = await openRedis(proxy.url, { clients, deadAfterMs: 100 })
      onTestFinished(() => store.close())
      proxy.holdAnswers()
      await expect(store.inspect('a')).rejects.toMatchObject({ code: 'ERR_STORE' })
      proxy.passAnswersAnew()
      await untilItAnswers(store)
    })

    test('an open connection keeps no process alive, a command that waits for its answer does', async () => {
      await using child = startChild(process.execPath, ['--import', 'tsx', PROGRAM, redis.url, name])
      expect(await child.ended).toBe(0)
      expect(child.output()).toBe('open\nasked\nanswered\n')
    })
  })
})

/** Until the client is connected again, which it does in its own time. */
async function untilItAnswers(store: Awaited<ReturnType<typeof openRedis>>): Promise<void> {
  while (!(await store.epochMs().catch(() => 0))) await new Promise((resolve) => setTimeout(resolve, 10))
}

test('a redis:// URL without a client is a configuration error that names the packages', async () => {
  const missing = async () => {
    throw new Error('Cannot find package')
  }
  await expect(openRedis('redis://user:secret@host', { clients: [missing, missing] })).rejects.toMatchObject({
    code: 'ERR_CONFIG',
    message: 'NANO402_STORE: a redis:// URL needs a Redis client. Install ioredis or redis.',
  })
})

test('a redis:// text that is no URL is a configuration error that does not repeat it', async () => {
  const error = await openRedis('redis://:secret@:port').catch((error) => error)
  expect(error).toMatchObject({ code: 'ERR_CONFIG' })
  expect(error.message).not.toContain('secret')
})
