/**
 * The few questions we ask a node, with typed answers. A block is what its hash says, whatever the node calls it: contents
 * are hashed here, and an answer that does not fit is no answer. Nothing but `NodeUnavailableError`, `NodeRefusedError` and
 * `WorkError` comes out of these (and what the node interface itself throws).
 */
import { NodeRefusedError, NodeUnavailableError, WorkError } from '../errors.ts'
import {
  type BlockHash,
  blockHash,
  blockToJson,
  hashBlock,
  isValidWork,
  type NanoAddress,
  nanoAddress,
  type ParsedBlock,
  parseBlock,
  parseRaw,
  type Raw,
  type StateBlock,
  type Work,
  work,
  ZERO_HASH,
} from '../nano/index.ts'
import type { NanoNode } from './node.ts'
import { type Fields, isFields, localTimestampMs, read } from './reading.ts'
import { isAboutTheNode } from './refusal.ts'

/** A block as a node has it. */
export interface NodeBlock {
  /** The contents, hashed here: they are those of the hash that was asked for. The signature is not checked yet. */
  readonly block: ParsedBlock
  /** How much the block moved, in raw. The node's word only. */
  readonly amount: Raw | undefined
  /** Whether the network confirmed it, for good. The node's word only. */
  readonly confirmed: boolean
  /** When that node first saw the block (Unix time in ms); undefined where it does not know. Two nodes differ. */
  readonly localTimestampMs: number | undefined
  /** `send`, `receive`, `change` or `epoch`; undefined for a block from before 2018. The node's word only. */
  readonly subtype: string | undefined
}

/** An account's state, all of one call, because two calls can see two states. */
export interface AccountInfo {
  readonly frontier: BlockHash
  /** Balance at `frontier`, in raw. */
  readonly balance: Raw
  readonly representative: NanoAddress
  /** Undefined while no block of the account is confirmed. */
  readonly confirmedFrontier: BlockHash | undefined
  readonly confirmedBalance: Raw | undefined
  readonly confirmedRepresentative: NanoAddress | undefined
}

/** A send that its destination has not received yet. */
export interface Receivable {
  readonly hash: BlockHash
  readonly amount: Raw
}

/** A node writes an empty object as `""`. */
const entries = (value: unknown): Fields | undefined => (value === '' ? {} : isFields(value) ? value : undefined)

const field = (fields: Fields, name: string): unknown => (Object.hasOwn(fields, name) ? fields[name] : undefined)

function readBlock(hash: BlockHash, fields: unknown): NodeBlock {
  if (!isFields(fields)) throw new NodeUnavailableError('The Nano node answered something that is not a block.')
  const { contents, amount, confirmed, local_timestamp: seconds, subtype } = fields
  const block = parseBlock(contents)
  if (block.hash !== hash)
    throw new NodeUnavailableError('The Nano node answered another block than the one asked for.')
  return {
    block,
    amount: amount === undefined ? undefined : parseRaw(amount),
    confirmed: confirmed === 'true' || confirmed === true,
    localTimestampMs: localTimestampMs(seconds),
    subtype: typeof subtype === 'string' ? subtype : undefined,
  }
}

/** Like {@link blocksInfo}, but one bad entry spoils only itself: it is an error in the map. */
export async function lookUpBlocks(
  node: NanoNode,
  hashes: readonly BlockHash[],
  signal?: AbortSignal,
): Promise<ReadonlyMap<BlockHash, NodeBlock | NodeUnavailableError | undefined>> {
  const asked = [...new Set(hashes)]
  if (asked.length === 0) return new Map()
  const outcome = (hash: BlockHash, fields: unknown) => {
    try {
      return read('blocks_info', () => readBlock(hash, fields))
    } catch (error) {
      return error as NodeUnavailableError
    }
  }
  try {
    const parameters = { json_block: true, include_not_found: true, hashes: asked }
    const answer = await node.call('blocks_info', parameters, signal)
    const blocks = entries(answer.blocks)
    if (blocks === undefined) throw new NodeUnavailableError('The Nano node gave no usable answer to blocks_info.')
    const missing = new Set(Array.isArray(answer.blocks_not_found) ? answer.blocks_not_found : [])
    return new Map(
      asked.map((hash) => {
        const fields = field(blocks, hash)
        return [hash, fields === undefined && missing.has(hash) ? undefined : outcome(hash, fields)] as const
      }),
    )
  } catch (error) {
    if (!(error instanceof NodeRefusedError) || !asksOneByOne(error)) throw error
  }
  const found = new Map<BlockHash, NodeBlock | NodeUnavailableError | undefined>()
  const queue = [...asked]
  const worker = async () => {
    for (let hash = queue.shift(); hash !== undefined; hash = queue.shift()) {
      const answer = await orUndefined('Block not found', node.call('block_info', { json_block: true, hash }, signal))
      found.set(hash, answer && outcome(hash, answer))
    }
  }
  await Promise.all(Array.from({ length: Math.min(queue.length, 3) }, worker))
  return found
}

/** A proxy that does not know `blocks_info`, or a node too old for `include_not_found`. */
const asksOneByOne = (error: NodeRefusedError) => isAboutTheNode(error) || error.nodeError === 'Block not found'

async function orUndefined<T>(nodeError: string, answer: Promise<T>): Promise<T | undefined> {
  try {
    return await answer
  } catch (error) {
    if (error instanceof NodeRefusedError && error.nodeError === nodeError) return undefined
    throw error
  }
}

/**
 * Looks blocks up.
 *
 * @returns For each hash its block, or undefined where the node has not seen one.
 * @throws `NodeUnavailableError` (`ERR_NODE_UNAVAILABLE`), also when one of the blocks is not the one asked for.
 * @example
 * (await blocksInfo(createDevnet(), [ZERO_HASH])).get(ZERO_HASH) // undefined
 */
