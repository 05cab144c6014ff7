import { join } from 'node:path'
import { Redis } from 'ioredis'
import { memoryStore } from 'nano402/stores/memory'
import { redisStore } from 'nano402/stores/redis'
import { sqliteStore } from 'nano402/stores/sqlite'
import { describe, test } from 'vitest'
import { hasRedis, startRedis } from '../support/redis.ts'
import { temporaryDirectory } from '../support/stores.ts'
import { stoppedClock, worldClock } from './clock.ts'
import { followsTheModel } from './model.ts'

describe('whatever three owners do in whatever order', () => {
  test('the memory store answers as the model does', async () => {
    const clock = stoppedClock()
    await followsTheModel(async () => memoryStore(clock), clock, 2000)
  })

  test('the sqlite store answers as the model does', async () => {
    const clock = stoppedClock()
    await followsTheModel(() => sqliteStore(join(temporaryDirectory(), 'claims.sqlite'), clock), clock, 200)
  })

  test.skipIf(!hasRedis)('the Redis store answers as the model does', async () => {
    const redis = await startRedis()
    const client = new Redis(redis.url)
    await followsTheModel(() => redisStore((...command) => client.call(...command)), worldClock, 100)
    await client.quit()
    await redis.stop()
  })
})
