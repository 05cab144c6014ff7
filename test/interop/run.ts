/** Every pair of a client and a server, in every form and by every way to pay that both know, one after the other. */

import type { Devnet } from 'nano402/devnet'
import { type NanoAddress, ZERO_HASH } from 'nano402/nano'
import { accountInfo, blocksInfo } from 'nano402/rpc'
import { createWorld, type Purse, type World } from '../support/world.ts'
import { clients } from './clients.ts'
import {
  type Client,
  ECHOING,
  MECHANISMS,
  type OpenClient,
  type OpenServer,
  type PairResult,
  REPORT,
  type Server,
  type Trial,
} from './pair.ts'
import { servers } from './servers.ts'

export { clients, servers }

/** How often an account has sent something since its block `until`. */
async function sendsSince(devnet: Devnet, until: string, { account }: Purse): Promise<number> {
  let count = 0
  for (let at = await frontierOf(devnet, account); at !== until; ) {
    const entry = (await blocksInfo(devnet, [at])).get(at)
    if (!entry) throw new Error(`The devnet has lost ${at}.`)
    if (entry.subtype === 'send') count++
    at = entry.block.previous
  }
  return count
}

const frontierOf = async (devnet: Devnet, account: NanoAddress) =>
  (await accountInfo(devnet, account))?.frontier ?? ZERO_HASH

/** What is wrong with this pair, or nothing. */
async function trial(devnet: Devnet, purse: Purse, client: OpenClient, server: OpenServer): Promise<string> {
  const before = await frontierOf(devnet, purse.account)
  for (const bought of [1, 2]) {
    const { status, body } = await client.get(server.url)
    if (status !== 200) return `purchase ${bought} was answered with ${status}: ${body.slice(0, 200)}`
    if (body !== REPORT) return `purchase ${bought} gave something else: ${body.slice(0, 200)}`
    const runs = await server.runs()
    if (runs !== bought) return `the handler ran ${runs} times for ${bought} purchases`
    const paid = await sendsSince(devnet, before, purse)
    if (paid !== bought) return `${paid} payments were made for ${bought} purchases`
  }
  return ''
}

async function runPair(client: Client, server: Server, { world, purse, tried }: Given): Promise<PairResult> {
  const opened: { close(): unknown }[] = []
  const pair = { client: client.name, server: server.name, ...tried }
  try {
    const openServer = await server.open(world, tried)
    opened.push(openServer)
    const openClient = client.open(world, purse, tried)
    opened.push(openClient)
    const problem = await trial(world.devnet, purse, openClient, openServer)
    return { ...pair, passed: problem === '', detail: problem || '2 purchases, 2 payments' }
  } catch (error) {
    return { ...pair, passed: false, detail: String(error instanceof Error ? error.message : error) }
  } finally {
    for (const one of opened.reverse()) await one.close()
  }
}

/** Where a pair meets, and who pays. */
interface Given {
  readonly world: World
  readonly purse: Purse
  readonly tried: Trial
}

/** What both can do. */
const trialsOf = (client: Client, server: Server): readonly Trial[] =>
  client.wires
    .filter((wire) => server.wires.includes(wire))
    .flatMap((wire) =>
      server.mechanisms
        .filter((mechanism) => (client.mechanisms ?? MECHANISMS).includes(mechanism))
        .filter((mechanism) => ECHOING.includes(wire) || mechanism === 'session')
        .map((mechanism) => ({ wire, mechanism })),
    )

export interface Wanted {
  client(name: string): boolean
  server(name: string): boolean
}

/** The results, as they come. All trade on one devnet, each client from an account of its own. */
export async function* runPairs(wanted: Wanted) {
  const world = await createWorld({ confirmMs: 10 })
  try {
    for (const client of clients.filter(({ name }) => wanted.client(name))) {
      const purse = await world.purse()
      for (const server of servers.filter(({ name }) => wanted.server(name))) {
        for (const tried of trialsOf(client, server)) yield await runPair(client, server, { world, purse, tried })
      }
    }
  } finally {
    for (const server of servers) await server.close?.()
    world.close()
  }
}
