/**
 * The whole system of payment channels on this machine: a devnet, Redis if `redis-server` is installed, an issuer, a vendor
 * and a client that pays it, by each mode, custodian and store in turn. `npm run demo:channels`, until Ctrl-C, or
 *
 *   --once           each combination once, and end: 0 if all money is where it should be, 1 if not
 *   --json           one JSON object for each combination, on a line of its own, and nothing else on stdout
 *   --requests 2000  for each combination
 *   --concurrency 32
 *
 * `conserved` is true if all is right to the raw, on the ledger and in the issuer's books: the payer lost what was charged, which
 * is the price of its requests, the payee got it, and the issuer has what it owes them and no more. Where the issuer holds the
 * deposits, what was charged stays in its books: it is paid out when somebody asks. The vendor is a process of its own, so that
 * its CPU is its own; opening and closing the channel is part of `serverCpuMicrosPerRequest`.
 */
import { randomBytes } from 'node:crypto'
import { parseArgs } from 'node:util'
import { type ServedDevnet, serveDevnet } from 'nano402/devnet/server'
import { accountSigner, createIssuerClient } from 'nano402/issuer'
import { derivePrivateKey, formatXno, parseXno, type Raw } from 'nano402/nano'
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
  readonly vendor: Service & { readonly seed: string }
  readonly store: string
}

/** What an account has on the ledger, and what is on its way to it. */
async function onLedger({ node }: Scene, account: string): Promise<bigint> {
  const held = await accountInfo(node.devnet, account as never)
  const coming = await receivable(node.devnet, account as never, { count: 10_000 })
  return (held?.balance ?? 0n) + coming.reduce((sum, { amount }) => sum + amount, 0n)
}

/** What the issuer owes an account: nothing to one that it has never heard of. */
async function atIssuer({ issuer }: Scene, seed: string): Promise<bigint> {
  const signer = accountSigner(derivePrivateKey(seed, 0))
  const account = createIssuerClient({ url: issuer.said.url, signer }).account()
  return BigInt(await account.then(({ balance }) => balance, balanceOfUnknown))
}
function balanceOfUnknown(error: { readonly reason?: string }): string {
  if (error.reason === 'not_found') return '0'
  throw error
}

const OPERATOR = randomBytes(16).toString('hex')

/** Whether the issuer's books and its account on the ledger agree, and nobody owns nothing of it. */
async function isAudited({ issuer }: Scene): Promise<boolean> {
  const headers = { authorization: `Bearer ${OPERATOR}` }
  const found = (await (await fetch(`${issuer.said.url}/audit`, { headers })).json()) as Record<string, unknown>
  return found.ok === true && found.surplus === '0'
}

/** Seconds of CPU that the vendor has used since it began. */
async function cpuSeconds({ said }: Service): Promise<number> {
  const metrics = await (await fetch(`${said.url}/metrics`)).text()
  return Number(/^process_cpu_seconds_total (\S+)/m.exec(metrics)?.[1])
}

async function runOnce(scene: Scene, mode: 'payword' | 'voucher'): Promise<Row> {
  const { node, issuer, vendor, store } = scene
  const { seed, account } = await node.devnet.fundedSeed(parseXno('2'))
  const all = async () => {
    const [payer, payee, third] = await Promise.all([
      onLedger(scene, account),
      onLedger(scene, vendor.said.account),
      onLedger(scene, issuer.said.account),
    ])
    const [owedPayer, owedPayee] = await Promise.all([atIssuer(scene, seed), atIssuer(scene, vendor.seed)])
    return { payer: payer + owedPayer, payee: payee + owedPayee, issuer: third - owedPayer - owedPayee }
  }
  const before = await all()
  const startSeconds = await cpuSeconds(vendor)
  const load = ['--requests', options.requests, '--concurrency', options.concurrency, '--mode', mode, '--no-journal']
  const held = vendor.said.custodian === 'issuer' ? ['--issuer', named(issuer)] : []
  const { status, said } = await runCommand(['client', `${vendor.said.url}/paid`, ...load, ...held], {
    NANO402_SEED: seed,
    ...networkOf(node),
  })
  const usedSeconds = (await cpuSeconds(vendor)) - startSeconds
  if (said.error) throw new Error(`The client ended with ${status}: ${JSON.stringify(said.error)}`)
  const after = await all()
  const [deposited = 0n, charged = 0n, refunded = 0n] = [said.deposited, said.charged, said.refunded].map((text) =>
    BigInt(text as string),
  )
  const isBooked =
    status === 0 &&
    said.conserved === true &&
    deposited === charged + refunded &&
    charged === BigInt(options.requests) * parseXno(String(vendor.said.price))
  const isRight =
    before.payer - after.payer === charged &&
    after.payee - before.payee === charged &&
    after.issuer === before.issuer &&
    (await isAudited(scene))
  return {
    ...{ mode: String(said.mode), custodian: String(vendor.said.custodian), store, requests: Number(said.requests) },
    requestsPerSecond: Math.round(Number(said.requestsPerSecond)),
    serverCpuMicrosPerRequest: Math.round((1e6 * usedSeconds) / Number(said.requests)),
    ...{ deposited: String(deposited), charged: String(charged), refunded: String(refunded) },
    conserved: isBooked && isRight,
  }
}

const named = ({ said }: Service) => `${said.url}#${said.issuer}`
const networkOf = (node: ServedDevnet) => ({
  NANO402_NETWORK: 'nano:devnet',
  NANO402_RPC_URL: node.url,
  NANO402_WS_URL: node.wsUrl,
})
const freshSeed = () => randomBytes(32).toString('hex')

/** Enough for ten thousand requests: a payee looks at only so many deposits of one channel in a while. */
const DEPOSIT = ['--min-deposit', '0.1']

/** An issuer, a vendor that holds its deposits itself and one that leaves them to the issuer, on stores of their own. */
async function openScenes(node: ServedDevnet, store: string) {
  const redis = store === 'redis' ? await Promise.all([startRedis(), startRedis(), startRedis()]) : []
  const start = (name: 'issuer' | 'vendor', seed: string, at: number, ...args: readonly string[]) =>
    startService(name, ['--port', '0', ...args], {
      ...networkOf(node),
      ...{ NANO402_STORE: redis[at]?.url ?? 'memory', NANO402_SEED: seed, NANO402_ISSUER_TOKEN: OPERATOR },
    })
  const seeds = [freshSeed(), freshSeed()] as const
  const issuer = await start('issuer', freshSeed(), 0)
  const vendors = await Promise.all([
    start('vendor', seeds[0], 1, ...DEPOSIT),
    start('vendor', seeds[1], 2, ...DEPOSIT, '--issuer', named(issuer)),
  ])
  return {
    ...{ store, issuer },
    scenes: vendors.map((vendor, i): Scene => ({ node, issuer, store, vendor: { ...vendor, seed: seeds[i] ?? '' } })),
    async stop() {
      await Promise.all(vendors.map((vendor) => vendor.stop()))
      await issuer.stop()
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
  const opened: Awaited<ReturnType<typeof openScenes>>[] = []
  let isConserved = true
  try {
    for (const store of stores) opened.push(await openScenes(node, store))
    say(`Devnet ${node.url}`)
    for (const { store, issuer, scenes } of opened) {
      say(
        `On ${store}: issuer ${issuer.said.url}, vendors ${scenes.map(({ vendor }) => vendor.said.url).join(' and ')}`,
      )
    }
    printLine(COLUMNS)
    do {
      for (const scene of opened.flatMap(({ scenes }) => scenes)) {
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
    await Promise.all(opened.map((one) => one.stop()))
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
