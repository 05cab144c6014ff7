/** Plays the recordings, in their order, on a devnet that listens, and keeps what it answered. */
import { DEVNET_GENESIS_ACCOUNT, type Devnet } from 'nano402/devnet'
import { type BlockHash, blockHash } from 'nano402/nano'
import { type ServedDevnet, serveDevnet } from '../../src/devnet/server.ts'
import { blockPool, hashesIn, isObject, numberOf, type Recording, recordings, timingSends } from './recordings.ts'
import { openSocket, type Socket } from './socket.ts'

/** Our answer beside the node's, both without what differs from run to run. */
export interface Replayed {
  readonly recording: Recording
  readonly expected: unknown
  readonly got: unknown
}

/** Recordings of two clients that were connected at once, the first one first. */
const PAIRS: ReadonlyMap<number, number> = new Map([
  [358, 359],
  [360, 361],
  [378, 379],
  [380, 381],
  [382, 383],
])
/** Messages to clients that had connected earlier: recording, the recording before which the client connected, its message. */
const CONFIRMATIONS = { action: 'subscribe', topic: 'confirmation' }
const A = 'nano_1kh8gfgozo13f1frniygrnnbo3qhrop1abap68ihziag5rw8okoewwixotwg'
const EARLIER: readonly {
  readonly at: number
  readonly until: number
  readonly hears: readonly number[]
  readonly says: object
}[] = [
  {
    at: 150,
    until: 372,
    hears: [150, 153, 168, 180, 186, 192, 195, 197, 199],
    says: { ...CONFIRMATIONS, ack: true, id: 'sub-1', options: { accounts: [A] } },
  },
  { at: 150, until: 372, hears: [154], says: CONFIRMATIONS },
  { at: 188, until: 372, hears: [189], says: CONFIRMATIONS },
  {
    at: 365,
    until: 372,
    hears: [371],
    says: { ...CONFIRMATIONS, ack: true, options: { include_election_info: true } },
  },
  { at: 400, until: 405, hears: [405], says: { ...CONFIRMATIONS, ack: true } },
  { at: 432, until: 435, hears: [435], says: CONFIRMATIONS },
  { at: 456, until: 456, hears: [456], says: { ...CONFIRMATIONS, ack: true, options: { accounts: [A] } } },
]
const CONFIRMED_BEFORE_438 = '862264B36290A50B3B1FFF503055FDDF11E1ABEF2B03C3A3104C521923FF741C'
const HELD_AT_438 = [
  '4AAE2C0F871E9D29DAA1CA3C578E2F586BA178864682B02D91E01E139A871E7F',
  'C7AB3211F3350FCC09E808B612B6BF042F5287673B4FC4632993494ADA41076D',
]
/** Before which calls the vote stops, and before which it goes on. */
const HOLDS = new Set([364, 396, 432, 438])
const RELEASES = new Set([152, 370, 405, 434, 456])
/** Raw HTTP, told apart in http.test.ts, and what is no call at all. */
const NOT_PLAYED = new Set([...range(1, 20), 386, 411, 436, 437, ...range(458, 464), 465, 466, 467])

function range(first: number, last: number): number[] {
  return Array.from({ length: last - first + 1 }, (_, i) => first + i)
}

/** Plays everything. */
export async function replay(): Promise<readonly Replayed[]> {
  const served = await serveDevnet({ confirmMs: 0, bareGenesis: true })
  const empty = await serveDevnet({ confirmMs: 0, bareGenesis: true })
  try {
    return await play(served, empty)
  } finally {
    await Promise.all([served.close(), empty.close()])
  }
}

async function play(served: ServedDevnet, empty: ServedDevnet): Promise<Replayed[]> {
  const { devnet, wsUrl } = served
  const ledger = loader(devnet)
  const results: Replayed[] = []
  const keep = (recording: Recording, got: unknown) =>
    results.push({ recording, expected: comparable(recording, recording.response), got: comparable(recording, got) })
  const byNumber = new Map(recordings.map((recording) => [numberOf(recording), recording]))
  const sockets = new Map<(typeof EARLIER)[number], Socket>()

  devnet.hold()
  for (const recording of recordings) {
    const number = numberOf(recording)
    if (NOT_PLAYED.has(number) || [...PAIRS.values()].includes(number)) continue
    for (const client of EARLIER.filter(({ at }) => at === number)) {
      const socket = await openSocket(wsUrl)
      sockets.set(client, socket)
      await socket.send(client.says)
    }
    if (number === 438) {
      await ledger.publishTimingRuns()
      await ledger.load(CONFIRMED_BEFORE_438)
    }
    if (HOLDS.has(number)) devnet.hold()
    if (number === 438) await ledger.load(HELD_AT_438)
    if (RELEASES.has(number)) devnet.release()
    if (number === 396) await ledger.load(byNumber.get(398)?.request)

    const client = EARLIER.find(({ hears }) => hears.includes(number))
    if (client) keep(recording, await sockets.get(client)?.take())
    else if (recording.file.includes('-ws-')) {
      const pair = [recording, byNumber.get(PAIRS.get(number) ?? -1)].filter((one) => one !== undefined)
      await playSockets(pair, wsUrl, ledger, keep)
    } else {
      const { url } = number === 408 || number === 409 ? empty : served
      if (url === served.url) await ledger.loadFor(recording)
      keep(recording, await post(url, recording))
    }
    for (const [client, socket] of sockets) if (client.until === number) await socket.close()
  }
  return results
}