export async function blocksInfo(
  node: NanoNode,
  hashes: readonly BlockHash[],
  signal?: AbortSignal,
): Promise<ReadonlyMap<BlockHash, NodeBlock | undefined>> {
  const found = await lookUpBlocks(node, hashes, signal)
  for (const entry of found.values()) if (entry instanceof NodeUnavailableError) throw entry
  return found as ReadonlyMap<BlockHash, NodeBlock | undefined>
}

/**
 * Reads an account's state. Undefined: it has no block yet.
 *
 * @example
 * (await accountInfo(createDevnet(), DEVNET_GENESIS_ACCOUNT))?.frontier.length // 64
 */
export async function accountInfo(
  node: NanoNode,
  account: NanoAddress,
  signal?: AbortSignal,
): Promise<AccountInfo | undefined> {
  const parameters = { account, representative: true, include_confirmed: true }
  const answer = await orUndefined('Account not found', node.call('account_info', parameters, signal))
  if (answer === undefined) return undefined
  return read('account_info', () => {
    const { confirmed_frontier: confirmed } = answer
    const isConfirmed = confirmed !== undefined && blockHash(confirmed) !== ZERO_HASH
    return {
      frontier: blockHash(answer.frontier),
      balance: parseRaw(answer.balance),
      representative: nanoAddress(answer.representative),
      confirmedFrontier: isConfirmed ? blockHash(confirmed) : undefined,
      confirmedBalance: isConfirmed ? parseRaw(answer.confirmed_balance) : undefined,
      confirmedRepresentative: isConfirmed ? nanoAddress(answer.confirmed_representative) : undefined,
    }
  })
}

/** Which sends to list. */
export interface ReceivableOptions {
  /** At most so many. */
  readonly count: number
  /** Leaves out the first ones. Default 0. */
  readonly offset?: number
  /** Leaves out what is less, in raw. Default 1. */
  readonly threshold?: bigint
  /** Lists what is not confirmed yet as well. Default false. */
  readonly unconfirmed?: boolean
}

/**
 * Lists sends that wait for the account, with their amounts in raw.
 *
 * @example
 * await receivable(createDevnet(), DEVNET_GENESIS_ACCOUNT, { count: 10 }) // []
 */
export async function receivable(
  node: NanoNode,
  account: NanoAddress,
  { count, offset = 0, threshold = 1n, unconfirmed = false }: ReceivableOptions,
  signal?: AbortSignal,
): Promise<readonly Receivable[]> {
  const skip = offset > 0 ? { offset: String(offset) } : {}
  const which = { threshold: threshold.toString(), include_only_confirmed: !unconfirmed, include_active: unconfirmed }
  const parameters = { account, count: String(count), ...skip, ...which }
  const answer = await node.call('receivable', parameters, signal).catch((error: unknown) => {
    if (!(error instanceof NodeRefusedError) || !isAboutTheNode(error)) throw error
    return node.call('pending', parameters, signal)
  })
  return read('receivable', () => {
    const blocks = entries(answer.blocks)
    if (blocks === undefined) throw new NodeUnavailableError('The Nano node gave no usable answer to receivable.')
    return Object.entries(blocks).map(([hash, amount]) => ({ hash: blockHash(hash), amount: parseRaw(amount) }))
  })
}

/** What a block is to be, said to the node so that it refuses one that would be something else. */
export type Subtype = 'send' | 'receive' | 'open' | 'change'

/**
 * Hands a signed block to the network. It is not confirmed by that.
 *
 * @returns The block's hash, also when the ledger had it already.
 * @example
 * const key = derivePrivateKey('0'.repeat(64), 0)
 * const account = publicKeyToAddress(derivePublicKey(key))
 * const content = { account, previous: ZERO_HASH, representative: account, balance: parseXno('1'), link: 'AB'.repeat(32) }
 * const hash = await publish(createRpc({ endpoints: ['http://127.0.0.1:7076'] }), signBlock(content, key), 'open')
 */
export async function publish(
  node: NanoNode,
  block: StateBlock,
  subtype: Subtype,
  signal?: AbortSignal,
): Promise<BlockHash> {
  const hash = hashBlock(block)
  try {
    const answer = await node.call('process', { json_block: true, subtype, block: blockToJson(block) }, signal)
    if (read('process', () => blockHash(answer.hash)) === hash) return hash
  } catch (error) {
    if (!(error instanceof NodeRefusedError)) throw error
    // A node checks the subtype first, and calls a block that it has already by that error, so the ledger decides.
    if (error.nodeError === 'Old block' || (await blocksInfo(node, [hash], signal)).get(hash) !== undefined) return hash
    throw error
  }
  throw new NodeUnavailableError('The Nano node says that it published another block than ours.')
}

/**
 * Has the node compute work.
 *
 * @param root - 64 hex digits; see `workRoot`.
 * @param difficulty - The threshold to reach.
 * @throws {@link WorkError} (`ERR_WORK`) when the work does not reach it.
 * @example
 * (await generateWorkRemotely(createDevnet(), ZERO_HASH, WORK_THRESHOLDS['nano:devnet'].send)).length // 16
 */
export async function generateWorkRemotely(
  node: NanoNode,
  root: string,
  difficulty: Work,
  signal?: AbortSignal,
): Promise<Work> {
  const answer = await node.call('work_generate', { hash: root, difficulty }, signal)
  const found = read('work_generate', () => work(answer.work))
  if (!isValidWork(root, found, difficulty))
    throw new WorkError('The Nano node gave work below the difficulty asked for.')
  return found
}
