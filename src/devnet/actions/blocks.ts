/** Actions about blocks. */
import { type BlockHash, ZERO_HASH } from '../../nano/index.ts'
import { contentsOf } from '../block.ts'
import type { Entry } from '../ledger.ts'
import type { Node } from '../node.ts'
import type { RpcRequest } from '../request.ts'
import { decodeHex } from '../text.ts'
import { type Action, bit, orEmpty } from './action.ts'

function find({ ledger }: Node, request: RpcRequest, hash = request.hash()): Entry {
  const entry = ledger.get(hash)
  if (!entry) throw request.refusal('Block not found')
  return entry
}

function info({ ledger }: Node, request: RpcRequest, entry: Entry) {
  return {
    block_account: entry.account,
    amount: entry.amount.toString(),
    balance: entry.balance.toString(),
    height: entry.height.toString(),
    local_timestamp: entry.timestamp.toString(),
    successor: ledger.successor(entry),
    confirmed: ledger.isConfirmed(entry) ? 'true' : 'false',
    contents: contentsOf(entry.block, request.flag('json_block')),
    ...(entry.block.type === 'state' && { subtype: entry.subtype }),
  }
}

export const blockActions: Readonly<Record<string, Action>> = {
  block_info: (node, request) => info(node, request, find(node, request)),
  blocks_info(node, request) {
    const blocks: Record<string, unknown> = {}
    const missing: string[] = []
    for (const text of request.list('hashes')) {
      const hash = decodeHex(text, 64) as BlockHash | undefined
      if (hash === undefined) throw request.refusal('Bad hash number')
      const entry = node.ledger.get(hash)
      if (entry) blocks[text] = { ...info(node, request, entry), ...extras(node, request, entry) }
      else if (request.flag('include_not_found')) missing.push(text)
      else throw request.refusal('Block not found')
    }
    return { blocks: orEmpty(blocks), ...(request.flag('include_not_found') && { blocks_not_found: orEmpty(missing) }) }
  },
  block_account: (node, request) => ({ account: find(node, request).account }),
  block_confirm(node, request) {
    const entry = find(node, request)
    if (node.ledger.isConfirmed(entry)) node.repeat(entry)
    return { started: '1' }
  },
  block_count({ ledger, unchecked }) {
    const { blocks, confirmed } = ledger.counts()
    return { count: blocks.toString(), unchecked: unchecked.size.toString(), cemented: confirmed.toString() }
  },
}

function extras({ ledger }: Node, request: RpcRequest, entry: Entry) {
  const waits = entry.destination && ledger.receivable(entry.destination, entry.hash)
  const source = entry.source && ledger.get(entry.source)
  return {
    ...((request.flag('pending') || request.flag('receivable')) && {
      pending: bit(waits !== undefined),
      receivable: bit(waits !== undefined),
    }),
    ...(request.flag('receive_hash') && { receive_hash: ledger.receiveOf(entry.hash)?.hash ?? ZERO_HASH }),
    ...(request.flag('source') && { source_account: source?.account ?? '0' }),
  }
}
