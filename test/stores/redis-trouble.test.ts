import { Redis } from 'ioredis'
import { type RedisSend, redisStore } from 'nano402/stores/redis'
import { afterEach, describe, expect, onTestFinished, test } from 'vitest'
import { hasRedis, type RedisServer, startProxy, startRedis } from '../support/redis.ts'

const limits = { leaseMs: 60_000, attempts: 3, keepUntilMs: Date.now() + 3_600_000 }

const started: RedisServer[] = []
afterEach(async () => {
  await Promise.all(started.splice(0).map((redis) => redis.stop()))
})
async function start(...settings: readonly string[]) {
  const redis = await startRedis(...settings)
  started.push(redis)
  return redis
}

/** Over a client as people have it: it keeps commands for when it is connected again. */
function sendTo({ port }: { readonly port: number }): RedisSend {
  const client = new Redis(port, '127.0.0.1')
  client.on('error', () => {})
  onTestFinished(() => client.disconnect())
  return (...command) => client.call(...command)
}

const failure = (promise: Promise<unknown>) =>
  promise.then(
    () => undefined,
    (error) => ({ code: error.code, message: error.message }),
  )
const unanswered = (reason: string) => ({ code: 'ERR_STORE', message: `Redis gave no usable answer: ${reason}.` })

describe.skipIf(!hasRedis)('a Redis in trouble', () => {
  test('that is not there cannot be opened', async () => {
    const redis = await start()
    await redis.kill()
    expect(await failure(redisStore(sendTo(redis), { timeoutMs: 50 }))).toEqual(unanswered('nothing within 50 ms'))
  })

  test('that was killed is a StoreError; started again it knows what it acknowledged, and its epoch', async () => {
    const redis = await start()
    const store = await redisStore(sendTo(redis), { timeoutMs: 300 })
    await store.claim('spent', 'one', limits)
    await store.commit('spent', 'one', limits.keepUntilMs)
    await store.claim('held', 'one', limits)
    await store.write('record', 0, 'value', limits.keepUntilMs)
    const epochMs = await store.epochMs()
    await redis.kill()
    expect(await failure(store.claim('other', 'one', limits))).toMatchObject({ code: 'ERR_STORE' })
    await redis.restart()

    const again = await redisStore(sendTo(redis))
    expect(await again.claim('spent', 'two', limits)).toBe('spent')
    expect(await again.claim('held', 'two', limits)).toBe('held')
    expect(await again.commit('held', 'one', limits.keepUntilMs)).toBe(true)
    expect(await again.read('record')).toEqual({ version: 1, value: 'value' })
    expect(await again.epochMs()).toBe(epochMs)
  })

  test('that was emptied has a later epoch at the next question, and every process is told the same', async () => {
    const redis = await start()
    const [one, two] = [await redisStore(sendTo(redis)), await redisStore(sendTo(redis))]
    const epochMs = await one.epochMs()
    await redis.restart({ empty: true })
    const emptiedMs = Date.now()
    expect(await one.epochMs()).toBeGreaterThanOrEqual(emptiedMs)
    expect(await two.epochMs()).toBe(await one.epochMs())
    expect(emptiedMs).toBeGreaterThan(epochMs)
  })

  test('that was emptied is found out by a claim too', async () => {
    const redis = await start()
    const store = await redisStore(sendTo(redis))
    await redis.command('FLUSHALL')
    const emptiedMs = Date.now()
    expect(await store.claim('a', 'one', limits)).toBe('claimed')
    expect(await store.epochMs()).toBeGreaterThanOrEqual(emptiedMs)
  })

  test('that answers late: the claim it took meanwhile is held, not free, until its owner gives it back', async () => {
    const redis = await start()
    const proxy = await startProxy(redis)
    onTestFinished(() => proxy.close())
    const store = await redisStore(sendTo(proxy), { timeoutMs: 500 })
    const other = await redisStore(sendTo(redis))
    proxy.holdAnswers()
    expect(await failure(store.claim('a', 'one', limits))).toEqual(unanswered('nothing within 500 ms'))
    expect(await other.claim('a', 'two', limits)).toBe('held')
    proxy.passAnswers()
    await store.release('a', 'one')
    expect(await other.claim('a', 'two', limits)).toBe('claimed')
  })

  test('that answers late: a commit that was done is done, whoever asks again', async () => {
    const redis = await start()
    const proxy = await startProxy(redis)
    onTestFinished(() => proxy.close())
    const store = await redisStore(sendTo(proxy), { timeoutMs: 500 })
    await store.claim('a', 'one', limits)
    proxy.holdAnswers()
    expect(await failure(store.commit('a', 'one', limits.keepUntilMs))).toMatchObject({ code: 'ERR_STORE' })
    proxy.passAnswers()
    expect(await store.commit('a', 'one', limits.keepUntilMs)).toBe(true)
  })

  test('that is out of memory takes nothing and forgets nothing', async () => {
    const redis = await start()
    const store = await redisStore(sendTo(redis))
    await store.claim('spent', 'one', limits)
    await store.commit('spent', 'one', limits.keepUntilMs)
    await store.claim('held', 'one', limits)
    await redis.command('CONFIG', 'SET', 'maxmemory', '1')
    expect(await failure(store.claim('a', 'one', limits))).toEqual(unanswered('OOM'))
    expect(await failure(store.write('a', 0, 'value', limits.keepUntilMs))).toEqual(unanswered('OOM'))
    expect(await failure(store.commit('held', 'one', limits.keepUntilMs))).toEqual(unanswered('OOM'))
    await redis.command('CONFIG', 'SET', 'maxmemory', '0')
    expect(await store.claim('spent', 'two', limits)).toBe('spent')
    expect(await store.commit('held', 'one', limits.keepUntilMs)).toBe(true)
    expect(await store.claim('a', 'one', limits)).toBe('claimed')
  })

  test('that is a replica takes no claim', async () => {
    const redis = await start()
    const store = await redisStore(sendTo(redis))
    await redis.command('REPLICAOF', '127.0.0.1', '1')
    expect(await failure(store.claim('a', 'one', limits))).toEqual(unanswered('READONLY'))
  })

  test.each(['allkeys-lru', 'volatile-ttl'])('that may evict claims (%s) cannot be opened', async (policy) => {
    const redis = await start('--maxmemory-policy', policy)
    const expected = { code: 'ERR_STORE', message: expect.stringContaining('maxmemory-policy noeviction') }
    expect(await failure(redisStore(sendTo(redis)))).toEqual(expected)
    await redis.command('CONFIG', 'SET', 'maxmemory-policy', 'noeviction')
    await redisStore(sendTo(redis))
    await redis.command('CONFIG', 'SET', 'maxmemory-policy', policy)
    expect(await failure(redisStore(sendTo(redis)))).toEqual(expected)
  })

  test('whose user may not look at its settings works all the same', async () => {
    const redis = await start()
    await redis.command('ACL', 'SETUSER', 'shop', 'on', '>secret', '~nano402:*', '+eval', '+get', '+set', '+time')
    await redis.command('ACL', 'SETUSER', 'shop', '+hget', '+hmget', '+hset', '+hdel', '+pexpireat')
    const client = new Redis(redis.port, '127.0.0.1', { username: 'shop', password: 'secret', enableReadyCheck: false })
    onTestFinished(() => client.disconnect())
    const store = await redisStore((...command) => client.call(...command))
    expect(await store.claim('a', 'one', limits)).toBe('claimed')
    expect(await store.commit('a', 'one', limits.keepUntilMs)).toBe(true)
  })

  test('whose clock is an hour off cannot be opened: it would forget too early', async () => {
    const send = sendTo(await start())
    const withItsClock = (hours: number): RedisSend => {
      const shift = (text: string) => text.replace('time[1] * 1000', `(time[1] + 3600 * ${hours}) * 1000`)
      return (name, ...parameters) => send(name, ...parameters.map(shift))
    }
    for (const hours of [-1, 1]) {
      const error = await failure(redisStore(withItsClock(hours), { prefix: `${hours}:` }))
      expect(error).toEqual({ code: 'ERR_STORE', message: expect.stringContaining('clocks') })
    }
  })

  test('whose clock is behind marks its beginning no earlier than we know it to be', async () => {
    const send = sendTo(await start())
    const behind: RedisSend = (name, ...parameters) =>
      send(name, ...parameters.map((text) => text.replace('time[1] * 1000', '(time[1] - 60) * 1000')))
    const nowMs = Date.now()
    expect(await (await redisStore(behind)).epochMs()).toBeGreaterThanOrEqual(nowMs)
  })
})

