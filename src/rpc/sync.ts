/** How far a node is, by its own word and by what it hears of others. */
import { NodeRefusedError, NodeUnavailableError } from '../errors.ts'
import type { NanoNode } from './node.ts'
import { read } from './reading.ts'

/** Counts of blocks. */
export interface NodeSync {
  /** What the node has. */
  readonly blocks: number
  /** What of it is confirmed. */
  readonly confirmed: number
  /** What the nodes around it have confirmed, on average; undefined where it does not tell. */
  readonly confirmedByOthers: number | undefined
}

/**
 * Asks a node how far it is.
 *
 * @throws `NodeUnavailableError` (`ERR_NODE_UNAVAILABLE`), and `NodeRefusedError` (`ERR_NODE_REFUSED`) where it does not say.
 * @example
 * (await nodeSync(createDevnet())).confirmed // 3
 */
export async function nodeSync(node: NanoNode, signal?: AbortSignal): Promise<NodeSync> {
  const own = await node.call('block_count', {}, signal)
  const others = await node.call('telemetry', {}, signal).catch((error: unknown) => {
    if (error instanceof NodeRefusedError || error instanceof NodeUnavailableError) return undefined
    throw error
  })
  return read('block_count', () => ({
    blocks: count(own.count),
    confirmed: count(own.cemented),
    confirmedByOthers: others?.cemented_count === undefined ? undefined : count(others.cemented_count),
  }))
}

function count(value: unknown): number {
  if (typeof value !== 'string' || !/^\d{1,15}$/.test(value)) {
    throw new NodeUnavailableError('The Nano node counts its blocks in something that is no number.')
  }
  return Number(value)
}
