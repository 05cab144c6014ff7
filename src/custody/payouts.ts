/**
 * Payments out of an account that several processes may share: refunds of deposits, and what an issuer pays out. Each has a
 * name and is made once. Its signed block is in the store before anybody else sees it, and is published again, unchanged,
 * for as long as it may still be confirmed; another one is signed only when the ledger has a confirmed block in its place.
 */

import { randomHex } from '../core/bytes.ts'
import type { Store, Versioned } from '../core/store.ts'
import { InvalidValueError, NodeUnavailableError, StoreError } from '../errors.ts'
import {
  type BlockHash,
  blockToJson,
  hashBlock,
  type NanoAddress,
  nanoAddress,
  type PrivateKey,
  parseBlock,
  parseRaw,
  type Raw,
  type StateBlock,
  type StateBlockJson,
} from '../nano/index.ts'
import { accountInfo, type NanoNode } from '../rpc/index.ts'
import { fateOf } from '../wallet/fate.ts'
import { createWallet, type Wallet } from '../wallet/wallet.ts'
import type { WorkSource } from '../wallet/work.ts'
import type { SentBlocks } from './chain.ts'
import { withLock } from './lock.ts'

export interface PayoutOrder {
  /** Names this one payment, such as `refund:<channel id>`. */
  readonly id: string
  readonly to: NanoAddress
  /** In raw, above 0. */
  readonly amount: Raw
}

export interface Payout {
  readonly hash: BlockHash
  /** Whether the network confirmed it, for good. Until then it may have to be made by another block. */
  readonly confirmed: boolean
}

export interface Payouts {
  readonly address: NanoAddress
  /**
   * Makes the payment, or sees to it that the one that was made is in the ledger. Ask until it is confirmed.
   *
   * Rejects with the errors of store, node and work, and with `InsufficientFundsError`: asked again, it goes on from there.
   *
   * @throws {@link InvalidValueError} (`ERR_INVALID_VALUE`) when the name is that of another payment.
   */
  pay(order: PayoutOrder): Promise<Payout>
  /** The block that was signed last for the payment of this name, if any was. Asks the store alone. */
  blockOf(id: string): Promise<BlockHash | undefined>
  /** Pockets everything that was sent to the account. */
  receive(): Promise<void>
  /** Starts on the work for the next block. */
  prepare(): Promise<void>
}

export interface PayoutsOptions {
  readonly key: PrivateKey
  readonly node: NanoNode
  readonly work: WorkSource
  readonly store: Store
  /** Named in every block. Undefined: the account keeps the one it has. */
  readonly representative?: NanoAddress
  /** Nothing is sent while the account's chain has a send that is not known here. Undefined: that is somebody else's to see. */
  readonly sent?: SentBlocks
  /** For how long a process that was killed keeps the others from the account. */
  readonly leaseMs?: number
}

const LEASE_MS = 30_000
/** As long as a processor may take for the work of the block before. */
const TURN_TIMEOUT_MS = 1_800_000
const FOREVER_MS = 4_000_000_000_000

/** Payments that wait have their turn after so many receives: each needs work. */
const RECEIVED_AT_ONCE = 4

/** Whose turn it is while sends to the account are pocketed. The name of no payment. */
const RECEIVING = ''

/** What is kept of a payment. */
interface Entry {
  readonly to: NanoAddress
  readonly amount: string
  /** The one block that may pay it; undefined before it is signed. */
  readonly block?: StateBlockJson
  /** Set once it is confirmed. */
  readonly paidBy?: BlockHash
}
type Read = { readonly version: number; readonly entry: Entry }

/** Whose turn it was last. */
interface Turn {
  /** Of the payment whose block may be the last of the account's chain, or not have got there. */
  readonly id: string
  readonly process: string
}

