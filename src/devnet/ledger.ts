/**
 * The ledger: every account's chain of blocks, and what was sent but not yet received. It holds what `rules.ts` let in;
 * it knows no clock, no requests and no votes. Confirmed blocks never leave it, others can.
 */
import { type BlockHash, type NanoAddress, type Raw, ZERO_HASH } from '../nano/index.ts'
import type { Block } from './block.ts'
import { hashOf } from './block.ts'
import { DEVNET_GENESIS_ACCOUNT, GENESIS_BLOCK, SUPPLY } from './genesis.ts'
import { checkBlock, type Placement, type ProcessError } from './rules.ts'

export type Epoch = 0 | 1 | 2
export type Subtype = 'send' | 'receive' | 'change' | 'epoch'

/** A block in the ledger. */
export interface Entry {
  readonly hash: BlockHash
  readonly block: Block
  readonly account: NanoAddress
  /** 1 for the account's first block. */
  readonly height: number
  readonly subtype: Subtype
  /** What the account holds after it, in raw. */
  readonly balance: Raw
  /** What it moved, in raw: never negative. */
  readonly amount: Raw
  /** Where a send went, as an account. */
  readonly destination: NanoAddress | undefined
  /** The send that a receive receives. */
  readonly source: BlockHash | undefined
  readonly representative: NanoAddress
  readonly epoch: Epoch
  /** The epoch of the send that a receive received. */
  readonly sourceEpoch: Epoch
  /** When this ledger saw it, in seconds. */
  readonly timestamp: number
}

/** A send that nobody has received yet. */
export interface Receivable {
  readonly hash: BlockHash
  readonly source: NanoAddress
  readonly amount: Raw
  readonly epoch: Epoch
}

interface Chain {
  readonly entries: Entry[]
  confirmed: number
}

