/** The state of a channel as a value, and what all of its steps are made of. */

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
  /** Those in flight, and the latest of those that ended. */
  readonly payments: readonly Payment[]
  /** A payment that is not in `payments` and authorises no more than this may be one that was forgotten. */
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

const isHeld = ({ state, leaseEndsAtMs }: Payment, nowMs: number): boolean => state === 'held' && leaseEndsAtMs > nowMs

/** What requests in flight may still cost. */
export const reserved = ({ payments }: Channel): bigint =>
  payments.reduce((sum, { state, amount }) => (state === 'held' ? sum + amount : sum), 0n)

/** What is left of the deposit. Owed to the payer once no payment is in flight. */
export const unspent = ({ deposit, charged }: Channel): bigint => deposit - charged

/** Gives back what nobody renewed. */
export function releaseLapsed(channel: Channel, nowMs: number): Channel {
  const hasLapsed = (payment: Payment) => payment.state === 'held' && !isHeld(payment, nowMs)
  if (!channel.payments.some(hasLapsed)) return channel
  const payments = channel.payments.map((payment) =>
    hasLapsed(payment) ? ({ ...payment, state: 'released' } as const) : payment,
  )
  return { ...channel, payments }
}

/** Forgets what ended with the lowest reach, as many as are too many; the floor rises with it. */
export function forget(channel: Channel, limits: ChannelLimits): Channel {
  let { payments, floor } = channel
  let ended = 0
  for (const { state } of payments) if (state !== 'held') ended++
  // Nearly always one too many, or none: each payment that ends comes through here.
  for (; ended > limits.remembered; ended--) {
    let lowest: Payment | undefined
    for (const payment of payments) {
      if (payment.state !== 'held' && (lowest === undefined || payment.reach < lowest.reach)) lowest = payment
    }
    payments = payments.filter((payment) => payment !== lowest)
    if (lowest && lowest.reach > floor) floor = lowest.reach
  }
  return payments === channel.payments ? channel : { ...channel, payments, floor }
}

/** Which payment, and whose. */
export interface Held {
  readonly id: string
  readonly owner: string
}

export const replace = (channel: Channel, payment: Payment, change: Partial<Payment>): Channel => ({
  ...channel,
  payments: channel.payments.map((one) => (one === payment ? { ...payment, ...change } : one)),
})

export const ownersPayment = ({ payments }: Channel, { id, owner }: Held): Payment | undefined =>
  payments.find((payment) => payment.id === id && payment.owner === owner)
