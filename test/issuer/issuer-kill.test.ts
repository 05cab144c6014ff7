/** An issuer's process that is killed with -9, on a real Redis: another one on the same store and account goes on. */

import { serveDevnet } from 'nano402/devnet/server'
import { createIssuerClient } from 'nano402/issuer'
import { receivable } from 'nano402/rpc'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { openStore } from '../../src/stores/open.node.ts'
import { startChild } from '../support/child.ts'
import { hasRedis, type RedisServer, startRedis } from '../support/redis.ts'
import { ISSUER_KEY } from './support.ts'
import { type IssuerWorld, openIssuer, type Person, UNIT } from './world.ts'

const DEPOSIT = 20n * UNIT
const LOCKED = 10n * UNIT
const CHARGED = 3n * UNIT

describe.runIf(hasRedis)('an issuer that is killed with -9', () => {
  let served: Awaited<ReturnType<typeof serveDevnet>>
  let redis: RedisServer
  let store: Awaited<ReturnType<typeof openStore>>
  let next: IssuerWorld
  let [client, vendor]: Person[] = []
  beforeAll(async () => {
    served = await serveDevnet({ confirmMs: 0 })
    redis = await startRedis()
    store = await openStore(redis.url)
    next = await openIssuer({ devnet: served.devnet, store })
    ;[client, vendor] = [await next.person(), await next.person()]
    await client.deposit(2n * DEPOSIT)
  })
  afterAll(async () => {
    await next.close()
    await store.close()
    await redis.stop()
    await served.close()
  })

  type Channel = Awaited<ReturnType<IssuerWorld['payword']>>
  /** What is asked of an issuer from the settlement on. The same again is the same. */
  const redeem = async (ask: Person['ask'], channel: Channel) => {
    await ask.settle(channel.id, { amount: CHARGED, proof: await channel.proof(CHARGED) })
    await ask.withdraw(CHARGED, channel.id.slice(0, 32))
  }

  test.each(['locked', 'settled', 'payout stored', 'payout published'])(
    'at "%s": all adds up at once, and who asks again of another process is locked for, settled and paid once',
    async (moment) => {
      if (!client || !vendor) throw new Error('unreachable')
      const channel = await next.payword(client, vendor)
      const balance = async () => BigInt((await client?.ask.account())?.balance ?? 0n)
      const paidTo = async ({ account }: Person) =>
        (await receivable(served.devnet, account, { count: 100 })).reduce((sum, { amount }) => sum + amount, 0n)
      const [before, paid] = [await balance(), await paidTo(vendor)]

      const env = { NODE_URL: served.url, PRIVATE_KEY: ISSUER_KEY, STORE: redis.url, MOMENT: moment }
      await using doomed = startChild(process.execPath, ['--import', 'tsx', 'test/issuer/issuer-child.ts'], { env })
      const [, url = ''] = await doomed.printed(/listening at (\S+)/)
      const askOf = ({ signer }: Person) => createIssuerClient({ url, signer })
      const told = askOf(client)
        .open(channel.config, LOCKED)
        .then(() => redeem(askOf(vendor as Person), channel))
      // A payout is made after the answer.
      if (!moment.startsWith('payout')) await expect(told).rejects.toMatchObject({ code: 'ERR_ISSUER' })
      expect([await doomed.ended, doomed.output()]).toEqual([null, expect.stringContaining('about to be killed')])
      await told.catch(() => {})
      await next.check()

      if (moment === 'locked') await client.ask.open(channel.config, LOCKED)
      await redeem(vendor.ask, channel)
      await next.issuer.payOut()
      await expect.poll(() => paidTo(vendor as Person), { timeout: 10_000 }).toBe(paid + CHARGED)
      await next.issuer.payOut()
      expect([await balance(), await paidTo(vendor)]).toEqual([before - CHARGED, paid + CHARGED])
      expect(await client.ask.channel(channel.id)).toMatchObject({ state: 'settled', charged: String(CHARGED) })
      await next.check()
    },
  )
})
