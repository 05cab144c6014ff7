/**
 * What a request costs that is paid in a channel, over sockets, with the server in a process of its own: `npm run
 * bench:channels`, with `--payments 2000 --rounds 7 --connections 16 --tokens 1000000 --stores memory,redis --json`, and
 * `--profile <folder>` for a CPU profile of each server. README.md says what the numbers mean.
 */
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { serveDevnet } from 'nano402/devnet/server'
import { createChain, MAX_K } from '../src/channel/payword.ts'
import { randomBytes } from '../src/core/bytes.ts'
import { type Ask, type Channel, freshWallet, prepareChannel } from '../test/channel/client.ts'
import { hasRedis, startRedis } from '../test/support/redis.ts'
import { createWorld, type World } from '../test/support/world.ts'
import type { Question, Usage } from './channel-server.ts'
import { pace, requestBytes, saturate } from './load.ts'
import { collectGarbage, median, rounded } from './measure.ts'

const { values: options } = parseArgs({
  options: {
    payments: { type: 'string', default: '2000' },
    rounds: { type: 'string', default: '7' },
    connections: { type: 'string', default: '16' },
    tokens: { type: 'string', default: '1000000' },
    stores: { type: 'string', default: 'memory,redis' },
    profile: { type: 'string' },
    json: { type: 'boolean', default: false },
  },
})
const [payments, rounds, connections, tokens] = [
  Number(options.payments),
  Number(options.rounds),
  Number(options.connections),
  Number(options.tokens),
]
/** Rounds before those that count, in which the engine compiles. */
const WARM_UPS = 3
const say = (line: string) => options.json || console.log(line)

interface Server {
  readonly url: string
  usage(question: Exclude<Question, 'stop'>): Promise<Usage>
  stop(): Promise<void>
}

async function openServer(world: World, rpc: string, store: string): Promise<Server> {
  const { network, payTo, secret } = world.options
  const terms = { price: '0.000001', wallet: freshWallet(), mechanisms: ['channel', 'session'] }
  const settings = JSON.stringify({ network, payTo, secret, rpc, store, ...terms })
  const profiling = options.profile === undefined ? [] : ['--cpu-prof', '--cpu-prof-dir', options.profile]
  const execArgv = [...process.execArgv, ...profiling]
  const child = fork(fileURLToPath(new URL('channel-server.ts', import.meta.url)), [settings], { execArgv })
  const [{ url }] = await once(child, 'message')
  return {
    url,
    async usage(question) {
      child.send(question)
      return (await once(child, 'message'))[0] as Usage
    },
    async stop() {
      child.send('stop')
      await once(child, 'exit')
    },
  }
}

type Mode = 'payword-sha256' | 'voucher-ed25519'

/** What a client sends in a channel, made before the clock runs. */
interface Payer {
  /** The next so many payments. */
  next(count: number): Promise<readonly Record<string, string>[]>
}

async function openPayer(world: World, { url }: Server, mode: Mode, { receipt }: { receipt: boolean }): Promise<Payer> {
  const ask: Ask = (path, init) => fetch(url + path, init)
  const channel = await prepareChannel(ask, await world.purse(), { mode, maxK: MAX_K, deposit: 2n * 10n ** 30n })
  const { status } = await channel.openOnly()
  if (status !== 204) throw new Error(`A channel was not opened: ${status}.`)
  const made: Record<string, string>[] = []
  const keeping = channel.on(async (_path, init) => {
    made.push(init?.headers as Record<string, string>)
    return new Response()
  }) as Channel
  let k = 0
  return {
    async next(count) {
      for (let i = 0; i < count; i++) await keeping.pay(++k, { change: receipt ? {} : { receipt: false } })
      return made.splice(0)
    },
  }
}

/** One line of the table. CPU is the server's: of the whole process, garbage collection included. */
interface Row {
  readonly store: string
  readonly subject: string
  readonly requestsPerSecond: number
  readonly cpuMicros: number
  /** Above the bare route that was asked in the same round, with the same headers. */
  readonly addedCpuMicros: number
}

interface Latency {
  readonly store: string
  readonly requestsPerSecond: number
  readonly p50Ms: number
  readonly p99Ms: number
}

async function compare(world: World, server: Server, store: string): Promise<readonly Row[]> {
  const payers = {
    payword: await openPayer(world, server, 'payword-sha256', { receipt: false }),
    voucher: await openPayer(world, server, 'voucher-ed25519', { receipt: false }),
    'payword, receipts': await openPayer(world, server, 'payword-sha256', { receipt: true }),
  }
  const samples = new Map<string, { cpuMicros: number; perSecond: number; added: number }[]>()
  const measure = async (requests: readonly Buffer[]) => {
    const before = await server.usage('cpu')
    const seconds = await saturate(server.url, requests, connections)
    const after = await server.usage('cpu')
    return { cpuMicros: (after.cpuMicros - before.cpuMicros) / payments, perSecond: payments / seconds }
  }
  for (let round = 0; round < WARM_UPS + rounds; round++) {
    const batches = await Promise.all(
      Object.entries(payers).map(async ([name, payer]) => [name, await payer.next(payments)] as const),
    )
    const [first] = batches
    const bare = await measure((first?.[1] ?? []).map((headers) => requestBytes('/bare', headers)))
    const marked = await measure((first?.[1] ?? []).map((headers) => requestBytes('/marked', headers)))
    const ours: [string, typeof bare][] = [
      ['bare', bare],
      ['headers alone', marked],
    ]
    const turn = round % batches.length
    for (const [name, headers] of [...batches.slice(turn), ...batches.slice(0, turn)]) {
      ours.push([name, await measure(headers.map((one) => requestBytes('/report', one)))])
    }
    if (round < WARM_UPS) continue
    for (const [name, sample] of ours) {
      const known = samples.get(name) ?? []
      samples.set(name, [...known, { ...sample, added: sample.cpuMicros - bare.cpuMicros }])
    }
  }
  return [...samples].map(([subject, own]) => ({
    ...{ store, subject },
    requestsPerSecond: Math.round(median(own.map(({ perSecond }) => perSecond))),
    cpuMicros: rounded(median(own.map(({ cpuMicros }) => cpuMicros))),
    addedCpuMicros: rounded(median(own.map(({ added }) => added))),
  }))
}