/** One client, or two that are connected at once: each sends its request, a block is published, each says what it got. */
async function playSockets(
  clients: readonly Recording[],
  wsUrl: string,
  ledger: ReturnType<typeof loader>,
  keep: (recording: Recording, got: unknown) => void,
): Promise<void> {
  const number = Math.min(...clients.map(numberOf))
  await ledger.loadBefore(clients)
  const open: Socket[] = []
  for (const { request } of clients) {
    const socket = await openSocket(wsUrl)
    open.push(socket)
    if (number === 357) await playUpdates(socket, ledger)
    else for (const message of Array.isArray(request) ? request : [request]) await socket.send(message)
  }
  if (number < 351 || number > 357) await ledger.publishNext()
  for (const [i, client] of clients.entries()) keep(client, await open[i]?.close())
}

const B = 'nano_3rqygmesr7xqzz5zo6oa1z6kw1kjyuuwfgjbzu1fkofkagw8ks9bi8czke5g'
const D = 'nano_1sbdb1q5pihwj39qammyii8zssq3srs5n4f9srgz6wcux1aa7emhzwbwdun1'

/** What the note of 357 tells. */
async function playUpdates(socket: Socket, ledger: ReturnType<typeof loader>): Promise<void> {
  const confirmation = { topic: 'confirmation', ack: true }
  await socket.send({ action: 'subscribe', ...confirmation, options: { accounts: [D] } })
  await socket.send({ action: 'update', ...confirmation, options: { accounts_add: [B] } })
  await ledger.publishNext()
  await socket.send({ action: 'update', ...confirmation, options: { accounts_del: [B] } })
  await ledger.publishNext()
  await socket.send({ action: 'unsubscribe', ...confirmation })
}

async function post(url: string, { request }: Recording): Promise<unknown> {
  const body = typeof request === 'string' ? request : JSON.stringify(request)
  const response = await fetch(url, { method: 'POST', body })
  return response.json()
}

const GENESIS = { type: 'state', account: DEVNET_GENESIS_ACCOUNT, representative: DEVNET_GENESIS_ACCOUNT }

/** Publishes blocks that the node had, but that no recorded call published. */
function loader(devnet: Devnet) {
  const pool = blockPool()
  const has = (hash: BlockHash) =>
    devnet.call('block_account', { hash }).then(
      () => true,
      () => false,
    )

  async function publish(hash: BlockHash): Promise<void> {
    const block = pool.get(hash)
    if (!block || (await has(hash))) return
    for (const earlier of block.after) await publish(earlier)
    await devnet.call('process', { json_block: 'true', block: block.json }).catch(() => {})
  }

  async function load(value: unknown): Promise<void> {
    for (const hash of hashesIn(value)) await publish(hash)
  }

  return {
    load,
    /** What a call names has to be there, unless the node did not have it either, or the call is about a block of its own. */
    async loadFor({ request, response }: Recording): Promise<void> {
      if (!isObject(request)) return
      const { action, block } = request
      if (action === 'process' && isObject(block)) return isGap(response) ? undefined : load(block.previous)
      if (action === 'block_hash' || action === 'block_create' || action === 'unchecked_get' || isObject(block)) return
      if (isObject(response) && 'error' in response) return
      await load([request, response])
    },
    /** What the messages to these clients build on. */
    async loadBefore(clients: readonly Recording[]): Promise<void> {
      for (const { response } of clients) {
        for (const { message } of response as { message?: { hash?: BlockHash; previous?: BlockHash } }[]) {
          await load(message?.previous ?? pool.get(message?.hash as BlockHash)?.after[0])
        }
      }
    },
    /** 436 and 437 are measurements, not calls: each of them sent 1000 to 1099 raw from genesis to B. */
    async publishTimingRuns(): Promise<void> {
      const { frontier, balance } = await devnet.call('account_info', { account: DEVNET_GENESIS_ACCOUNT })
      let previous = blockHash(frontier)
      let held = BigInt(String(balance))
      for (const [i, [signature, work]] of timingSends.entries()) {
        held -= 1000n + BigInt(i % 100)
        const block = { ...GENESIS, previous, balance: held.toString(), link: B, signature, work }
        previous = blockHash((await devnet.call('process', { json_block: true, block })).hash)
      }
    },
    /** Publishes the block that came next in the chain of genesis. */
    async publishNext(): Promise<void> {
      const { frontier } = await devnet.call('account_info', { account: DEVNET_GENESIS_ACCOUNT })
      const next = [...pool].find(([, { json }]) => json.previous === frontier)
      if (!next) throw new Error('No block of the recordings comes next.')
      await publish(next[0])
    },
  }
}

const isGap = (response: unknown) => isObject(response) && String(response.error).startsWith('Gap')

/** Fields that differ from run to run. */
const VOLATILE = new Set([
  ...['time', 'duration', 'timestamp', 'local_timestamp', 'modified_timestamp', 'uptime', 'seconds', 'node_id'],
  ...['node_vendor', 'store_vendor', 'build_info'],
])

/** An answer without times, ids and work that was searched for. The order of its fields counts. */
function comparable({ request }: Recording, answer: unknown): unknown {
  const action = isObject(request) ? request.action : undefined
  const drop = new Set(VOLATILE)
  if (action === 'work_generate') for (const name of ['work', 'difficulty', 'multiplier']) drop.add(name)
  if (action === 'telemetry') drop.add('signature')
  const text = JSON.stringify(answer, (name, value) => (drop.has(name) ? '*' : value))
  return text === undefined ? undefined : JSON.parse(text)
}
