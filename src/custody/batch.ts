/** The next blocks of an account, signed one on top of the other. Neither the store nor anybody else has seen them yet. */
import {
  addressToPublicKey,
  hashBlock,
  type StateBlock,
  type StateBlockContent,
  type Work,
  workRoot,
} from '../nano/index.ts'
import type { Receivable } from '../rpc/index.ts'
import { contentAfter, type Head, headAfter, type Next } from '../wallet/head.ts'
import type { WorkSource } from '../wallet/work.ts'
import type { Made, PayoutOrder } from './tail.ts'

export interface BatchOptions {
  /** Signs as the account. */
  readonly sign: (content: StateBlockContent, work: Work) => StateBlock
  readonly work: WorkSource
  /** Where the account's chain ends. */
  readonly head: Head
  /** At most so many blocks. */
  readonly room: number
}

/** Rejects with `WorkError` and `NodeUnavailableError`. */
export interface Batch {
  readonly made: readonly Made[]
  /** Where the chain ends with these blocks. */
  head(): Head
  /** Whether there is room for no further block, or those that are made have waited long enough for the work of others. */
  isFull(): boolean
  send(order: PayoutOrder): Promise<void>
  receive(one: Receivable): Promise<void>
}

/** Where work is slow, each block goes out by itself. */
const GATHER_MS = 250

export function createBatch({ sign, work, head: start, room }: BatchOptions): Batch {
  const made: Made[] = []
  const startMs = performance.now()
  let head = start

  async function add(next: Next, order: PayoutOrder | undefined): Promise<void> {
    const content = contentAfter(head, next)
    const nonce = await work.get(workRoot(content), order ? 'send' : 'receive', undefined)
    work.prepare(hashBlock(content))
    const block = sign(content, nonce)
    head = headAfter(block)
    made.push({ hash: head.frontier, block, order })
  }

  return {
    made,
    head: () => head,
    isFull: () => made.length >= room || (made.length > 0 && performance.now() - startMs > GATHER_MS),
    send: (order) => add({ balance: head.balance - order.amount, link: addressToPublicKey(order.to) }, order),
    receive: ({ hash, amount }) => add({ balance: head.balance + amount, link: hash }, undefined),
  }
}
