/**
 * Payments out of an account that several processes may share: refunds of deposits, and what an issuer pays out. Each has a
 * name and is made once. What waits is signed as one chain of blocks (batch.ts), which is in the store before anybody else
 * sees it (tail.ts), and published back to back (turn.ts). What is not confirmed is published again, unchanged, for as long
 * as it may be; another block is signed for a payment only when the ledger has a confirmed one in the place of its own, or
 * of one that it stands on (standing.ts).
 */
import type { Store } from '../core/store.ts'
import { InvalidValueError, NodeUnavailableError } from '../errors.ts'
import {
  type BlockHash,
  blockSigner,
  derivePublicKey,
  type NanoAddress,
  type PrivateKey,
  publicKeyToAddress,
} from '../nano/index.ts'
import { accountInfo, type NanoNode } from '../rpc/index.ts'
import { type Deferred, deferred } from '../rpc/wait.ts'
import type { WorkSource } from '../wallet/work.ts'
import type { SentBlocks } from './chain.ts'
import { withLock } from './lock.ts'
import { createTail, type PayoutOrder } from './tail.ts'
import { type Ask, RECEIVED_AT_ONCE, takeTurn } from './turn.ts'

export type { PayoutOrder } from './tail.ts'

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
   * @throws `InvalidValueError` (`ERR_INVALID_VALUE`) when the name is that of another payment.
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
/** Each that waits is looked up in each turn. */
const ASKED_AT_ONCE = 256
/** While too much waits to be confirmed the ledger is looked at again after so long, and at most for so long in all. */
const LOOK_AGAIN_MS = 200
const STALLED_MS = 60_000

export function createPayouts(options: PayoutsOptions): Payouts {
  const { key, node, work, store, representative, sent, leaseMs = LEASE_MS } = options
  const address = publicKeyToAddress(derivePublicKey(key))
  const tail = createTail(store, address)
  const lock = { store, id: `wallet:${address}`, leaseMs, timeoutMs: TURN_TIMEOUT_MS }
  const turn = { sign: blockSigner(key), address, node, work, tail, representative, sent }
  const asks = new Set<Ask>()
  /** Who waits for receives, to be told how many were made. */
  const pocketing = new Set<Deferred<number>>()
  let isRunning = false

  function fail(fault: unknown): void {
    for (const ask of [...asks]) ask.reject(fault)
    for (const one of pocketing) one.reject(fault)
    pocketing.clear()
  }

  /** Gives whether the network has to confirm something before there can be more. */
  const takeOne = () =>
    withLock(lock, async () => {
      const receivers = [...pocketing]
      const { isFull, received } = await takeTurn(turn, {
        asked: [...asks].slice(0, ASKED_AT_ONCE),
        pockets: receivers.length > 0,
      })
      if (received === undefined) return isFull
      for (const one of receivers) {
        pocketing.delete(one)
        one.resolve(received)
      }
      return isFull
    })

  /** One turn after the other, in this process and in all, until nothing waits. */
  async function run(): Promise<void> {
    if (isRunning) return
    isRunning = true
    let fullSinceMs: number | undefined
    while (asks.size + pocketing.size > 0) {
      try {
        fullSinceMs = (await takeOne()) ? (fullSinceMs ?? Date.now()) : undefined
        if (fullSinceMs === undefined) continue
        if (Date.now() - fullSinceMs > STALLED_MS) throw new NodeUnavailableError('The network confirms no payment.')
        await new Promise((resolve) => setTimeout(resolve, LOOK_AGAIN_MS))
      } catch (fault) {
        fail(fault)
      }
    }
    isRunning = false
  }

  return {
    address,
    async pay(order) {
      if (order.amount <= 0n) throw new InvalidValueError('A payment of nothing is none.')
      const hash = await tail.paid(order)
      if (hash !== undefined) return { hash, confirmed: true }
      return new Promise((resolve, reject) => {
        const settle =
          <T>(answer: (outcome: T) => void) =>
          (outcome: T) => {
            asks.delete(ask)
            answer(outcome)
          }
        const ask: Ask = { order, resolve: settle(resolve), reject: settle(reject) }
        asks.add(ask)
        void run()
      })
    },
    async blockOf(id) {
      const { made } = await tail.read()
      return (await tail.paid({ id })) ?? made.find(({ order }) => order?.id === id)?.hash
    },
    async receive() {
      const some = () => {
        const waiting = deferred<number>()
        pocketing.add(waiting)
        void run()
        return waiting.promise
      }
      while ((await some()) === RECEIVED_AT_ONCE);
    },
    async prepare() {
      const info = await accountInfo(node, address)
      if (info) work.prepare(info.frontier)
    },
  }
}
