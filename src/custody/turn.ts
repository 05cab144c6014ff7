/**
 * One turn of an account, while nobody else has it: what became of its last blocks, and then the next ones, for what is asked
 * as far as there is room and money. They are in the store before they are published, and published in their order.
 */
import type { NanoAddress } from '../nano/index.ts'
import { type NanoNode, type Receivable, receivable } from '../rpc/index.ts'
import { headAfter, insufficient, readHead } from '../wallet/head.ts'
import { type Batch, type BatchOptions, createBatch } from './batch.ts'
import type { SentBlocks } from './chain.ts'
import type { Payout } from './payouts.ts'
import { confirmedOf, lookAt, publishAll } from './standing.ts'
import { type Made, type PayoutOrder, requireSame, type Tail } from './tail.ts'

/** A payment that waits. Once it is answered it waits no more. */
export interface Ask {
  readonly order: PayoutOrder
  readonly resolve: (payout: Payout) => void
  readonly reject: (fault: unknown) => void
}

export interface TurnOptions extends Pick<BatchOptions, 'sign' | 'work'> {
  readonly address: NanoAddress
  readonly node: NanoNode
  readonly tail: Tail
  readonly representative: NanoAddress | undefined
  readonly sent: SentBlocks | undefined
}

export interface Outcome {
  /** Nothing more can be made before the network has confirmed something. */
  readonly isFull: boolean
  /** How many sends to the account were pocketed; undefined: there was no time for that. */
  readonly received: number | undefined
}

/** So many blocks may wait to be confirmed. */
const MOST_UNCONFIRMED = 32
/** Payments that wait have their turn after so many receives: each needs work. */
export const RECEIVED_AT_ONCE = 4
/** The account's receivables are listed up to so many. */
const RECEIVABLE_COUNT = 100

/**
 * Answers those that it got on with; the others are for the next turn. `pockets`: what was sent to the account is received.
 *
 * Rejects with the errors of store, node and work: whatever was not answered then has failed.
 */
export async function takeTurn(
  options: TurnOptions,
  { asked, pockets }: { readonly asked: readonly Ask[]; readonly pockets: boolean },
): Promise<Outcome> {
  const { node, tail, sent } = options
  const { version, made } = await tail.read()
  const { confirmed, live } = await lookAt(node, made)
  await tail.file(confirmed)
  const fresh = await answerKnown(tail, live, asked)
  const room = MOST_UNCONFIRMED - live.length
  if (fresh.length === 0 && !pockets) return { isFull: false, received: undefined }
  if (room <= 0) return { isFull: true, received: undefined }

  const batch = await openBatch(options, { live, room })
  if (fresh.length > 0) await sent?.requireKnown(batch.head().frontier)
  await addSends(batch, fresh)
  let received: number | undefined
  if (!batch.isFull()) {
    if (fresh.length > 0 && batch.made.length === 0) await raise(batch, fresh, await receivables(options, live))
    else if (pockets) received = await pocket(batch, await receivables(options, live))
  }
  if (batch.made.length > 0) await handOver(options, { version, live, batch, fresh })
  return { isFull: false, received }
}

/** Answers those whose block was signed already, and gives the others. Only after the tail was read: see there. */
async function answerKnown(tail: Tail, live: readonly Made[], asked: readonly Ask[]): Promise<readonly Ask[]> {
  const known = async ({ order }: Ask): Promise<Payout | undefined> => {
    const made = live.find((one) => one.order?.id === order.id)
    if (made?.order) requireSame(order, made.order)
    if (made) return { hash: made.hash, confirmed: false }
    const hash = await tail.paid(order)
    return hash && { hash, confirmed: true }
  }
  const outcomes = await Promise.allSettled(asked.map(known))
  return asked.filter((ask, i) => {
    const outcome = outcomes[i]
    if (outcome?.status === 'rejected') ask.reject(outcome.reason)
    else if (outcome?.value) ask.resolve(outcome.value)
    else return true
    return false
  })
}

async function openBatch(
  { sign, address, node, work, representative }: TurnOptions,
  { live, room }: { readonly live: readonly Made[]; readonly room: number },
): Promise<Batch> {
  const last = live.at(-1)
  const head = last ? headAfter(last.block) : await readHead({ node, address, representative })
  return createBatch({ sign, work, head: { ...head, representative: representative ?? head.representative }, room })
}

/** Signs the payments that there is room and money for. */
async function addSends(batch: Batch, fresh: readonly Ask[]): Promise<void> {
  for (const { order } of fresh) {
    const isMade = batch.made.some((one) => one.order?.id === order.id)
    if (!isMade && !batch.isFull() && batch.head().balance >= order.amount) await batch.send(order)
  }
}

/** What waits to be received, the largest first. */
async function receivables({ node, address }: TurnOptions, live: readonly Made[]): Promise<readonly Receivable[]> {
  const pocketed = new Set(live.flatMap(({ block, order }) => (order ? [] : [block.link])))
  const found = await receivable(node, address, { count: RECEIVABLE_COUNT })
  return found.filter(({ hash }) => !pocketed.has(hash)).toSorted((a, b) => (a.amount < b.amount ? 1 : -1))
}

/** Pockets what these payments take. Those that there is no money for are told so. */
async function raise(batch: Batch, fresh: readonly Ask[], waiting: readonly Receivable[]): Promise<void> {
  const coming = waiting.reduce((sum, { amount }) => sum + amount, 0n)
  let needed = 0n
  for (const { order, reject } of fresh) {
    if (batch.head().balance + coming >= order.amount) needed += order.amount
    else reject(insufficient(batch.head(), order.amount, coming))
  }
  for (const one of waiting) if (!batch.isFull() && batch.head().balance < needed) await batch.receive(one)
}

/** Gives how many it pocketed. */
async function pocket(batch: Batch, waiting: readonly Receivable[]): Promise<number> {
  const some = waiting.slice(0, RECEIVED_AT_ONCE)
  for (const one of some) await batch.receive(one)
  return some.length
}

/** Stores the blocks, then shows them to the network, then says what came of it. */
async function handOver(
  { node, tail, sent }: TurnOptions,
  more: {
    readonly version: number
    readonly live: readonly Made[]
    readonly batch: Batch
    readonly fresh: readonly Ask[]
  },
): Promise<void> {
  const { version, live, batch, fresh } = more
  const { made } = batch
  await Promise.all(made.map(({ hash, order }) => order && sent?.note(hash)))
  await tail.write(version, [...live, ...made])
  const { published, failure } = await publishAll(node, made)
  const confirmed = await confirmedOf(node, published)
  await tail.file(confirmed)
  for (const ask of fresh) {
    const own = published.find(({ order }) => order?.id === ask.order.id)
    if (own?.order === undefined) continue
    const isSame = ask.order.to === own.order.to && ask.order.amount === own.order.amount
    if (isSame) ask.resolve({ hash: own.hash, confirmed: confirmed.includes(own) })
  }
  if (failure !== undefined) throw failure
}
