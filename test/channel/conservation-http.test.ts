/**
 * Random operations over HTTP at two servers on one real Redis, one of which is killed with -9 now and then: deposits are
 * refunds, charges and open balances, to the raw, on the ledger and in the store.
 */
import fc from 'fast-check'
import { serveDevnet } from 'nano402/devnet/server'
import { type NanoAddress, nanoAddress, parseXno } from 'nano402/nano'
import { accountInfo, receivable } from 'nano402/rpc'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { hasRedis, type RedisServer, startRedis } from '../support/redis.ts'
import { createWorld, type Purse, type World } from '../support/world.ts'
import { type Ask, type Channel, channelOfferOf, codeOf, freshWallet, outcomeOf, prepareChannel } from './client.ts'
import { startServer } from './server.ts'

const operation = fc.record({
  kind: fc.constantFrom(...(['pay', 'pay', 'parallel', 'parallel', 'top up', 'close', 'kill'] as const)),
  client: fc.nat(2),
  count: fc.integer({ min: 2, max: 10 }),
})

describe.skipIf(!hasRedis)('two servers, one of which is killed now and then', () => {
  let world: World
  let devnet: Awaited<ReturnType<typeof serveDevnet>>
  let redis: RedisServer
  beforeAll(async () => {
    devnet = await serveDevnet({ confirmMs: 0 })
    world = await createWorld({ devnet: devnet.devnet })
    redis = await startRedis()
  })
  afterAll(async () => {
    await redis.stop()
    await devnet.close()
  })

  async function wealthOf(account: NanoAddress): Promise<bigint> {
    const waiting = await receivable(world.devnet, account, { count: 1_000 })
    const held = await accountInfo(world.devnet, account)
    return (held?.balance ?? 0n) + waiting.reduce((sum, { amount }) => sum + amount, 0n)
  }

  function startServers() {
    const { network, payTo, price, secret } = world.options
    const options = {
      ...{ network, payTo, price, secret, rpc: devnet.url, store: redis.url, wallet: freshWallet() },
      ...{ leaseMs: 600, attempts: 100, channel: { sweepSeconds: 1 } },
    }
    const start = (i: number) => startServer(options, { FRAMEWORK: i === 0 ? 'Express 5' : 'Hono' })
    const servers = [start(0), start(1)]
    let turn = 0
    const ask: Ask = async (path, init) => {
      const url = await servers[turn++ % 2]?.url
      return fetch(url + path, init).catch(() => new Response(null, { status: 503 })) // cut off, or nobody there
    }
    return {
      ask,
      async kill(i: number) {
        await servers[i]?.url
        await servers[i]?.child.kill()
        servers[i] = start(i)
      },
      stop: () => Promise.all(servers.map(({ child }) => child.kill())),
    }
  }

  /** One payer, its channels one after the other, and what it knows to have been charged. */
  function createPayer(ask: Ask, purse: Purse) {
    let deposited = 0n
    let charged = 0n
    let refunded = 0n
    let current: Promise<Channel> | undefined
    let units = 0
    const until = async (act: () => Promise<boolean>) => expect.poll(act, { timeout: 20_000, interval: 30 }).toBe(true)
    /** Asks until somebody answers. */
    async function answered(path: string): Promise<Response> {
      let answer = await ask(path)
      await until(async () => {
        if (answer.status === 503) answer = await ask(path)
        return answer.status !== 503
      })
      return answer
    }
    async function open(): Promise<Channel> {
      const mode = units % 2 ? 'voucher-ed25519' : 'payword-sha256'
      const asked = await answered('/report')
      const channel = await prepareChannel(ask, purse, {
        mode,
        deposit: parseXno('0.02'),
        offer: channelOfferOf(asked),
      })
      deposited += parseXno('0.02') + channel.tag
      units = 0
      await until(async () => (await channel.openOnly()).status === 204)
      return channel
    }
    const channel = () => {
      current ??= open()
      return current
    }
    /** Asks until it is known what became of the payment. */
    async function pay() {
      const to = await channel()
      const [k, paymentId] = [++units, to.newId()]
      await until(async () => {
        const answer = await to.pay(k, { paymentId })
        const code = answer.status === 200 || answer.status === 503 ? undefined : codeOf(answer)
        if (answer.status === 200 || code === 'answer_not_stored') charged += to.unit
        else if (answer.status === 503 || code === 'busy') return false
        else expect(['cumulative_exceeds_deposit', 'channel_closed', 'insufficient_authorization']).toContain(code)
        return true
      })
    }
    return {
      pay,
      async topUp() {
        const to = await channel()
        const block = await to.send(parseXno('0.01'))
        deposited += parseXno('0.01') + to.tag
        await until(async () => (await to.topUp(block)).status === 204)
      },
      async close() {
        const to = await channel()
        current = undefined
        await until(async () => {
          const answer = await to.close()
          if (answer.status !== 204) return false
          const { phase, deposit, charged: all } = outcomeOf(answer).channelState
          if (phase === 'closed') refunded += BigInt(deposit) - BigInt(all)
          return phase === 'closed'
        })
      },
      /** What the server says it holds for this payer and may not keep. */
      async openBalance(): Promise<bigint> {
        if (!current) return 0n
        const to = await current
        let balance = 0n
        await until(async () => {
          const answer = await to.state()
          if (answer.status !== 204) return false
          const { deposit, charged: all } = outcomeOf(answer).channelState
          balance = BigInt(deposit) - BigInt(all)
          return true
        })
        return balance
      },
      sums: () => ({ deposited, charged, refunded }),
      isOpen: () => current !== undefined,
      channel,
    }
  }

  test('keep and give back every raw', { timeout: 60_000 }, async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(operation, { minLength: 10, maxLength: 14 }), async (operations) => {
        const servers = startServers()
        try {
          const purses = await Promise.all([world.purse(), world.purse(), world.purse()])
          const before = await Promise.all(purses.map(({ account }) => wealthOf(account)))
          const payers = purses.map((purse) => createPayer(servers.ask, purse))
          const account = nanoAddress((await payers[0]?.channel())?.offer.payTo)
          let kills = 0
          for (const { kind, client, count } of operations) {
            const payer = payers[client] as ReturnType<typeof createPayer>
            const many = () => Promise.all(Array.from({ length: count }, payer.pay))
            if (kind === 'pay') await payer.pay()
            else if (kind === 'parallel') await many()
            else if (kind === 'top up') await payer.topUp()
            else if (kind === 'close') await Promise.all([payer.close(), payer.pay()])
            else if (kills++ < 2) await Promise.all([many(), servers.kill(count % 2)])
          }
          for (const [i, payer] of payers.entries()) {
            const open = await payer.openBalance()
            const { deposited, charged, refunded } = payer.sums()
            expect(refunded + charged + open).toBe(deposited)
            if (payer.isOpen()) await payer.close()
            // What is refunded is on its way to who paid.
            expect((before[i] ?? 0n) - (await wealthOf((purses[i] as Purse).account))).toBe(payer.sums().charged)
          }
          const all = payers.reduce((sum, payer) => sum + payer.sums().charged, 0n)
          expect(await wealthOf(account)).toBe(all)
        } finally {
          await servers.stop()
        }
      }),
      { numRuns: 1, endOnFailure: true },
    )
  })
})