const methods = {
  epochMs: (store) => store.epochMs(),
  claim: (store) => store.claim('a', 'one', limits),
  renew: (store) => store.renew('a', 'one', 1000),
  commit: (store) => store.commit('a', 'one', limits.keepUntilMs),
  release: (store) => store.release('a', 'one'),
  inspect: (store) => store.inspect('a'),
  read: (store) => store.read('a'),
  write: (store) => store.write('a', 0, 'value', limits.keepUntilMs),
} satisfies Record<string, (store: Awaited<ReturnType<typeof redisStore>>) => Promise<unknown>>

describe.each(Object.entries(methods))('%s', (_, ask) => {
  /** A store that is open, and answers what it is told to from now on. */
  async function answering(answer: () => unknown) {
    let isOpen = false
    const store = await redisStore(async (command) => {
      if (isOpen) return answer()
      return command === 'GET' ? '1700000000000' : ['1700000000000', String(Date.now()), 'noeviction']
    })
    isOpen = true
    return store
  }

  test.each(['READONLY', 'LOADING', 'CLUSTERDOWN', 'NOAUTH', 'MISCONF', 'TRYAGAIN'])(
    'that Redis refuses with %s is a StoreError that tells no more than this',
    async (word) => {
      const store = await answering(() => {
        throw Object.assign(new Error(`${word} nano402:{1}:claim:secret at 10.0.0.1:6379`), {
          command: { args: ['secret'] },
        })
      })
      const error = await ask(store).catch((error: unknown) => error)
      expect(error).toMatchObject(unanswered(word))
      expect(error).not.toHaveProperty('cause')
    },
  )

  test.each([
    new Error('secret'),
    'secret',
    null,
    { code: 'secret' },
    Object.assign(new Error(''), { code: 'ESECRET1' }),
  ])('whose client throws %j is a StoreError that keeps it to itself', async (thrown) => {
    const store = await answering(() => Promise.reject(thrown))
    expect(await failure(ask(store))).toEqual(unanswered('the command failed'))
  })

  const odd = [
    '',
    'OK',
    -1,
    1.5,
    'claimed',
    true,
    {},
    [],
    [null],
    [null, null, null],
    ['yes', 'x'],
    [1, null],
    ['1e3', ''],
  ]
  test.each([undefined, ...odd].map((reply) => [reply]))(
    'that Redis answers with %j is a StoreError',
    async (reply) => {
      const store = await answering(() => reply)
      expect(await failure(ask(store))).toEqual(unanswered('a reply of another kind'))
    },
  )
})
