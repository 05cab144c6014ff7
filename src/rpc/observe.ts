/**
 * What one or several nodes say about some blocks, boiled down to what we believe: contents prove
 * themselves by their hash, the amount follows from the previous block, and only "confirmed" is taken on the nodes' word.
 */
import { ConfigError, NodeUnavailableError } from '../errors.ts'
import { type BlockHash, isSignedByAccount, type ParsedBlock, type Raw, raw, ZERO_HASH } from '../nano/index.ts'
import { lookUpBlocks, type NodeBlock } from './calls.ts'
import type { NanoNode } from './node.ts'

/** A block whose contents are proven. */
export interface LedgerBlock {
  /** Hashed here. Whether it is signed is {@link LedgerBlock.isSigned}'s to say. */
  readonly block: ParsedBlock
  /** What a send moved, in raw: the previous block's balance minus this one's. Undefined for every other block. */
  readonly sent: Raw | undefined
  /** Whether enough nodes say that the network confirmed it, for good. */
  readonly confirmed: boolean
  /** When the nodes first saw the block (Unix time in ms), the earliest; undefined where none knows. */
  readonly localTimestampMs: number | undefined
  /**
   * Whether the account's own key signed the block. Costs milliseconds the first time it is asked, so ask last: any
   * public block can be presented by anybody.
   */
  isSigned(): boolean
}

/** A block, nothing where the nodes have seen none, or why neither can be said. */
export type Sight = LedgerBlock | NodeUnavailableError | undefined

export interface Observer {
  /** All of them are asked; each about everything. */
  readonly nodes: readonly NanoNode[]
  /** How many must agree. */
  readonly quorum: number
  /** What was proven before, by hash, so that it is not proven again. */
  proven(hash: BlockHash): LedgerBlock | undefined
  /** A block under this hash was shown with a signature that is false: it is to be looked up anew. */
  distrust(hash: BlockHash): void
}

/** Looks blocks up. Never rejects for one bad block; rejects when too few nodes answer at all. */
export async function observe(
  observer: Observer,
  hashes: readonly BlockHash[],
  signal: AbortSignal,
): Promise<ReadonlyMap<BlockHash, Sight>> {
  const answers = await askAll(observer, hashes, signal)
  const shown = new Map(
    answers.flatMap((answer) => [...answer].flatMap(([hash, entry]) => (isShown(entry) ? [[hash, entry.block]] : []))),
  )
  const previousHashes = [...shown].flatMap(([hash, block]) =>
    block.type === 'state' && block.previous !== ZERO_HASH && !observer.proven(hash) ? [block.previous] : [],
  )
  const previousBlocks = await findContents(observer, { hashes: previousHashes, shown }, signal)
  return new Map(
    hashes.map((hash) => [
      hash,
      judge(observer, hash, { entries: answers.map((answer) => answer.get(hash)), previousBlocks }),
    ]),
  )
}

/** What to believe of what the nodes say about one block. */
function judge(
  { proven, distrust, quorum }: Observer,
  hash: BlockHash,
  said: { readonly entries: readonly Entry[]; readonly previousBlocks: ReadonlyMap<BlockHash, ParsedBlock> },
): Sight {
  const versions = said.entries.filter(isShown)
  if (versions.length === 0) return unseen(said.entries, quorum)
  const contents = proven(hash) ?? prove(versions, said.previousBlocks, { quorum, distrust })
  if (contents instanceof NodeUnavailableError) return contents
  const timestamps = versions.flatMap(({ localTimestampMs }) => localTimestampMs ?? [])
  return {
    block: contents.block,
    sent: contents.sent,
    isSigned: contents.isSigned,
    confirmed: versions.filter(({ confirmed }) => confirmed).length >= quorum,
    localTimestampMs: timestamps.length > 0 ? Math.min(...timestamps) : undefined,
  }
}

type Entry = NodeBlock | NodeUnavailableError | undefined
type Answer = ReadonlyMap<BlockHash, Entry>

const isShown = (entry: Entry): entry is NodeBlock => entry !== undefined && !(entry instanceof NodeUnavailableError)

