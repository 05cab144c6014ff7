/**
 * Thousands of clients open a channel, pay in it and close it, while strangers send rubbish: `npm run test:stress`, with
 * NANO402_STRESS_CLIENTS (5000, for each custodian), NANO402_STRESS_CUSTODIANS (payee,issuer), NANO402_STRESS_AT_ONCE (64),
 * NANO402_STRESS_SECONDS (900 for each: then no further client begins) and NANO402_STRESS_P99_MS (2000: the slowest that one
 * paid request in a hundred may be).
 */
import { serveDevnet } from 'nano402/devnet/server'
import { accountInfo, receivable } from 'nano402/rpc'
import { expect, onTestFinished, test } from 'vitest'
import { startService } from '../../scripts/channel-system.ts'
import { codeOf } from '../channel/client.ts'
import { hasRedis, startRedis } from '../support/redis.ts'
import { createWorld, paymentHeader, randomHash } from '../support/world.ts'
import { issuerClient, payeeClient } from './clients.ts'

const { NANO402_STRESS_CLIENTS = '5000', NANO402_STRESS_AT_ONCE = '64' } = process.env
const { NANO402_STRESS_SECONDS = '900', NANO402_STRESS_P99_MS = '2000' } = process.env
const CUSTODIANS = (process.env.NANO402_STRESS_CUSTODIANS ?? 'payee,issuer').split(',')
const PAYMENTS = 5
const OPERATOR = randomHash()

/** A vendor, with an issuer where that holds the deposits, each on a Redis of its own where there is one. */
async function openSystem(custodian: string) {
  const node = await serveDevnet({ confirmMs: 0 })
  onTestFinished(() => node.close())
  const start = async (name: 'vendor' | 'issuer', ...args: readonly string[]) => {
    const redis = hasRedis ? await startRedis() : undefined
    onTestFinished(() => redis?.stop())
    const service = await startService(name, ['--port', '0', ...args], {
      ...{ NANO402_NETWORK: 'nano:devnet', NANO402_RPC_URL: node.url, NANO402_WS_URL: node.wsUrl },
      ...{ NANO402_STORE: redis?.url ?? 'memory', NANO402_SEED: randomHash(), NANO402_ISSUER_TOKEN: OPERATOR },
    })
    onTestFinished(() => service.stop())
    return service.said
  }
  const issuer = custodian === 'issuer' ? await start('issuer') : undefined
  const named = issuer && { url: issuer.url, publicKey: String(issuer.issuer) }
  const vendor = await start('vendor', ...(named ? ['--issuer', `${named.url}#${named.publicKey}`] : []))
  const { devnet } = node
  return { devnet, vendor, issuer: named }
}
type System = Awaited<ReturnType<typeof openSystem>>

/** What the vendor has, in raw: on the ledger, or with its issuer, whose books must add up. */
async function earned({ devnet, vendor, issuer }: System): Promise<bigint> {
  if (issuer) {
    const response = await fetch(`${issuer.url}/audit`, { headers: { authorization: `Bearer ${OPERATOR}` } })
    const { ok, surplus, owed, balances } = (await response.json()) as Record<string, string | boolean>
    expect({ ok, surplus, owed }).toEqual({ ok: true, surplus: '0', owed: balances })
    return BigInt(String(balances)) // all clients have withdrawn theirs
  }
  const held = await accountInfo(devnet, vendor.account as never)
  const coming = await receivable(devnet, vendor.account as never, { count: 10_000 })
  return coming.reduce((sum, { amount }) => sum + amount, held?.balance ?? 0n)
}

/** Strangers, until they are told to stop. Gives how often they asked. */
function sendRubbish({ url, account }: System['vendor'], isOver: () => boolean): Promise<number> {
  const token = { type: 'token', channelId: randomHash(), k: 2 ** 20, token: randomHash(), mac: randomHash() }
  const accepted = { scheme: 'batch-settlement', network: 'nano:devnet', amount: '1', asset: 'XNO', payTo: account }
  const extensions = { 'payment-identifier': { info: { id: 'a-stranger-without-a-key' } } }
  const payment = { x402Version: 2, accepted: { ...accepted, maxTimeoutSeconds: 300 }, payload: token, extensions }
  const stranger = async () => {
    let asked = 0
    for (; !isOver(); asked++) {
      const [said, status] = asked % 2 ? (['rubbish', 400] as const) : ([payment, 402] as const)
      expect((await fetch(`${url}/paid`, { headers: paymentHeader(said) })).status).toBe(status)
    }
    return asked
  }
  return Promise.all([stranger(), stranger()]).then(([one, other]) => one + other)
}

test.each(CUSTODIANS)(
  `%s: ${NANO402_STRESS_CLIENTS} clients open, pay and close while strangers send rubbish, and every raw is accounted for`,
  {
    timeout: 1_000 * Number(NANO402_STRESS_SECONDS) + 300_000,
  },
  async (custodian) => {
    const system = await openSystem(custodian)
    const { devnet, vendor, issuer } = system
    const world = await createWorld({ devnet })

    const latencies: number[] = []
    let [served, closed] = [0, 0]
    async function client(): Promise<void> {
      const purse = await world.purse()
      const own = await (issuer
        ? issuerClient(vendor.url, purse, { ...issuer, devnet })
        : payeeClient(vendor.url, purse))
      expect((await own.open()).status).toBe(204)
      for (let k = 1; k <= PAYMENTS; k++) {
        const startMs = performance.now()
        const answer = await own.pay(k)
        latencies.push(performance.now() - startMs)
        expect(answer.status, codeOf(answer)).toBe(200)
        served++
      }
      await own.finish()
      closed++
    }

    let left = Number(NANO402_STRESS_CLIENTS)
    const startMs = performance.now()
    const seconds = () => (performance.now() - startMs) / 1_000
    const worker = async () => {
      while (left-- > 0 && seconds() < Number(NANO402_STRESS_SECONDS)) await client()
    }
    let isOver = false
    const strangers = sendRubbish(vendor, () => isOver)
    await Promise.all(Array.from({ length: Number(NANO402_STRESS_AT_ONCE) }, worker))
    isOver = true

    const sorted = latencies.sort((a, b) => a - b)
    const at = (share: number) => Math.round(sorted[Math.floor(share * (sorted.length - 1))] ?? 0)
    const took = seconds()
    const figures = {
      ...{
        custodian,
        clients: closed,
        served,
        seconds: Math.round(took),
        'clients/s': Math.round((10 * closed) / took) / 10,
      },
      ...{ rubbish: await strangers, 'p50 ms': at(0.5), 'p95 ms': at(0.95), 'p99 ms': at(0.99), 'max ms': at(1) },
    }
    process.stdout.write(`\n${JSON.stringify(figures)}\n`)
    expect(served).toBe(PAYMENTS * closed)
    expect(at(0.99)).toBeLessThan(Number(NANO402_STRESS_P99_MS))
    expect(await earned(system)).toBe(BigInt(served) * 10n ** 25n)
  },
)
