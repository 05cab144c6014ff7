/** An account's chain, page by page. */
import { NodeUnavailableError } from '../errors.ts'
import { type BlockHash, blockHash, type NanoAddress, parseRaw, type Raw } from '../nano/index.ts'
import type { NanoNode } from './node.ts'
import { isFields, localTimestampMs, read } from './reading.ts'

/** A block of an account, as a node lists it. All of it is the node's word: look up what matters. */
export interface HistoryEntry {
  readonly hash: BlockHash
  /** `send`, `receive`, `open`, `change` or `epoch`. */
  readonly subtype: string
  /** Of a block that received a send, that send. */
  readonly source: BlockHash | undefined
  /** How much the block moved, in raw; undefined where the node does not say. */
  readonly amount: Raw | undefined
  /** When that node first saw the block (Unix time in ms); undefined where it does not know. */
  readonly localTimestampMs: number | undefined
}

/** A page of an account's blocks. */
export interface HistoryPage {
  /** Newest first. */
  readonly entries: readonly HistoryEntry[]
  /** Where the next page begins: its `head`. Undefined: there is no more. */
  readonly previous: BlockHash | undefined
}

/**
 * Lists up to `count` blocks of an account, newest first, from its newest or from the block `head` on.
 *
 * @throws `NodeUnavailableError` (`ERR_NODE_UNAVAILABLE`), `NodeRefusedError` (`ERR_NODE_REFUSED`)
 * @example
 * (await accountHistory(createDevnet(), DEVNET_GENESIS_ACCOUNT, { count: 10 })).entries.map((entry) => entry.subtype) // ['epoch', 'epoch', 'open']
 */
export async function accountHistory(
  node: NanoNode,
  account: NanoAddress,
  { count, head }: { readonly count: number; readonly head?: BlockHash },
  signal?: AbortSignal,
): Promise<HistoryPage> {
  const from = head === undefined ? { account } : { head }
  const answer = await node.call('account_history', { ...from, count: String(count), raw: true }, signal)
  return read('account_history', () => {
    const { history, previous } = answer
    const entries = history === '' ? [] : history
    if (!Array.isArray(entries)) throw new NodeUnavailableError('The Nano node answered a history that is no list.')
    return { entries: entries.map(readEntry), previous: previous === undefined ? undefined : blockHash(previous) }
  })
}

function readEntry(fields: unknown): HistoryEntry {
  if (!isFields(fields)) throw new NodeUnavailableError('The Nano node listed something that is not a block.')
  const { hash, type, subtype = type, link, source, amount, local_timestamp: seconds } = fields
  const isReceive = subtype === 'receive' || subtype === 'open'
  return {
    hash: blockHash(hash),
    subtype: String(subtype),
    source: isReceive ? blockHash(type === 'state' ? link : source) : undefined,
    amount: amount === undefined ? undefined : parseRaw(amount),
    localTimestampMs: localTimestampMs(seconds),
  }
}
