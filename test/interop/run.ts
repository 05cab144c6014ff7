/** Every pair of a client and a server of which one is not ours, one after the other. */

import type { Devnet } from 'nano402/devnet'
import { type NanoAddress, ZERO_HASH } from 'nano402/nano'
import { accountInfo, blocksInfo } from 'nano402/rpc'
import { createWorld } from '../support/world.ts'
import { clients } from './clients.ts'
import { type Client, type OpenClient, type OpenServer, type PairResult, REPORT, type Server } from './pair.ts'
import { servers } from './servers.ts'

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

async function runPair(client: Client, server: Server, mechanism: string): Promise<PairResult> {
  const world = await createWorld({ confirmMs: 10 })
  const opened: { close(): unknown }[] = [world]
  const pair = { client: client.name, server: server.name, wire: client.wire, mechanism }
  try {
    const [openServer, openClient] = [await server.open(world), await client.open(world)]
    opened.push(openServer, openClient)
    const problem = await trial(world.devnet, openClient, openServer)
    return { ...pair, passed: problem === '', detail: problem || '2 purchases, 2 payments' }
  } catch (error) {
    return { ...pair, passed: false, detail: String(error instanceof Error ? error.message : error) }
  } finally {
    for (const one of opened.reverse()) await one.close()
  }
}

/** The results, as they come. */
export async function* runPairs(isWanted: (client: string, server: string) => boolean = () => true) {
  for (const client of clients) {
    for (const server of servers) {
      if (client.isOurs && server.isOurs) continue
      if (!server.wires.includes(client.wire) || !isWanted(client.name, server.name)) continue
      for (const mechanism of server.mechanisms) yield await runPair(client, server, mechanism)
    }
  }
}
