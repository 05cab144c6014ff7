/**
 * The Nano ledger as a payee sees it: find a block, wait until it is confirmed. However many ask, the node is asked
 * little: lookups go together, waiting is shared, and what is confirmed stays known.
 */
import { LRUCache } from '#lru-cache'
import { ConfigError, NodeUnavailableError } from '../errors.ts'
import { type BlockHash, hashBlock, type NanoAddress, type StateBlock } from '../nano/index.ts'
import { createBatch } from './batch.ts'
import { type AccountInfo, accountInfo, publish } from './calls.ts'
import type { ConfirmationFeed } from './feed.ts'
import type { NanoNode } from './node.ts'
import { type LedgerBlock, observe } from './observe.ts'
import { createPoller } from './poll.ts'
import { givenUp, unlessAborted, withDeadline } from './wait.ts'

/** Which nodes are asked, and how much at once. */
export interface LedgerOptions {
  /** All nodes as one, with fail-over: asked when no agreement is wanted. */
  readonly node: NanoNode
  /** Each node for itself: asked when `quorum` is above 1. */
  readonly nodes: readonly NanoNode[]
  /** How many nodes must call a block confirmed. Default 1. */
  readonly quorum?: number
  /** Says when to look again. Never believed. */
  readonly feed?: ConfirmationFeed
  /** How many hashes go into one question, and gather for the next. Default 128. */
  readonly maxBatch?: number
  /** How many hashes can be waited for. Default 1,024. */
  readonly maxWaiting?: number
  /** The longest pause between two looks at a block that is waited for, in ms. One that exists is looked at sooner at first. Default 250. */
  readonly pollMs?: number
  /** How many blocks are remembered. Default 10,000. */
  readonly cacheSize?: number
  /** How many accounts are asked about at once, and how many blocks published. Default 64. */
  readonly maxCalls?: number
  /** How long one joint lookup may take, all nodes and tries included. Default 20,000. */
  readonly lookupTimeoutMs?: number
}

/** The network as it was proven: contents hashed and signatures checked here, and "confirmed" said by as many nodes as have to. */
export interface Ledger {
  /** A confirmed block that is known already. Asks nobody. */
  peek(hash: BlockHash): LedgerBlock | undefined
  /**
   * Looks a block up. Undefined: the node has not seen it.
   *
   * @throws `NodeUnavailableError` (`ERR_NODE_UNAVAILABLE`), also when too many are being looked up.
   */
  find(hash: BlockHash, signal?: AbortSignal): Promise<LedgerBlock | undefined>
  /**
   * Looks a block up and waits until it is confirmed, at most `timeoutMs`; then gives what was seen last. `payTo` is the
   * account it pays, where the feed is to listen for it.
   */
  waitConfirmed(
    hash: BlockHash,
    options: { readonly timeoutMs: number; readonly payTo?: NanoAddress; readonly signal?: AbortSignal },
  ): Promise<LedgerBlock | undefined>
  /**
   * An account's state, confirmed and not, as one node says it: good for refusing early, proof of nothing.
   *
   * @throws `NodeUnavailableError` (`ERR_NODE_UNAVAILABLE`), also when too much is being asked.
   */
  account(account: NanoAddress, signal?: AbortSignal): Promise<AccountInfo | undefined>
  /**
   * Hands a signed send to the network. It is not confirmed by that.
   *
   * @throws `NodeRefusedError` (`ERR_NODE_REFUSED`) when the node refused it and has not got it;
   * `NodeUnavailableError` (`ERR_NODE_UNAVAILABLE`) when it is not known whether it has.
   */
  publish(send: StateBlock): Promise<BlockHash>
  /** Ends the waiting. The nodes and the feed are the caller's to close. */
  close(): void
}

/**
 * Makes a ledger of nodes.
 *
 * @throws {@link ConfigError} (`ERR_CONFIG`) when more nodes should agree than there are.
 * @example
 * await createLedger({ node: createDevnet(), nodes: [] }).find(ZERO_HASH) // undefined
 */