export function createPayouts(options: PayoutsOptions): Payouts {
  const { key, node, work, store, representative, sent: sentBlocks, leaseMs = LEASE_MS } = options
  const self = randomHex(8)
  const openWallet = (): Wallet => createWallet({ key, node, work, representative, emit: () => {} })
  let wallet = openWallet()
  const { address } = wallet
  const lock = { store, id: `wallet:${address}`, leaseMs, timeoutMs: TURN_TIMEOUT_MS }
  const turnKey = `wallet-turn:${address}`
  const keyOf = (id: string) => `payout:${address}:${id}`
  let last: Promise<unknown> = Promise.resolve()

  const readAs = <T>(found: Versioned): T => JSON.parse(found.value) as T
  async function read(id: string): Promise<Read | undefined> {
    const found = await store.read(keyOf(id))
    return found && { version: found.version, entry: readAs<Entry>(found) }
  }
  async function write(id: string, version: number, entry: Entry): Promise<Read> {
    if (await store.write(keyOf(id), version, JSON.stringify(entry), FOREVER_MS)) return { version: version + 1, entry }
    throw new StoreError('Another process is making this payment.')
  }

  /** The entry of this very payment, made now if there is none. */
  async function record({ id, to, amount }: PayoutOrder): Promise<Read> {
    const known = await read(id)
    if (known === undefined) return write(id, 0, { to, amount: String(amount) })
    if (known.entry.to === to && known.entry.amount === String(amount)) return known
    throw new InvalidValueError('A payment of this name goes to another account, or is of another amount.')
  }

  /** What becomes of the block that was signed; undefined when none was, or when it never can be confirmed. */
  async function carryOn(id: string, { version, entry }: Read): Promise<Payout | undefined> {
    if (entry.paidBy !== undefined) return { hash: entry.paidBy, confirmed: true }
    if (entry.block === undefined) return undefined
    const block = parseBlock(entry.block) as StateBlock
    const hash = hashBlock(block)
    const { to, amount } = entry
    const fate = await wallet.recover(block, { mayPublish: true })
    if (fate === 'confirmed') {
      await write(id, version, { to, amount, paidBy: hash })
      return { hash, confirmed: true }
    }
    if (fate === 'void') return undefined
    if (fate === 'undecided') {
      throw new NodeUnavailableError('The Nano node does not show what became of the block of this payment.')
    }
    return { hash, confirmed: false }
  }

  /** Sees to the payment that had its turn before: a process may have been killed between its signature and the ledger. */
  async function takeTurn(id: string): Promise<void> {
    const found = await store.read(turnKey)
    const turn = found && readAs<Turn>(found)
    if (turn?.process !== self) wallet = openWallet() // what this one knows of the account's chain is old
    if (turn && turn.id !== id) {
      const before = await read(turn.id)
      if (before) await carryOn(turn.id, before)
    }
    if (turn?.id === id && turn.process === self) return
    const next: Turn = { id, process: self }
    if (await store.write(turnKey, found?.version ?? 0, JSON.stringify(next), FOREVER_MS)) return
    throw new StoreError('Another process took the turn of this payment.')
  }

  async function make(order: PayoutOrder): Promise<Payout> {
    await takeTurn(order.id)
    const known = await record(order)
    const made = await carryOn(order.id, known)
    if (made) return made
    const { to, amount } = known.entry
    const sent = await wallet.send({
      to: nanoAddress(to),
      amount: parseRaw(amount),
      signal: new AbortController().signal,
      beforeSigning: () => {},
      // Whoever was overtaken fails here, and its block is never seen by anybody.
      async onSigned(block) {
        await sentBlocks?.requireKnown(block.previous)
        await sentBlocks?.note(hashBlock(block))
        await write(order.id, known.version, { to, amount, block: blockToJson(block) })
      },
    })
    if (sent.failure !== undefined) throw sent.failure
    return { hash: sent.hash, confirmed: (await fateOf(node, sent.block)) === 'confirmed' }
  }

  /** One block after the other, in this process and in all. */
  function inTurn<T>(task: () => Promise<T>): Promise<T> {
    const turn = last.then(() => withLock(lock, task))
    last = turn.catch(() => {})
    return turn
  }

  return {
    address,
    async pay(order) {
      const known = await record(order)
      if (known.entry.paidBy !== undefined) return { hash: known.entry.paidBy, confirmed: true }
      return inTurn(() => make(order))
    },
    async blockOf(id) {
      const { paidBy, block } = (await read(id))?.entry ?? {}
      return paidBy ?? (block && hashBlock(parseBlock(block) as StateBlock))
    },
    async receive() {
      const some = () =>
        inTurn(async () => {
          await takeTurn(RECEIVING)
          return wallet.receive(RECEIVED_AT_ONCE)
        })
      while ((await some()).length === RECEIVED_AT_ONCE);
    },
    async prepare() {
      const info = await accountInfo(node, address)
      if (info) work.prepare(info.frontier)
    },
  }
}
