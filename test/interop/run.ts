/** Every pair of a client and a server of which one is not ours, one after the other. */

import type { Devnet } from 'nano402/devnet'
import { type NanoAddress, ZERO_HASH } from 'nano402/nano'
import { accountInfo, blocksInfo } from 'nano402/rpc'
import { createWorld } from '../support/world.ts'
import { clients } from './clients.ts'
import {
  type Client,
  type OpenClient,
  type OpenServer,
  PAYABLE,
  type PairResult,
  REPORT,
  type Server,
  type Trial,
} from './pair.ts'
import { servers } from './servers.ts'

export { clients }

/** How often the account has sent something. */
async function sends(devnet: Devnet, account: string): Promise<number> {
  let count = 0
  for (let at = (await accountInfo(devnet, account as NanoAddress))?.frontier ?? ZERO_HASH; at !== ZERO_HASH; ) {
    const entry = (await blocksInfo(devnet, [at])).get(at)
    if (entry?.subtype === 'send') count++
    at = entry?.block.previous ?? ZERO_HASH
  }
  return count
}

/** What is wrong with this pair, or nothing. */
async function trial(devnet: Devnet, client: OpenClient, server: OpenServer): Promise<string> {
  for (const bought of [1, 2]) {
    const { status, body } = await client.get(server.url)
    if (status !== 200) return `purchase ${bought} was answered with ${status}: ${body.slice(0, 200)}`
    if (body !== REPORT) return `purchase ${bought} gave something else: ${body.slice(0, 200)}`
    if (server.runs() !== bought) return `the handler ran ${server.runs()} times for ${bought} purchases`
    const paid = await sends(devnet, client.account)
    if (paid !== bought) return `${paid} payments were made for ${bought} purchases`
  }
  return ''
}

async function runPair(client: Client, server: Server, tried: Trial): Promise<PairResult> {
  const world = await createWorld({ confirmMs: 10 })
  const opened: { close(): unknown }[] = [world]
  const pair = { client: client.name, server: server.name, ...tried }
  try {
    const [openServer, openClient] = [await server.open(world, tried), await client.open(world)]
    opened.push(openServer, openClient)
    const problem = await trial(world.devnet, openClient, openServer)
    return { ...pair, passed: problem === '', detail: problem || '2 purchases, 2 payments' }
  } catch (error) {
    return { ...pair, passed: false, detail: String(error instanceof Error ? error.message : error) }
  } finally {
    for (const one of opened.reverse()) await one.close()
  }
}

/** What both can do. */
const trialsOf = (client: Client, server: Server): readonly Trial[] =>
  client.wires
    .filter((wire) => server.wires.includes(wire))
    .flatMap((wire) =>
      server.mechanisms
        .filter((mechanism) => PAYABLE.includes(mechanism))
        .filter((mechanism) => wire === 'x402' || mechanism === 'session') // version 1 has sessions alone
        .map((mechanism) => ({ wire, mechanism })),
    )

/** The results, as they come. */
export async function* runPairs(isWanted: (client: string) => boolean) {
  for (const client of clients) {
    for (const server of servers) {
      if ((client.isOurs && server.isOurs) || !isWanted(client.name)) continue
      for (const trial of trialsOf(client, server)) yield await runPair(client, server, trial)
    }
  }
}
