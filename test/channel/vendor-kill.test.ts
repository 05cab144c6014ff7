/** Issuer, vendor and client over HTTP, each with what it has in real life: two Redis servers, and a vendor that is killed. */
import { createPayer } from 'nano402/client'
import { serveDevnet } from 'nano402/devnet/server'
import { derivePublicKey, parseXno, publicKeyToAddress } from 'nano402/nano'
import { receivable } from 'nano402/rpc'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { openStore } from '../../src/stores/open.node.ts'
import { type IssuerWorld, openIssuer } from '../issuer/world.ts'
import { ROOT, startChild } from '../support/child.ts'
import { hasRedis, type RedisServer, startRedis } from '../support/redis.ts'
import { SECRET } from '../support/world.ts'
import { freshWallet } from './client.ts'

const PRICE = parseXno('0.001')
const REQUESTS = 40

describe.runIf(hasRedis)('a vendor that is killed with -9', () => {
  let served: Awaited<ReturnType<typeof serveDevnet>>
  let redis: readonly RedisServer[]
  let bank: IssuerWorld
  let store: Awaited<ReturnType<typeof openStore>>
  beforeAll(async () => {
    served = await serveDevnet({ confirmMs: 0 })
    redis = await Promise.all([startRedis(), startRedis()])
    store = await openStore(redis[0]?.url ?? '')
    bank = await openIssuer({ devnet: served.devnet, store, overHttp: true })
  })
  afterAll(async () => {
    await bank.close()
    await store.close()
    await Promise.all(redis.map((server) => server.stop()))
    await served.close()
  })

  test.each([
    ['frozen', 'payword-sha256'],
    ['about to settle', 'voucher-ed25519'],
    ['settled', 'payword-sha256'],
    ['withdrawn', 'voucher-ed25519'],
  ] as const)(
    'when a channel is "%s", paid by %s, has all that it charged on the ledger, and the client all the rest',
    async (moment, mode) => {
      const wallet = freshWallet()
      const issuers = [{ url: bank.url, publicKey: bank.issuer.info.issuer }]
      const channel = {
        issuers,
        minDeposit: '0.01',
        suggestedDeposit: '0.1',
        minSettleSeconds: 60,
        withdrawFrom: '0',
        sweepSeconds: 1,
      }
      const options = {
        network: 'nano:devnet',
        rpc: served.url,
        price: '0.001',
        secret: SECRET,
        wallet,
        channel,
        leaseMs: 500,
      }
      const startVendor = (more: Readonly<Record<string, string>>) =>
        startChild(process.execPath, ['--import', 'tsx', 'test/channel/vendor-child.ts'], {
          cwd: ROOT,
          env: { OPTIONS: JSON.stringify(options), STORE: redis[1]?.url ?? '', ...more },
        })
      await using doomed = startVendor({ MOMENT: moment })
      const [, url = ''] = await doomed.printed(/listening at (\S+)/)

      const { seed } = await served.devnet.fundedSeed(parseXno('1'))
      const payer = createPayer({
        ...{ seed, rpc: served.url, network: 'nano:devnet', work: 'cpu', retryForMs: 30_000 },
        budget: { perRequest: '0.01', total: '1', deposit: '0.5' },
        channels: { issuers, modes: [mode] },
      })
      const answers = await Promise.all(Array.from({ length: REQUESTS }, (_, n) => payer.fetch(`${url}/report?n=${n}`)))
      expect(answers.every(({ status }) => status === 200)).toBe(true)
      await bank.check()

      const closing = payer.closeChannels()
      expect([await doomed.ended, doomed.output()]).toEqual([null, expect.stringContaining('about to be killed')])
      await bank.check()
      await using next = startVendor({ PORT: new URL(url).port })
      const charged = BigInt(REQUESTS) * PRICE
      expect(await closing).toMatchObject([{ charged, refund: expect.any(String) }])
      await payer.receive()
      expect((await payer.balance()).balance).toBe(parseXno('1') - charged)

      const account = publicKeyToAddress(derivePublicKey(wallet.key))
      const paid = async () => (await receivable(served.devnet, account, { count: 9 })).map(({ amount }) => amount)
      await expect.poll(paid, { timeout: 10_000 }).toEqual([charged])
      await bank.check()
      await next.stop()
      await payer.close()
    },
  )
})
