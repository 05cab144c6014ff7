/** Actions about the node itself and the network it sees: itself alone, the genesis account voting. */
import { type NanoAddress, WORK_THRESHOLDS } from '../../nano/index.ts'
import { contentsOf, previousOf, rootOf } from '../block.ts'
import { DEVNET_GENESIS_ACCOUNT, DEVNET_GENESIS_HASH, SUPPLY } from '../genesis.ts'
import type { Node } from '../node.ts'
import { type Action, orEmpty } from './action.ts'

const uptime = ({ startedMs }: Node) => Math.floor((Date.now() - startedMs) / 1000).toString()

/** Who votes: nobody while confirmations are held. */
const voters = (node: Node): readonly NanoAddress[] => (node.isHeld() ? [] : [DEVNET_GENESIS_ACCOUNT])

const WEIGHT_MINIMUM = 60_000_000n * 10n ** 30n

export const nodeActions: Readonly<Record<string, Action>> = {
  version: () => ({
    rpc_version: '1',
    store_version: '24',
    protocol_version: '21',
    node_vendor: 'nano402 devnet',
    store_vendor: 'memory',
    network: 'dev',
    network_identifier: DEVNET_GENESIS_HASH,
    build_info: 'nano402 devnet: for development and tests',
  }),
  telemetry(node, request) {
    if (request.flag('raw')) return { metrics: '' }
    const { blocks, confirmed, accounts } = node.ledger.counts()
    return {
      block_count: blocks.toString(),
      cemented_count: confirmed.toString(),
      unchecked_count: node.unchecked.size.toString(),
      account_count: accounts.toString(),
      bandwidth_cap: '10485760',
      peer_count: '0',
      protocol_version: '21',
      uptime: uptime(node),
      genesis_block: DEVNET_GENESIS_HASH,
      major_version: '27',
      minor_version: '1',
      patch_version: '0',
      pre_release_version: '0',
      maker: '0',
      timestamp: Date.now().toString(),
      active_difficulty: WORK_THRESHOLDS['nano:devnet'].send,
      node_id: DEVNET_GENESIS_ACCOUNT.replace('nano_', 'node_'),
      signature: '0'.repeat(128),
    }
  },
  /** What is voted on, by its root: what its work is computed over, and the block before it. */
  confirmation_active({ ledger, isActive }) {
    const next = ledger.accounts().flatMap((account) => ledger.chain(account)[ledger.confirmedHeight(account)] ?? [])
    const roots = next.filter(isActive).map(({ block }) => rootOf(block) + previousOf(block))
    return { confirmations: orEmpty(roots), unconfirmed: roots.length.toString(), confirmed: '0' }
  },
  uptime: (node) => ({ seconds: uptime(node) }),
  peers: () => ({ peers: '' }),
  frontier_count: ({ ledger }) => ({ count: ledger.counts().accounts.toString() }),
  /** What genesis gave away and nobody burned. */
  available_supply({ ledger }) {
    const held = ledger.head(DEVNET_GENESIS_ACCOUNT)?.balance ?? 0n
    return { available: (SUPPLY - held).toString() }
  },
  representatives({ ledger }) {
    const names = new Set(ledger.accounts().map((account) => ledger.head(account)?.representative))
    const weights = [...names].flatMap((name) => (name ? [[name, ledger.weight(name)] as const] : []))
    weights.sort(([, a], [, b]) => (a > b ? -1 : 1))
    return { representatives: orEmpty(Object.fromEntries(weights.map(([name, weight]) => [name, weight.toString()]))) }
  },
  representatives_online(node, request) {
    const online = voters(node)
    if (!request.flag('weight')) return { representatives: orEmpty(online) }
    const weights = online.map((name) => [name, { weight: node.ledger.weight(name).toString() }])
    return { representatives: orEmpty(Object.fromEntries(weights)) }
  },
  confirmation_quorum(node, request) {
    const online = voters(node).length > 0 ? SUPPLY : 0n
    const most = online > WEIGHT_MINIMUM ? online : WEIGHT_MINIMUM
    return {
      quorum_delta: ((most * 67n) / 100n).toString(),
      online_weight_quorum_percent: '67',
      online_weight_minimum: WEIGHT_MINIMUM.toString(),
      online_stake_total: online.toString(),
      trended_stake_total: WEIGHT_MINIMUM.toString(),
      peers_stake_total: '0',
      ...(request.flag('peer_details') && { peers: '' }),
    }
  },
  unchecked({ unchecked }, request) {
    const waiting = [...unchecked].slice(0, request.count('count', Number.POSITIVE_INFINITY))
    const json = request.flag('json_block')
    return { blocks: orEmpty(Object.fromEntries(waiting.map(([hash, { block }]) => [hash, contentsOf(block, json)]))) }
  },
  unchecked_get({ unchecked }, request) {
    const found = unchecked.get(request.hash())
    if (!found) throw request.refusal('Block not found')
    return {
      modified_timestamp: found.timestamp.toString(),
      contents: contentsOf(found.block, request.flag('json_block')),
    }
  },
  delegators({ ledger }, request) {
    const representative = request.account()
    const heads = ledger.accounts().flatMap((account) => ledger.head(account) ?? [])
    const found = heads.filter((head) => head.representative === representative)
    return { delegators: orEmpty(Object.fromEntries(found.map((head) => [head.account, head.balance.toString()]))) }
  },
}