/** Creates a ledger with the genesis block in it. */
export function createLedger(nowSeconds: () => number) {
  const entries = new Map<BlockHash, Entry>()
  const chains = new Map<NanoAddress, Chain>()
  const receivables = new Map<NanoAddress, Map<BlockHash, Receivable>>()
  /** By the send's hash. */
  const receives = new Map<BlockHash, Entry>()

  const chain = (account: NanoAddress): readonly Entry[] => chains.get(account)?.entries ?? []
  const confirmedHeight = (account: NanoAddress): number => chains.get(account)?.confirmed ?? 0
  const isConfirmed = (entry: Entry): boolean => entry.height <= confirmedHeight(entry.account)

  function add(hash: BlockHash, block: Block, placement: Placement): Entry {
    const found = chains.get(placement.account) ?? { entries: [], confirmed: 0 }
    const entry: Entry = { hash, block, height: found.entries.length + 1, timestamp: nowSeconds(), ...placement }
    chains.set(placement.account, found)
    found.entries.push(entry)
    entries.set(hash, entry)
    if (entry.destination) addReceivable(entry)
    if (entry.source) {
      receives.set(entry.source, entry)
      receivables.get(entry.account)?.delete(entry.source)
    }
    return entry
  }

  function addReceivable({ hash, account, destination, amount, epoch }: Entry): void {
    if (!destination) return
    const waiting = receivables.get(destination) ?? new Map<BlockHash, Receivable>()
    receivables.set(destination, waiting)
    waiting.set(hash, { hash, source: account, amount, epoch })
  }

  const view = {
    get: (hash: BlockHash): Entry | undefined => entries.get(hash),
    chain,
    head: (account: NanoAddress): Entry | undefined => chain(account).at(-1),
    /** Number of the account's blocks that are confirmed: its first that many. */
    confirmedHeight,
    isConfirmed,
    successor: (entry: Entry): BlockHash => chain(entry.account)[entry.height]?.hash ?? ZERO_HASH,
    accounts: (): readonly NanoAddress[] => [...chains.keys()],
    /** What the account can still receive, in the order of the hashes. */
    receivables: (account: NanoAddress): readonly Receivable[] =>
      [...(receivables.get(account)?.values() ?? [])].sort((a, b) => (a.hash < b.hash ? -1 : 1)),
    receivable: (account: NanoAddress, hash: BlockHash): Receivable | undefined => receivables.get(account)?.get(hash),
    /** The receive of a send. */
    receiveOf: (send: BlockHash): Entry | undefined => receives.get(send),
    counts: () => ({
      blocks: entries.size,
      confirmed: [...chains.values()].reduce((sum, { confirmed }) => sum + confirmed, 0),
      accounts: chains.size,
    }),
    /** What votes with an account's name, in raw. */
    weight: (representative: NanoAddress): bigint =>
      [...chains.values()].reduce((sum, { entries }) => {
        const head = entries.at(-1)
        return head?.representative === representative ? sum + head.balance : sum
      }, 0n),
  }

  const ledger = {
    ...view,
    /** Checks a block and keeps it, or says why not. */
    process(block: Block): Entry | ProcessError {
      const hash = hashOf(block)
      const placement = checkBlock(view, hash, block)
      return 'error' in placement ? placement : add(hash, block, placement)
    },
    /** Takes a block and all that depends on it out. Returns what left, last first; nothing when one of them is confirmed. */
    rollback(hash: BlockHash): readonly Entry[] {
      const doomed = dependents(hash)
      if (doomed.some(isConfirmed)) return []
      for (const entry of doomed) {
        chains.get(entry.account)?.entries.pop()
        if (chain(entry.account).length === 0) chains.delete(entry.account)
        entries.delete(entry.hash)
        if (entry.destination) receivables.get(entry.destination)?.delete(entry.hash)
        const send = entry.source && entries.get(entry.source)
        if (send) {
          receives.delete(send.hash)
          addReceivable(send)
        }
      }
      return doomed
    },
    /** Confirms a block and all that it depends on. Returns what is newly confirmed, oldest first. */
    confirm(hash: BlockHash): readonly Entry[] {
      const confirmed: Entry[] = []
      // A loop, as a chain can be longer than the call stack is deep.
      const open = [hash]
      for (let next = open.at(-1); next; next = open.at(-1)) {
        const entry = entries.get(next)
        const dependency =
          entry &&
          !isConfirmed(entry) &&
          [previousOf(entry), entry.source].find((hash) => hash && !isHashConfirmed(hash))
        if (dependency) {
          open.push(dependency)
          continue
        }
        open.pop()
        const found = entry && chains.get(entry.account)
        if (!entry || !found || isConfirmed(entry)) continue
        found.confirmed = entry.height
        confirmed.push(entry)
      }
      return confirmed
    },
  }

  const previousOf = (entry: Entry) => chain(entry.account)[entry.height - 2]?.hash
  const isHashConfirmed = (hash: BlockHash) => {
    const entry = entries.get(hash)
    return !entry || isConfirmed(entry)
  }

  /** A block and all that builds on it, in the order in which they can be taken away. */
  function dependents(hash: BlockHash): readonly Entry[] {
    const found = new Set<Entry>()
    const visit = (entry: Entry | undefined): void => {
      if (!entry || found.has(entry)) return
      for (const later of chain(entry.account)
        .slice(entry.height - 1)
        .reverse()) {
        if (found.has(later)) continue
        visit(receives.get(later.hash))
        found.add(later)
      }
    }
    visit(entries.get(hash))
    return [...found]
  }

  const genesis = add(hashOf(GENESIS_BLOCK), GENESIS_BLOCK, {
    account: DEVNET_GENESIS_ACCOUNT,
    subtype: 'receive',
    balance: SUPPLY as Raw,
    amount: SUPPLY as Raw,
    destination: undefined,
    source: undefined,
    representative: DEVNET_GENESIS_ACCOUNT,
    epoch: 0,
    sourceEpoch: 0,
  })
  ledger.confirm(genesis.hash)
  return ledger
}

/** The devnet's ledger. */
export type Ledger = ReturnType<typeof createLedger>
/** What the rules may ask of it. */
export type LedgerView = Pick<Ledger, 'get' | 'chain' | 'head' | 'receivable' | 'receivables'>
