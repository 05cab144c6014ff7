/** One payment: what is decided on, what a call works on, and what the journal has of it. */
import { type BlockHash, type NanoAddress, parseBlock, type Raw, type StateBlock } from '../nano/index.ts'
import type { ResourceInfo } from '../x402/shapes.ts'
import type { JournalEntry } from './journal.ts'
import type { Publisher } from './methods.ts'
import type { PayableOffer } from './offers.ts'

/** What is to be paid. */
export interface Order {
  /** Names the request. */
  readonly key: string
  readonly method: string
  readonly url: string
  readonly resource: ResourceInfo
  readonly offer: PayableOffer
  /** What goes with the payment. */
  readonly extensions?: Readonly<Record<string, unknown>>
  /** Who gives the block to the network. */
  readonly publisher: Publisher
  /** Payments for the same request that were never published, of which this one takes the place. */
  readonly replaces: readonly Payment[]
  readonly signal: AbortSignal
}

/** What is about to be paid, for whoever decides. Amounts in raw. */
export interface Bill {
  /** What was asked for. */
  readonly url: string
  readonly method: string
  /** What the resource costs. */
  readonly price: Raw
  /** What is to be sent: the price, and the tag on top. */
  readonly amount: Raw
  readonly payTo: NanoAddress
  /** Set when `amount` is a deposit, out of which this and later requests are paid. What is left of it is refunded. */
  readonly deposit?: true
  /** Set when `amount` is paid out of the deposit of this channel: nothing is sent. */
  readonly channelId?: string
  /** When the offer runs out (Unix time in ms). */
  readonly expiresAtMs: number
}

/** A payment that one call works on. */
export interface Payment {
  readonly hash: BlockHash
  readonly amount: Raw
  /** Its last entry. */
  entry(): OpenEntry
  /** Lets the next block of the account be made, once it is known what became of one that was handed over. */
  endTurn(fate: 'confirmed' | 'unknown'): void
}

/** An entry that has not come to an end. */
export type OpenEntry = JournalEntry & { readonly unfinished: NonNullable<JournalEntry['unfinished']> }

export const isOpen = (entry: JournalEntry): entry is OpenEntry => entry.unfinished !== undefined

/** For so long after its offer ran out a payment is kept to be shown: twice as long as a server takes it by default. */
const KEEP_MS = 2 * 86_400_000

/** Whether it was paid so long ago that nothing is to be had for it any more. What it cost still counts. */
export const isPastUse = ({ state, unfinished }: JournalEntry, nowMs: number): boolean =>
  (state === 'published' || state === 'confirmed') &&
  unfinished !== undefined &&
  nowMs > unfinished.expiresAtMs + KEEP_MS

/** Whether somebody else may still publish its block. */
export const isHandedOut = ({ state, unfinished }: OpenEntry) => state === 'signed' && unfinished.publisher === 'server'

export function blockOf(payment: Payment): StateBlock {
  const block = parseBlock(payment.entry().unfinished.block)
  if (block.type !== 'state') throw new Error('unreachable: we sign state blocks only')
  return block
}
