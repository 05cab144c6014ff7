/**
 * The state of a channel and every step it can take, as pure functions. At every moment
 * `charged + reserved <= authorized <= deposit`: a proof only raises `authorized`, a request reserves the most that it can
 * cost before its handler runs, and is charged what it did cost. What is left of the deposit is refunded, to the raw.
 *
 * Proofs are verified before they come here. A PayWord chain is linear, so that what was verified against an older state
 * holds in a newer one: in here only amounts are compared.
 */
import { MAX_RAW } from '../nano/raw.ts'

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

/** More deposits go into another channel. */
const MAX_DEPOSITS = 64

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

const stay = <Result>(channel: Channel, result: Result): Step<Result> => ({ channel, result })

/** A channel on its first deposit. No `depositBlock`: an issuer has locked it. */
export const openChannel = (opening: {
  readonly deposit: bigint
  readonly depositBlock: string | undefined
  readonly expiresAtMs: number
}): Channel => ({
  phase: 'open',
  expiresAtMs: opening.expiresAtMs,
  deposit: opening.deposit,
  depositBlocks: opening.depositBlock === undefined ? [] : [opening.depositBlock],
  authorized: 0n,
  proof: undefined,
  charged: 0n,
  payments: [],
  floor: -1n,
  refundBlock: undefined,
})

/** A channel that another store knew, as we said then that it stands. It authorises nothing more. */
export const recoverChannel = (opening: {
  readonly deposit: bigint
  readonly charged: bigint
  readonly depositBlock: string
  readonly expiresAtMs: number
}): Channel => {
  const { charged } = opening
  return { ...openChannel(opening), phase: 'recovering', authorized: charged, charged, floor: opening.deposit }
}

/** The operator has seen that it was not refunded, and says what it was charged: from here on it closes. False: it cannot be so. */
export function confirmRecovery(channel: Channel, charged = channel.charged): Step<boolean> {
  const isPossible = charged >= channel.charged && charged <= channel.deposit
  if (channel.phase !== 'recovering' || !isPossible) return stay(channel, false)
  return stay({ ...channel, phase: 'closing', authorized: charged, charged }, true)
}

const isHeld = ({ state, leaseEndsAtMs }: Payment, nowMs: number): boolean => state === 'held' && leaseEndsAtMs > nowMs

/** What requests in flight may still cost. */
export const reserved = ({ payments }: Channel): bigint =>
  payments.reduce((sum, { state, amount }) => (state === 'held' ? sum + amount : sum), 0n)

/** What is left of the deposit. Owed to the payer once no payment is in flight. */
export const unspent = ({ deposit, charged }: Channel): bigint => deposit - charged

/** Gives back what nobody renewed. */
function releaseLapsed(channel: Channel, nowMs: number): Channel {
  const hasLapsed = (payment: Payment) => payment.state === 'held' && !isHeld(payment, nowMs)
  if (!channel.payments.some(hasLapsed)) return channel
  const payments = channel.payments.map((payment) =>
    hasLapsed(payment) ? ({ ...payment, state: 'released' } as const) : payment,
  )
  return { ...channel, payments }
}

