/** A node around the ledger: what arrives too early waits, what arrived is confirmed after a while, and who listens is told. */
import { type BlockHash, ZERO_HASH } from '../nano/index.ts'
import { type Block, hashOf, previousOf } from './block.ts'
import { createLedger, type Entry, type Ledger } from './ledger.ts'
import type { ProcessError } from './rules.ts'

/** A block was confirmed, or was said to be once more. */
export interface Confirmation {
  readonly entry: Entry
  readonly type: 'active_quorum' | 'active_confirmation_height' | 'inactive'
  readonly timeMs: number
}

/** What a node tells of as it happens. A block is heard of twice before its confirmation: as new, and as voted on. */
export type NodeEvent =
  | ({ readonly topic: 'confirmation' } & Confirmation)
  | { readonly topic: 'new_unconfirmed_block' | 'started_election'; readonly entry: Entry; readonly timeMs: number }

/** The node's parts that its actions work with. */
export interface Node {
  readonly ledger: Ledger
  readonly startedMs: number
  /** Blocks whose previous or source is not here yet, by their hash. */
  readonly unchecked: ReadonlyMap<
    BlockHash,
    { readonly block: Block; readonly waitsFor: BlockHash; readonly timestamp: number }
  >
  process(block: Block): Entry | ProcessError
  /** Lets a fork of an unconfirmed block win. The rival and all that built on it leave the ledger. */
  force(block: Block): void
  confirm(hash: BlockHash): void
  /** Takes an unconfirmed block and all that builds on it out of the ledger. Says whether it did. */
  vanish(hash: BlockHash): boolean
  /** Tells the listeners about a confirmed block once more. */
  repeat(entry: Entry): void
  /** Whether it is being voted on: it is next in its chain, and what it receives is confirmed. */
  isActive(entry: Entry): boolean
  isHeld(): boolean
  hold(): void
  release(): void
  onEvent(listener: (event: NodeEvent) => void): () => void
  close(): void
}

/** A timer that does not keep a process alive. */
function later(task: () => void, delayMs: number): () => void {
  const timer: unknown = setTimeout(task, delayMs)
  if (typeof timer === 'object' && timer !== null && 'unref' in timer) (timer as { unref(): void }).unref()
  return () => clearTimeout(timer as number)
}

/** Creates a node. `confirmMs` says how long a block that arrives now stays unconfirmed; at 0 it is confirmed before `process` answers. */
export function createNode(confirmMs: () => number): Node {
  const nowSeconds = () => Math.floor(Date.now() / 1000)
  const ledger = createLedger(nowSeconds)
  const listeners = new Set<(event: NodeEvent) => void>()
  const unchecked = new Map<BlockHash, { block: Block; waitsFor: BlockHash; timestamp: number }>()
  /** Blocks on their way to confirmation, oldest first. `due`: only a hold keeps them. */
  const elections = new Map<BlockHash, { due: boolean; readonly cancel: () => void }>()
  let held = false

  function tell(event: NodeEvent): void {
    for (const listener of listeners) listener(event)
  }

  function confirm(hash: BlockHash): void {
    for (const entry of ledger.confirm(hash)) {
      elections.get(entry.hash)?.cancel()
      elections.delete(entry.hash)
      tell({ topic: 'confirmation', entry, type: 'active_quorum', timeMs: Date.now() })
    }
  }

  function elect(hash: BlockHash, delayMs: number): void {
    const election = {
      due: false,
      cancel: later(() => {
        election.due = true
        if (!held) confirm(hash)
      }, delayMs),
    }
    elections.set(hash, election)
  }

  function accept(entry: Entry): void {
    tell({ topic: 'new_unconfirmed_block', entry, timeMs: Date.now() })
    tell({ topic: 'started_election', entry, timeMs: Date.now() })
    const delayMs = confirmMs()
    if (delayMs > 0 || held) elect(entry.hash, delayMs)
    else confirm(entry.hash)
    for (const [hash, { block, waitsFor }] of unchecked) {
      if (waitsFor !== entry.hash) continue
      unchecked.delete(hash)
      process(block)
    }
  }

  function process(block: Block): Entry | ProcessError {
    const result = ledger.process(block)
    if (!('error' in result)) accept(result)
    else if (result.error.startsWith('Gap p')) keep(block, previousOf(block))
    else if (result.error === 'Gap source block') keep(block, sourceOf(block))
    return result
  }

  function keep(block: Block, waitsFor: BlockHash): void {
    unchecked.set(hashOf(block), { block, waitsFor, timestamp: nowSeconds() })
  }

  function rivalOf(block: Block): Entry | undefined {
    if (block.type === 'open' || (block.type === 'state' && block.previous === ZERO_HASH)) {
      return ledger.chain(block.account)[0]
    }
    const previous = ledger.get(block.previous)
    return previous && ledger.chain(previous.account)[previous.height]
  }

  function vanish(hash: BlockHash): boolean {
    const gone = ledger.rollback(hash)
    for (const entry of gone) {
      elections.get(entry.hash)?.cancel()
      elections.delete(entry.hash)
    }
    return gone.length > 0
  }

  const isActive = (entry: Entry) => {
    if (ledger.isConfirmed(entry)) return false
    const source = entry.source && ledger.get(entry.source)
    return entry.height === ledger.confirmedHeight(entry.account) + 1 && (!source || ledger.isConfirmed(source))
  }

  return {
    ledger,
    startedMs: Date.now(),
    unchecked,
    process,
    force(block) {
      const rival = rivalOf(block)
      if (rival && vanish(rival.hash)) process(block)
    },
    confirm,
    vanish,
    repeat: (entry) => tell({ topic: 'confirmation', entry, type: 'active_confirmation_height', timeMs: Date.now() }),
    isActive,
    isHeld: () => held,
    hold() {
      held = true
    },
    release() {
      held = false
      for (const [hash, { due }] of elections) if (due) confirm(hash)
    },
    onEvent(listener) {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    close() {
      for (const { cancel } of elections.values()) cancel()
      listeners.clear()
    },
  }
}

const sourceOf = (block: Block) =>
  block.type === 'state' ? (block.link as BlockHash) : 'source' in block ? block.source : ZERO_HASH