/** At half of what it can do, for five seconds after one that does not count. */
async function latencyOf(world: World, server: Server, store: string, saturation: number): Promise<Latency> {
  const payer = await openPayer(world, server, 'payword-sha256', { receipt: false })
  const perSecond = Math.round(saturation / 2)
  const requests = (await payer.next(6 * perSecond)).map((headers) => requestBytes('/report', headers))
  collectGarbage() // what made the requests must not stop the clock that times them
  const took = await pace(server.url, requests, { perSecond, connections: 64 })
  const sorted = took.slice(perSecond).sort((a, b) => a - b)
  const at = (share: number) => Math.round(100 * (sorted[Math.floor(share * sorted.length)] ?? 0)) / 100
  return { store, requestsPerSecond: perSecond, p50Ms: at(0.5), p99Ms: at(0.99) }
}

interface Memory {
  readonly paid: number
  readonly heapMb: number
  readonly residentMb: number
}

/** What the server holds, after each tenth of so many tokens of one channel. */
async function memoryOf(world: World, server: Server): Promise<readonly Memory[]> {
  const payer = await openPayer(world, server, 'payword-sha256', { receipt: false })
  const found: Memory[] = []
  const tenth = Math.ceil(tokens / 10)
  for (let paid = 0; paid < tokens; ) {
    for (const end = paid + tenth; paid < end; ) {
      const batch = await payer.next(Math.min(10_000, end - paid))
      const requests = batch.map((headers) => requestBytes('/report', headers))
      await saturate(server.url, requests, connections)
      paid += batch.length
    }
    const { heapBytes = 0, residentBytes = 0 } = await server.usage('memory')
    const now = { paid, heapMb: rounded(heapBytes / 1e6), residentMb: rounded(residentBytes / 1e6) }
    say(`${paid} tokens paid: ${now.heapMb} MB of heap, ${now.residentMb} MB resident`)
    found.push(now)
  }
  return found
}

/** The longest chain, as a client makes it. */
async function chainCost(): Promise<{ readonly ms: number; readonly heldKb: number; readonly firstTokenMs: number }> {
  await createChain({ seed: randomBytes(32), salt: randomBytes(16), maxK: 10_000 }) // the engine compiles
  const held = () => {
    collectGarbage()
    const { heapUsed, external } = process.memoryUsage()
    return heapUsed + external
  }
  const before = held()
  const startMs = performance.now()
  const chain = await createChain({ seed: randomBytes(32), salt: randomBytes(16), maxK: MAX_K })
  const madeMs = performance.now()
  chain.token(1)
  const ms = Math.round(madeMs - startMs)
  const firstTokenMs = rounded(performance.now() - madeMs)
  const heldKb = Math.round((held() - before) / 1_000)
  return { ms, heldKb, firstTokenMs: chain.maxK === MAX_K ? firstTokenMs : Number.NaN }
}

async function main(): Promise<void> {
  const chain = await chainCost()
  say(
    `A chain of 2^20 tokens: made in ${chain.ms} ms, holds ${chain.heldKb} kB, first token in ${chain.firstTokenMs} ms`,
  )
  const node = await serveDevnet({ confirmMs: 0 })
  const world = await createWorld({ devnet: node.devnet })
  const redis = hasRedis && options.stores.includes('redis') ? await startRedis() : undefined
  const stores = [...(options.stores.includes('memory') ? ['memory'] : []), ...(redis ? ['redis'] : [])]
  const rows: Row[] = []
  const latencies: Latency[] = []
  let memory: readonly Memory[] = []
  for (const store of stores) {
    const server = await openServer(world, node.url, store === 'redis' ? (redis?.url ?? '') : store)
    const compared = await compare(world, server, store)
    rows.push(...compared)
    const saturation = compared.find(({ subject }) => subject === 'payword')?.requestsPerSecond ?? 0
    latencies.push(await latencyOf(world, server, store, saturation))
    await server.stop()
  }
  if (tokens > 0) {
    const server = await openServer(world, node.url, 'memory')
    memory = await memoryOf(world, server)
    await server.stop()
  }
  await redis?.stop()
  await node.close()
  if (options.json) console.log(JSON.stringify({ chain, rows, latencies, memory }, undefined, 2))
  else for (const table of [rows, latencies]) console.table(table)
}

await main()
process.exit(0)