/** Forgets what ended with the lowest reach, as many as are too many; the floor rises with it. */
function forget(channel: Channel, limits: ChannelLimits): Channel {
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

/** A proof that was verified, and the most that its request can cost. */
export interface Reservation {
  readonly id: string
  readonly fingerprint: string
  readonly owner: string
  readonly reach: bigint
  readonly proof: string
  readonly amount: bigint
  readonly leaseEndsAtMs: number
  /** How often it may be reserved; otherwise as often as the limits say. */
  readonly maxAttempts?: number
}

/** `charged`: this payment had its answer already, for so much. */
export type Reserved = ChannelRefusal | 'reserved' | { readonly charged: bigint }

/** What there is to say of a payment by its identifier alone; undefined: its proof has to be looked at. */
export function answered(
  { payments }: Channel,
  { id, fingerprint }: { readonly id: string; readonly fingerprint: string },
): 'payment_identifier_conflict' | { readonly charged: bigint } | undefined {
  const known = payments.find((payment) => payment.id === id)
  if (known && known.fingerprint !== fingerprint) return 'payment_identifier_conflict'
  return known?.state === 'charged' ? { charged: known.amount } : undefined
}

/**
 * Raises what is authorised and reserves what the request can cost, or neither. The payment identifier is looked at before
 * any amount: who lost an answer is told about that payment, whatever the channel can pay by now.
 */
export function authorizeAndReserve(
  before: Channel,
  order: Reservation,
  { nowMs, limits }: { readonly nowMs: number; readonly limits: ChannelLimits },
): Step<Reserved> {
  const channel = releaseLapsed(before, nowMs)
  const answer = answered(channel, order)
  if (answer) return stay(before, answer)
  const known = channel.payments.find(({ id }) => id === order.id)
  if (channel.phase !== 'open') return stay(before, 'channel_closed')
  if (nowMs >= channel.expiresAtMs) return stay(before, 'channel_expired')
  if (known?.state === 'held') return stay(before, known.owner === order.owner ? 'reserved' : 'busy')
  if (known && known.attempts >= (order.maxAttempts ?? limits.attempts)) return stay(before, 'attempts_exhausted')
  if (!known && order.reach <= channel.floor) return stay(before, 'insufficient_authorization')
  if (order.reach > channel.deposit) return stay(before, 'cumulative_exceeds_deposit')
  const raises = order.reach > channel.authorized
  const authorized = raises ? order.reach : channel.authorized
  if (authorized - channel.charged - reserved(channel) < order.amount) return stay(before, 'insufficient_authorization')
  const others = channel.payments.filter((payment) => payment !== known)
  if (others.filter(({ state }) => state === 'held').length >= limits.inFlight) return stay(before, 'busy')

  const { id, fingerprint, owner, reach, amount, leaseEndsAtMs } = order
  const attempts = (known?.attempts ?? 0) + 1
  const payment: Payment = { id, fingerprint, state: 'held', owner, leaseEndsAtMs, reach, amount, attempts }
  const proof = raises ? order.proof : channel.proof
  return stay(forget({ ...channel, authorized, proof, payments: [...others, payment] }, limits), 'reserved')
}

/** Raises what is authorised, for a stream that is under way. */
export function authorize(
  channel: Channel,
  { reach, proof, nowMs }: { readonly reach: bigint; readonly proof: string; readonly nowMs: number },
): Step<ChannelRefusal | 'authorized'> {
  if (channel.phase !== 'open') return stay(channel, 'channel_closed')
  if (nowMs >= channel.expiresAtMs) return stay(channel, 'channel_expired')
  if (reach > channel.deposit) return stay(channel, 'cumulative_exceeds_deposit')
  if (reach <= channel.authorized) return stay(channel, 'authorized')
  return stay({ ...channel, authorized: reach, proof }, 'authorized')
}

/** Which payment, and whose. */
export interface Held {
  readonly id: string
  readonly owner: string
}

const replace = (channel: Channel, payment: Payment, change: Partial<Payment>): Channel => ({
  ...channel,
  payments: channel.payments.map((one) => (one === payment ? { ...payment, ...change } : one)),
})

const ownersPayment = ({ payments }: Channel, { id, owner }: Held): Payment | undefined =>
  payments.find((payment) => payment.id === id && payment.owner === owner)

/**
 * Charges what the request cost, at most what it reserved. True again when asked again. False: the reservation lapsed and
 * was given back, so that nothing may be served for it. A lapsed one that nobody touched is still the owner's.
 */
export function charge(
  channel: Channel,
  { id, owner, amount }: Held & { readonly amount: bigint },
  limits: ChannelLimits,
): Step<boolean> {
  const payment = ownersPayment(channel, { id, owner })
  if (payment?.state === 'charged') return stay(channel, true)
  if (payment?.state !== 'held' || amount < 0n || amount > payment.amount) return stay(channel, false)
  const charged = replace(channel, payment, { state: 'charged', amount })
  return stay(forget({ ...charged, charged: channel.charged + amount }, limits), true)
}

/** Changes the most that a request may cost. False: it is not the owner's any more, or so much is not authorised. */
export function reserve(channel: Channel, { id, owner, amount }: Held & { readonly amount: bigint }): Step<boolean> {
  const payment = ownersPayment(channel, { id, owner })
  if (payment?.state !== 'held' || amount < 0n) return stay(channel, false)
  const free = channel.authorized - channel.charged - reserved(channel) + payment.amount
  return free < amount ? stay(channel, false) : stay(replace(channel, payment, { amount }), true)
}

/** One stream of events, which draws on what is authorised as it goes. It holds nothing yet. */
export interface StreamOpening extends Held {
  readonly fingerprint: string
  readonly leaseEndsAtMs: number
}

/** Begins a stream. It counts as one in flight, so that a close waits for it. Asked again by its owner: begun again. */
export function openStream(
  before: Channel,
  { id, owner, fingerprint, leaseEndsAtMs }: StreamOpening,
  { nowMs, limits }: { readonly nowMs: number; readonly limits: ChannelLimits },
): Step<ChannelRefusal | 'begun'> {
  const channel = releaseLapsed(before, nowMs)
  if (channel.phase !== 'open') return stay(before, 'channel_closed')
  if (nowMs >= channel.expiresAtMs) return stay(before, 'channel_expired')
  if (ownersPayment(channel, { id, owner })?.state === 'held') return stay(channel, 'begun')
  if (channel.payments.filter(({ state }) => state === 'held').length >= limits.inFlight) return stay(before, 'busy')
  const { authorized: reach, payments } = channel
  const stream: Payment = { id, fingerprint, state: 'held', owner, leaseEndsAtMs, reach, amount: 0n, attempts: 1 }
  return stay({ ...channel, payments: [...payments.filter((payment) => payment.id !== id), stream] }, 'begun')
}

/**
 * Charges what an event of a stream cost, at most what was reserved for it, and reserves for the next one. `needed`: it is
 * charged, and too little is authorised for the next. `ended`: it is charged, and there is no next. False: the stream is
 * its owner's no more, nothing was charged, and the event must not leave.
 */
export function draw(
  channel: Channel,
  { id, owner, spent, next, nowMs }: Held & { readonly spent: bigint; readonly next: bigint; readonly nowMs: number },
): Step<'reserved' | 'needed' | 'ended' | false> {
  const stream = ownersPayment(channel, { id, owner })
  if (stream?.state !== 'held' || spent < 0n || spent > stream.amount || next < 0n) return stay(channel, false)
  const paid = { ...channel, charged: channel.charged + spent }
  const without = replace(paid, stream, { amount: 0n })
  if (channel.phase !== 'open' || nowMs >= channel.expiresAtMs) return stay(without, 'ended')
  if (without.authorized - without.charged - reserved(without) < next) return stay(without, 'needed')
  return stay(replace(paid, stream, { amount: next }), 'reserved')
}

/** Starts the lease anew. False: it is not the owner's any more. */
export function renew(channel: Channel, held: Held & { readonly leaseEndsAtMs: number }): Step<boolean> {
  const payment = ownersPayment(channel, held)
  if (payment?.state !== 'held') return stay(channel, false)
  return stay(replace(channel, payment, { leaseEndsAtMs: held.leaseEndsAtMs }), true)
}

/** Gives the reservation back; its attempt stays counted. */
export function release(channel: Channel, held: Held, limits: ChannelLimits): Step<void> {
  const payment = ownersPayment(channel, held)
  if (payment?.state !== 'held') return stay(channel, undefined)
  return stay(forget(replace(channel, payment, { state: 'released' }), limits), undefined)
}

/** Whether a further deposit could be added. To be asked before the deposit's block is claimed for good. */
export function canTopUp(channel: Channel, amount: bigint, nowMs: number): ChannelRefusal | undefined {
  if (channel.phase !== 'open') return channel.phase === 'recovering' ? 'channel_recovering' : 'channel_closed'
  if (nowMs >= channel.expiresAtMs) return 'channel_expired'
  const isTooMuch = channel.depositBlocks.length >= MAX_DEPOSITS || channel.deposit + amount > MAX_RAW
  return isTooMuch ? 'deposit_mismatch' : undefined
}

/**
 * Adds a deposit whose block was claimed for this channel for good. The same block again adds nothing. One that comes too
 * late for payments, but before the refund is signed, is refunded with the rest.
 */
export function topUp(
  channel: Channel,
  { amount, depositBlock }: { readonly amount: bigint; readonly depositBlock: string },
): Step<ChannelRefusal | 'added'> {
  if (channel.depositBlocks.includes(depositBlock)) return stay(channel, 'added')
  if (channel.phase !== 'open' && channel.phase !== 'closing') return stay(channel, 'channel_closed')
  const depositBlocks = [...channel.depositBlocks, depositBlock]
  return stay({ ...channel, deposit: channel.deposit + amount, depositBlocks }, 'added')
}

/** From here on no payment begins. Those that are in flight may end. */
export const beginClose = (channel: Channel): Step<void> =>
  stay(channel.phase === 'open' ? { ...channel, phase: 'closing' } : channel, undefined)

/**
 * Once no payment is in flight: what is to be refunded, from now on for good. Asked again: the same. Undefined while some
 * payment may still end, or when no close was begun.
 */
export function freeze(before: Channel, nowMs: number): Step<bigint | undefined> {
  if (before.phase === 'open' || before.phase === 'recovering') return stay(before, undefined)
  if (before.phase !== 'closing') return stay(before, unspent(before))
  const channel = releaseLapsed(before, nowMs)
  if (channel.payments.some(({ state }) => state === 'held')) return stay(before, undefined)
  return stay({ ...channel, phase: 'refunding' }, unspent(channel))
}

/** The refund was paid by this block, or nothing was to be refunded. False: there is no refund to be paid. */
export function finishClose(channel: Channel, refundBlock: string | undefined): Step<boolean> {
  if (channel.phase === 'closed') return stay(channel, channel.refundBlock === refundBlock)
  const isPaid = refundBlock !== undefined || unspent(channel) === 0n
  if (channel.phase !== 'refunding' || !isPaid) return stay(channel, false)
  return stay({ ...channel, phase: 'closed', refundBlock }, true)
}

/** The issuer has settled it, or never will: there is no refund to be paid from here. False: it has not come to that. */
export function finishAtIssuer(channel: Channel): Step<boolean> {
  if (channel.phase === 'closed') return stay(channel, true)
  return channel.phase === 'refunding' ? stay({ ...channel, phase: 'closed' }, true) : stay(channel, false)
}
