import { Cluster, Redis } from 'ioredis'
import { keyOf, redisStore } from 'nano402/stores/redis'
import { storeContract } from 'nano402/testing'
import { createCluster } from 'redis'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { hasRedis, startCluster } from '../support/redis.ts'

const limits = { leaseMs: 60_000, attempts: 3, keepUntilMs: Date.now() + 3_600_000 }

describe.skipIf(!hasRedis)('a Redis Cluster', () => {
  let cluster: Awaited<ReturnType<typeof startCluster>>
  beforeAll(async () => {
    cluster = await startCluster()
  })
  afterAll(() => cluster.stop())

  const clients = {
    async 'node-redis'() {
      const client = await createCluster({ rootNodes: cluster.nodes.map(({ url }) => ({ url })) }).connect()
      const close = () => client.close()
      return redisStore((...command) => client.sendCommand(keyOf(command), false, command), { close })
    },
    async ioredis() {
      const client = new Cluster(cluster.nodes.map(({ port }) => ({ host: '127.0.0.1', port })))
      return redisStore((...command) => client.call(...command), { close: () => client.quit() })
    },
  }
  describe.each(Object.entries(clients))('through %s', (_, open) => {
    for (const { name, run } of storeContract(open, { otherEntries: 500 })) test.concurrent(name, run)
  })

  test('a client that cannot follow to another node gets a StoreError without its address', async () => {
    const client = new Redis(cluster.nodes[0]?.port ?? 0, '127.0.0.1')
    onTestFinished(() => client.disconnect())
    await expect(redisStore((...command) => client.call(...command))).rejects.toMatchObject({
      code: 'ERR_STORE',
      message: 'Redis gave no usable answer: MOVED.',
    })
  })

  test('each node has a share of the claims', async () => {
    const store = await clients.ioredis()
    onTestFinished(() => store.close())
    await Promise.all(Array.from({ length: 300 }, (_, i) => store.claim(`shared ${i}`, 'one', limits)))
    for (const node of cluster.nodes) expect(await node.command('DBSIZE')).toBeGreaterThan(50)
  })

  test.each(['the process that finds out', 'another process'])(
    'what one node lost is not vouched for by %s, though the others remember',
    async (who) => {
      const [first, second] = [await clients.ioredis(), await clients.ioredis()]
      onTestFinished(async () => void (await Promise.all([first.close(), second.close()])))
      const ids = Array.from({ length: 100 }, (_, i) => `spent before, for ${who} ${i}`)
      for (const id of ids) {
        await first.claim(id, 'one', limits)
        await first.commit(id, 'one', limits.keepUntilMs)
      }
      await cluster.nodes[1]?.command('FLUSHALL')
      const flushedMs = Date.now()
      if (who === 'another process') await Promise.all(ids.map((id) => first.claim(`${id} too`, 'one', limits)))

      const store = who === 'another process' ? second : first
      const lost: string[] = []
      for (const id of ids) {
        if ((await store.claim(id, 'two', limits)) === 'spent') continue
        lost.push(id)
        expect(await store.epochMs()).toBeGreaterThanOrEqual(flushedMs)
      }
      expect(lost.length).toBeGreaterThan(10)
      expect(lost.length).toBeLessThan(90)
    },
  )
})
