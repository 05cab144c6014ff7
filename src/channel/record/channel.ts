/** The state of a channel as a value, and what all of its steps are made of. */
import { written } from './row.ts'

/** Amounts in raw, times in Unix time in ms. */
export interface Channel {
  /**
   * `closing`: no payment begins any more. `refunding`: the refund is signed. `closed`: nothing is owed any more.
   * `recovering`: of a store that was lost. Nothing happens in it until the operator has confirmed what is to be refunded.
   */
  readonly phase: 'open' | 'closing' | 'refunding' | 'closed' | 'recovering'
  readonly expiresAtMs: number
  /** What was deposited in all. */
  readonly deposit: bigint
  /** The blocks that it came by. */
  readonly depositBlocks: readonly string[]
  /** What the best proof authorises in all. */
  readonly authorized: bigint
  /** The best proof, as it was shown: a token or a voucher. Undefined before the first. */
  readonly proof: string | undefined
  readonly charged: bigint
  /** Payments in flight. */
  readonly held: readonly Payment[]
  /** The latest of those that ended, by what their proofs authorised, the lowest first. */
  readonly ended: readonly Payment[]
  /** A payment that is neither held nor ended and authorises no more than this may be one that was forgotten. */
  readonly floor: bigint
  /** The block that the refund went by, once it is signed. Undefined where nothing was left over. */
  readonly refundBlock: string | undefined
}

/** One payment identifier and what became of it. */
export interface Payment {
  readonly id: string
  /** Of the request that it pays. */
  readonly fingerprint: string
  readonly state: 'held' | 'released' | 'charged'
  /** The run that has or had it: a payment answers to its owner alone. */
  readonly owner: string
  /** When it is given back by itself. Of no meaning once it is charged. */
  readonly leaseEndsAtMs: number
  /** What its proof authorised in all. */
  readonly reach: bigint
  /** What is reserved while it is held; what it cost once it is charged. */
  readonly amount: bigint
  /** How often it was reserved. */
  readonly attempts: number
  /** All of that as it is written. */
  readonly text: string
}

/** How many payments that ended are remembered, and how many may be in flight at once. Bounds the size of a record. */
export interface ChannelLimits {
  readonly remembered: number
  readonly inFlight: number
  readonly attempts: number
}
export const CHANNEL_LIMITS: ChannelLimits = { remembered: 64, inFlight: 64, attempts: 3 }

/** Why a step is not taken; on the wire with `invalid_batch_settlement_nano_` in front, but for `attempts_exhausted`. */
export type ChannelRefusal =
  | 'channel_closed'
  | 'channel_expired'
  | 'channel_recovering'
  | 'payment_identifier_conflict'
  | 'busy'
  | 'cumulative_exceeds_deposit'
  | 'insufficient_authorization'
  | 'attempts_exhausted'
  | 'deposit_mismatch'

/** The channel as it is now, and what there is to say about the step. Refused: the very channel that was given. */
export interface Step<Result> {
  readonly channel: Channel
  readonly result: Result
}

export const stay = <Result>(channel: Channel, result: Result): Step<Result> => ({ channel, result })

/** What requests in flight may still cost. */
export function reserved({ held }: Channel): bigint {
  let sum = 0n
  for (const { amount } of held) sum += amount
  return sum
}

/** What is left of the deposit. Owed to the payer once no payment is in flight. */
export const unspent = ({ deposit, charged }: Channel): bigint => deposit - charged

/** The payment of this identifier, as far as it is remembered. */
export const paymentOf = ({ held, ended }: Channel, id: string): Payment | undefined =>
  find(held, id) ?? find(ended, id)

function find(payments: readonly Payment[], id: string): Payment | undefined {
  for (const payment of payments) if (payment.id === id) return payment
  return undefined
}

/** Gives back what nobody renewed. */
export function releaseLapsed(channel: Channel, nowMs: number): Channel {
  let released = channel
  for (const payment of channel.held) {
    if (payment.leaseEndsAtMs <= nowMs) released = end(released, payment, { state: 'released' })
  }
  return released
}

/** A payment in flight has ended so. */
export const end = (channel: Channel, payment: Payment, so: Partial<Payment>): Channel => ({
  ...channel,
  held: without(channel.held, payment),
  ended: insert(channel.ended, written({ ...payment, ...so })),
})

/** Forgets what ended with the lowest reach, as many as are too many; the floor rises with it. */
export function forget(channel: Channel, { remembered }: ChannelLimits): Channel {
  const surplus = channel.ended.length - remembered
  if (surplus <= 0) return channel
  const highest = channel.ended[surplus - 1]?.reach ?? 0n
  const floor = highest > channel.floor ? highest : channel.floor
  return { ...channel, ended: channel.ended.slice(surplus), floor }
}

/** Behind those that do not reach further: nearly always at the end. */
function insert(payments: readonly Payment[], payment: Payment): readonly Payment[] {
  let at = payments.length
  while (at > 0 && (payments[at - 1] as Payment).reach > payment.reach) at--
  return payments.toSpliced(at, 0, payment)
}

export const without = (payments: readonly Payment[], payment: Payment): readonly Payment[] =>
  payments.filter((one) => one !== payment)

/** Which payment, and whose. */
export interface Held {
  readonly id: string
  readonly owner: string
}

/** A payment in flight, as long as it is its owner's. */
export function heldBy({ held }: Channel, { id, owner }: Held): Payment | undefined {
  const payment = find(held, id)
  return payment?.owner === owner ? payment : undefined
}

export const change = (channel: Channel, payment: Payment, so: Partial<Payment>): Channel => {
  const changed = written({ ...payment, ...so })
  return { ...channel, held: channel.held.map((one) => (one === payment ? changed : one)) }
}
