/**
 * The whole system of payment channels on this machine: a devnet, Redis if `redis-server` is installed, an issuer, a vendor
 * and a client that pays it, by each mode and store in turn. `npm run demo:channels`, until Ctrl-C, or
 *
 *   --once           each combination once, and end: 0 if all money is where it should be, 1 if not
 *   --json           one JSON object for each combination, on a line of its own, and nothing else on stdout
 *   --requests 2000  for each combination
 *   --concurrency 32
 *
 * `conserved` is true if what the ledger has is right to the raw: the payer lost what was charged, the payee got it, and no
 * account of the three has anything that is not accounted for. The vendor is a process of its own, so that its CPU is its own;
 * opening and closing the channel is part of `serverCpuMicrosPerRequest`.
 */
import { randomBytes } from 'node:crypto'
import { parseArgs } from 'node:util'
import { type ServedDevnet, serveDevnet } from 'nano402/devnet/server'
import { formatXno, parseXno, type Raw } from 'nano402/nano'
import { accountInfo, receivable } from 'nano402/rpc'
import { hasRedis, startRedis } from '../test/support/redis.ts'
import { runCommand, type Service, startService } from './channel-system.ts'

const { values: options } = parseArgs({
  options: {
    once: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
    requests: { type: 'string', default: '2000' },
    concurrency: { type: 'string', default: '32' },
  },
})
const say = (line: string) => options.json || console.log(line)

interface Row {
  readonly mode: string
  readonly custodian: string
  readonly store: string
  readonly requests: number
  readonly requestsPerSecond: number
  readonly serverCpuMicrosPerRequest: number
  /** In raw, as all amounts. */
  readonly deposited: string
  readonly charged: string
  readonly refunded: string
  readonly conserved: boolean
}

interface Scene {
  readonly node: ServedDevnet
  readonly issuer: Service
  readonly vendor: Service
  readonly store: string
}

/** What an account has, and what is on its way to it. */
async function wealth({ node }: Scene, account: string): Promise<bigint> {
  const held = await accountInfo(node.devnet, account as never)
  const coming = await receivable(node.devnet, account as never, { count: 10_000 })
  return (held?.balance ?? 0n) + coming.reduce((sum, { amount }) => sum + amount, 0n)
}

/** Seconds of CPU that the vendor has used since it began. */
async function cpuSeconds({ said }: Service): Promise<number> {
  const metrics = await (await fetch(`${said.url}/metrics`)).text()
  return Number(/^process_cpu_seconds_total (\S+)/m.exec(metrics)?.[1])
}

async function runOnce(scene: Scene, mode: 'payword' | 'voucher'): Promise<Row> {
  const { node, issuer, vendor, store } = scene
  const { seed, account } = await node.devnet.fundedSeed(parseXno('2'))
  const accounts = [account, vendor.said.account, issuer.said.account]
  const all = () => Promise.all(accounts.map((one) => wealth(scene, one)))
  const before = await all()
  const startSeconds = await cpuSeconds(vendor)
  const load = ['--requests', options.requests, '--concurrency', options.concurrency, '--mode', mode, '--no-journal']
  const { status, said } = await runCommand(['client', `${vendor.said.url}/paid`, ...load], {
    NANO402_SEED: seed,
    ...networkOf(node),
  })
  const usedSeconds = (await cpuSeconds(vendor)) - startSeconds
  if (said.error) throw new Error(`The client ended with ${status}: ${JSON.stringify(said.error)}`)
  const [lost = 0n, got = 0n, issued = 0n] = (await all()).map((amount, i) => amount - (before[i] ?? 0n))
  const [deposited, charged, refunded] = [said.deposited, said.charged, said.refunded].map((text) =>
    BigInt(text as string),
  )
  const isBooked = deposited === (charged ?? 0n) + (refunded ?? 0n) && said.conserved === true && status === 0
  const isOnLedger = lost === -(charged ?? 0n) && got === charged && issued === 0n
  return {
    ...{ mode: String(said.mode), custodian: String(vendor.said.custodian), store, requests: Number(said.requests) },
    requestsPerSecond: Math.round(Number(said.requestsPerSecond)),
    serverCpuMicrosPerRequest: Math.round((1e6 * usedSeconds) / Number(said.requests)),
    ...{ deposited: String(deposited), charged: String(charged), refunded: String(refunded) },
    conserved: isBooked && isOnLedger,
  }
}

