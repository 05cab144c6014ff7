/** Actions that walk along an account's chain. */
import { addressToPublicKey } from '../../nano/index.ts'
import { DEVNET_GENESIS_ACCOUNT } from '../genesis.ts'
import type { Entry } from '../ledger.ts'
import type { Node } from '../node.ts'
import type { RpcRequest } from '../request.ts'
import { decodeAccount } from '../text.ts'
import { type Action, orEmpty } from './action.ts'

/** The blocks from one on: towards the newest, or towards the oldest. */
function walk({ ledger }: Node, from: Entry | undefined, toNewest: boolean): readonly Entry[] {
  if (!from) return []
  const chain = ledger.chain(from.account)
  return toNewest ? chain.slice(from.height - 1) : chain.slice(0, from.height).reverse()
}

function chainAction(towardsNewest: boolean): Action {
  return (node, request) => {
    const from = node.ledger.get(request.hash('block'))
    const count = request.count('count')
    const offset = request.count('offset', 0)
    const found = walk(node, from, request.flag('reverse') !== towardsNewest).slice(offset, offset + count)
    return { blocks: orEmpty(found.map(({ hash }) => hash)) }
  }
}

/** Whom a block dealt with. */
function peerOf({ ledger }: Node, { destination, source, block }: Entry) {
  if (destination) return destination
  return source ? ledger.get(source)?.account : block.type === 'open' ? DEVNET_GENESIS_ACCOUNT : undefined
}

/** A block as `raw` shows it, by its kind. */
function rawFields({ block, subtype, balance, destination, account }: Entry, peer: object): object {
  switch (block.type) {
    case 'state': {
      const { representative, link, previous } = block
      const signer = subtype === 'epoch' && { account: DEVNET_GENESIS_ACCOUNT }
      return { type: 'state', representative, link, balance: balance.toString(), previous, subtype, ...peer, ...signer }
    }
    case 'send':
      return { type: 'send', ...peer, destination, balance: balance.toString(), previous: block.previous }
    case 'receive':
      return { type: 'receive', ...peer, source: block.source, previous: block.previous }
    case 'open':
      return { type: 'open', representative: block.representative, source: block.source, opened: account, ...peer }
    case 'change':
      return { type: 'change', representative: block.representative, previous: block.previous }
  }
}

function historyEntry(node: Node, request: RpcRequest, filter: ReadonlySet<string>, entry: Entry) {
  const { ledger } = node
  const raw = request.flag('raw')
  const { block, subtype, amount, hash, height, timestamp } = entry
  const peer = peerOf(node, entry)
  if (!peer && (!raw || filter.size > 0)) return undefined
  if (peer && filter.size > 0 && !filter.has(addressToPublicKey(peer))) return undefined
  const moved = peer ? { account: peer, amount: amount.toString() } : {}
  return {
    ...(raw ? rawFields(entry, moved) : { type: subtype, ...moved }),
    local_timestamp: timestamp.toString(),
    height: height.toString(),
    hash,
    confirmed: ledger.isConfirmed(entry) ? 'true' : 'false',
    ...(raw && { work: block.work, signature: block.signature }),
  }
}

function start({ ledger }: Node, request: RpcRequest, reverse: boolean) {
  if (request.optional('head') === undefined) {
    const account = request.account()
    return { account, from: reverse ? ledger.chain(account)[0] : ledger.head(account) }
  }
  const from = ledger.get(request.hash('head'))
  if (!from) throw request.refusal('Block not found')
  return { account: from.account, from }
}

function filterOf(request: RpcRequest): ReadonlySet<string> {
  if (request.optional('account_filter') === undefined) return new Set()
  return new Set(
    request.list('account_filter').map((text) => {
      const account = decodeAccount(text)
      if (!account) throw request.refusal('Bad account number')
      return addressToPublicKey(account)
    }),
  )
}

const accountHistory: Action = (node, request) => {
  const reverse = request.flag('reverse')
  const { account, from } = start(node, request, reverse)
  const count = request.count('count')
  const offset = request.count('offset', 0)
  const filter = filterOf(request)
  const blocks = walk(node, from, reverse)
  const history: object[] = []
  let at = Math.min(offset, blocks.length)
  for (; at < blocks.length && history.length < count; at++) {
    const block = blocks[at]
    const entry = block && historyEntry(node, request, filter, block)
    if (entry) history.push(entry)
  }
  const next = blocks[at]
  return { account, history: orEmpty(history), ...(next && { [reverse ? 'next' : 'previous']: next.hash }) }
}

/** Says that it told the peers, of which there are none. */
const republish: Action = (node, request) => {
  const from = node.ledger.get(request.hash())
  if (!from) throw request.refusal('Block not found')
  return { success: '', blocks: walk(node, from, true).map(({ hash }) => hash) }
}

export const historyActions: Readonly<Record<string, Action>> = {
  account_history: accountHistory,
  chain: chainAction(false),
  republish,
  successors: chainAction(true),
}