/** Every node's answer, of those that gave one. A node of another network is a fault of ours and ends it all. */
async function askAll({ nodes, quorum }: Observer, hashes: readonly BlockHash[], signal: AbortSignal) {
  const outcomes = await Promise.allSettled(nodes.map(async (node) => lookUpBlocks(node, hashes, signal)))
  const failures = outcomes.flatMap((outcome) => (outcome.status === 'rejected' ? [outcome.reason as unknown] : []))
  const misconfigured = failures.find((failure) => failure instanceof ConfigError)
  if (misconfigured !== undefined) throw misconfigured
  const answers = outcomes.flatMap((outcome): Answer[] => (outcome.status === 'fulfilled' ? [outcome.value] : []))
  if (answers.length >= quorum) return answers
  if (nodes.length === 1) throw failures[0]
  throw new NodeUnavailableError(`${answers.length} of ${nodes.length} Nano nodes answered; ${quorum} have to agree.`)
}

/** Nobody showed the block: unseen if enough nodes say so, otherwise unknown. */
function unseen(entries: readonly Entry[], quorum: number): Sight {
  if (entries.filter((entry) => entry === undefined).length >= quorum) return undefined
  return entries.find((entry) => entry instanceof NodeUnavailableError)
}

/** Blocks by hash, of whichever node shows them: their hash proves them. */
async function findContents(
  observer: Observer,
  wanted: { readonly hashes: readonly BlockHash[]; readonly shown: ReadonlyMap<BlockHash, ParsedBlock> },
  signal: AbortSignal,
): Promise<ReadonlyMap<BlockHash, ParsedBlock>> {
  const found = new Map(wanted.shown)
  for (const hash of wanted.hashes) {
    const known = observer.proven(hash)?.block
    if (known) found.set(hash, known)
  }
  const missing = wanted.hashes.filter((hash) => !found.has(hash))
  if (missing.length === 0) return found
  for (const answer of await askAll({ ...observer, quorum: 1 }, missing, signal)) {
    for (const [hash, entry] of answer) if (isShown(entry)) found.set(hash, entry.block)
  }
  return found
}

/** What a block is and what it sent. The nodes differ, if at all, in what the hash does not cover. */
function prove(
  versions: readonly NodeBlock[],
  previousBlocks: ReadonlyMap<BlockHash, ParsedBlock>,
  { quorum, distrust }: Pick<Observer, 'quorum' | 'distrust'>,
): Pick<LedgerBlock, 'block' | 'sent' | 'isSigned'> | NodeUnavailableError {
  const block = versions[0]?.block
  if (block === undefined) return new NodeUnavailableError('No Nano node showed the block.')
  const isSigned = once(() => {
    const signed = versions.some((version) => version.block.type === 'state' && isSignedByAccount(version.block))
    if (!signed) distrust(block.hash)
    return signed
  })
  if (block.type !== 'state' || block.previous === ZERO_HASH) return { block, sent: undefined, isSigned }
  const previous = previousBlocks.get(block.previous)
  if (previous === undefined) return new NodeUnavailableError('No Nano node showed the block before the one asked for.')
  const sent = previous.balance === undefined ? agreedAmount(versions, quorum) : previous.balance - block.balance
  if (sent === undefined) return new NodeUnavailableError('The Nano nodes do not agree on what the block moved.')
  return { block, sent: sent > 0n ? raw(sent) : undefined, isSigned }
}

function once(ask: () => boolean): () => boolean {
  let answer: boolean | undefined
  return () => {
    answer ??= ask()
    return answer
  }
}

/**
 * What the nodes say a block sent, for the one case that cannot be computed: the block before it is from before 2018 and
 * carries no balance. 0 for what they agree is not a send.
 */
function agreedAmount(versions: readonly NodeBlock[], quorum: number): bigint | undefined {
  const counts = new Map<bigint | undefined, number>()
  for (const { subtype, amount } of versions) {
    const sent = subtype === 'send' ? amount : subtype === undefined ? undefined : 0n
    counts.set(sent, (counts.get(sent) ?? 0) + 1)
  }
  counts.delete(undefined)
  return [...counts].find(([, count]) => count >= quorum)?.[0]
}