const networkOf = (node: ServedDevnet) => ({
  NANO402_NETWORK: 'nano:devnet',
  NANO402_RPC_URL: node.url,
  NANO402_WS_URL: node.wsUrl,
})
const freshSeed = () => randomBytes(32).toString('hex')

/** Issuer and vendor on stores of their own. */
async function openScene(node: ServedDevnet, store: string): Promise<Scene & { stop(): Promise<void> }> {
  const redis = store === 'redis' ? await Promise.all([startRedis(), startRedis()]) : []
  const start = (name: 'issuer' | 'vendor', url = 'memory') =>
    startService(name, ['--port', '0'], { ...networkOf(node), NANO402_STORE: url, NANO402_SEED: freshSeed() })
  const [issuer, vendor] = await Promise.all([start('issuer', redis[0]?.url), start('vendor', redis[1]?.url)])
  return {
    ...{ node, issuer, vendor, store },
    async stop() {
      await Promise.all([issuer.stop(), vendor.stop()])
      await Promise.all(redis.map((server) => server.stop()))
    },
  }
}

const COLUMNS = [
  'mode',
  'custodian',
  'store',
  'requests',
  'requests/s',
  'CPU us',
  'deposited',
  'settled',
  'refunded',
  'conserved',
]
const printLine = (cells: readonly (string | number | boolean)[]) =>
  say(
    cells
      .map((cell, i) => String(cell).padEnd([16, 10, 8, 9, 11, 8, 13, 11, 13][i] ?? 0))
      .join(' ')
      .trimEnd(),
  )
/** To the sixth decimal of an XNO: the raw are for --json. */
const xno = (amount: string) => Number(formatXno(BigInt(amount) as Raw)).toFixed(6)

function print(row: Row): void {
  if (options.json) console.log(JSON.stringify(row))
  const { mode, custodian, store, requests, requestsPerSecond, serverCpuMicrosPerRequest, conserved } = row
  const money = [row.deposited, row.charged, row.refunded].map(xno)
  printLine([mode, custodian, store, requests, requestsPerSecond, serverCpuMicrosPerRequest, ...money, conserved])
}

async function main(): Promise<number> {
  const interrupted = new AbortController()
  process.once('SIGINT', () => interrupted.abort())
  const node = await serveDevnet({ confirmMs: 0 })
  const stores = hasRedis ? ['memory', 'redis'] : ['memory']
  if (!hasRedis) console.error('redis-server is not installed: on memory alone.')
  const scenes: Awaited<ReturnType<typeof openScene>>[] = []
  let isConserved = true
  try {
    for (const store of stores) scenes.push(await openScene(node, store))
    say(`Devnet ${node.url}`)
    for (const { store, issuer, vendor } of scenes)
      say(`On ${store}: issuer ${issuer.said.url}, vendor ${vendor.said.url}`)
    printLine(COLUMNS)
    do {
      for (const scene of scenes) {
        for (const mode of ['payword', 'voucher'] as const) {
          if (interrupted.signal.aborted) return isConserved ? 0 : 1
          const row = await runOnce(scene, mode)
          print(row)
          isConserved &&= row.conserved
        }
      }
    } while (!options.once)
    return isConserved ? 0 : 1
  } finally {
    await Promise.all(scenes.map((scene) => scene.stop()))
    await node.close()
  }
}

main().then(
  (status) => process.exit(status),
  (error: unknown) => {
    console.error(error)
    process.exit(1)
  },
)