export function createLedger(options: LedgerOptions): Ledger {
  const { node, nodes, quorum = 1, feed, maxBatch = 128, maxWaiting = 1_024, pollMs = 250 } = options
  const { cacheSize = 10_000, lookupTimeoutMs = 20_000, maxCalls = 64 } = options
  if (!Number.isInteger(quorum) || quorum < 1 || quorum > Math.max(1, nodes.length)) {
    throw new ConfigError(`Option quorum is ${quorum}, but there are ${nodes.length} Nano nodes to agree (option rpc).`)
  }
  // Unconfirmed ones are kept as well, for what is proven of them, but never given out from here.
  const known = new LRUCache<BlockHash, LedgerBlock>({ max: cacheSize })
  const observer = {
    nodes: quorum > 1 ? nodes : [node],
    quorum,
    proven: (hash: BlockHash) => known.get(hash),
    distrust: (hash: BlockHash) => void known.delete(hash),
  }
  const closing = new AbortController()

  const inTime = <T>(ask: (signal: AbortSignal) => Promise<T>): Promise<T> => {
    const late = new NodeUnavailableError(`The Nano node did not answer within ${lookupTimeoutMs} ms.`)
    return withDeadline(ask, { timeoutMs: lookupTimeoutMs, late, signals: [closing.signal] })
  }
  const look = async (hashes: readonly BlockHash[]) => {
    const sights = await inTime((signal) => observe(observer, hashes, signal))
    for (const [hash, sight] of sights) {
      const isShown = sight !== undefined && !(sight instanceof NodeUnavailableError)
      // Confirmed is for good, whatever a slower answer still says.
      if (isShown && !known.get(hash)?.confirmed) known.set(hash, sight)
    }
    return sights
  }
  const batched = createBatch(look, { maxBatch })
  const load = async (hash: BlockHash) => {
    const sight = await batched(hash)
    if (sight instanceof NodeUnavailableError) throw sight
    return sight
  }
  const accountOf = shareCalls(maxCalls, (account: NanoAddress) =>
    inTime((signal) => accountInfo(node, account, signal)),
  )
  const published = shareCalls(maxCalls, (_hash: BlockHash, send: StateBlock) =>
    inTime((signal) => publish(node, send, 'send', signal)),
  )
  const poller = createPoller({ look, maxBatch, maxWaiting, pollMs, isTold: () => feed?.state() === 'open' })
  const unsubscribe = feed?.on((hash) => poller.hint(hash))

  const peek = (hash: BlockHash) => {
    const block = known.get(hash)
    return block?.confirmed ? block : undefined
  }
  const find = async (hash: BlockHash, signal?: AbortSignal) => {
    if (signal?.aborted) throw givenUp(signal)
    const confirmed = peek(hash)
    if (confirmed) return confirmed
    // The node is being asked about it already, again and again.
    const watched = poller.watched(hash)
    if (!watched) return unlessAborted(load(hash), signal)
    if (watched.last instanceof NodeUnavailableError) throw watched.last
    return watched.last
  }

  return {
    peek,
    find,
    async waitConfirmed(hash, { timeoutMs, payTo, signal }) {
      if (payTo !== undefined) feed?.watch(payTo)
      const startMs = performance.now()
      const first = await find(hash, signal)
      if (first?.confirmed) return first
      const leftMs = timeoutMs - (performance.now() - startMs)
      return leftMs > 0 ? poller.wait(hash, { last: first, timeoutMs: leftMs, signal }) : first
    },
    account: (account, signal) => unlessAborted(accountOf(account), signal),
    publish: (send) => published(hashBlock(send), send),
    close() {
      unsubscribe?.()
      closing.abort(new NodeUnavailableError('The ledger was closed.'))
      poller.close()
    },
  }
}

/** Questions that cannot be asked together: equal ones share an answer, and beyond `maxCalls` one is refused at once. */
function shareCalls<K, T, More extends readonly unknown[]>(
  maxCalls: number,
  ask: (key: K, ...more: More) => Promise<T>,
): (key: K, ...more: More) => Promise<T> {
  const underWay = new Map<K, Promise<T>>()
  return (key, ...more) => {
    const shared = underWay.get(key)
    if (shared) return shared
    if (underWay.size >= maxCalls) {
      return Promise.reject(new NodeUnavailableError('Too much is being asked of the Nano node.'))
    }
    const call = ask(key, ...more).finally(() => underWay.delete(key))
    underWay.set(key, call)
    return call
  }
}
