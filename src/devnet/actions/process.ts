/** Publishing a block. */
import { isValidWork, ZERO_HASH } from '../../nano/index.ts'
import { type Block, decodeBlock, hashOf, rootOf, type State } from '../block.ts'
import { EPOCH_LINKS } from '../genesis.ts'
import { parseJson } from '../json.ts'
import type { Node } from '../node.ts'
import type { RpcRequest } from '../request.ts'
import { ENTRY_WORK } from '../rules.ts'
import type { Action } from './action.ts'

/** Reads the field `block`: an object with `json_block`, JSON text without. */
export function readBlock(request: RpcRequest): Block {
  const value = request.json('block')
  const block = decodeBlock(request.flag('json_block') ? value : parseJson(request.text('block')))
  if (!block) throw request.refusal('Block is invalid')
  return block
}

const BAD_BALANCE = 'Invalid block balance for given subtype'
const BAD_PREVIOUS = 'Invalid previous block for given subtype'

/** What is wrong with a state block if it is what the caller says it is. Asked before the ledger is. */
function subtypeError({ ledger }: Node, { account, previous, balance, link }: State, subtype: string) {
  if (previous !== ZERO_HASH && !ledger.get(previous)) return 'Gap previous block'
  const held = ledger.head(account)?.balance ?? 0n
  switch (subtype) {
    case 'send':
      return held <= balance ? BAD_BALANCE : undefined
    case 'receive':
      return held > balance ? BAD_BALANCE : undefined
    case 'open':
      return previous !== ZERO_HASH ? BAD_PREVIOUS : undefined
    case 'change':
      if (held !== balance) return BAD_BALANCE
      return previous === ZERO_HASH ? BAD_PREVIOUS : undefined
    case 'epoch':
      if (held !== balance) return BAD_BALANCE
      return EPOCH_LINKS.has(link) ? undefined : 'Invalid epoch link'
    default:
      return 'Invalid block subtype'
  }
}

const processAction: Action = (node, request) => {
  const block = readBlock(request)
  const subtype = request.optional('subtype')
  const error = block.type === 'state' && subtype ? subtypeError(node, block, subtype) : undefined
  if (error) throw request.refusal(error)
  if (!isValidWork(rootOf(block), block.work, ENTRY_WORK)) throw request.refusal('Block work is less than threshold')
  const result = node.process(block)
  if (request.flag('async')) return { started: '1' }
  if ('error' in result) {
    if (result.error !== 'Fork' || !request.flag('force')) throw request.refusal(result.error)
    node.force(block)
  }
  return { hash: hashOf(block) }
}

export const processActions: Readonly<Record<string, Action>> = {
  process: processAction,
  block_hash: (_, request) => ({ hash: hashOf(readBlock(request)) }),
}
