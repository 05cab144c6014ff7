/** The steps of one payment: it is reserved, then charged or given back. */
import {
  type Channel,
  type ChannelLimits,
  type ChannelRefusal,
  change,
  end,
  forget,
  type Held,
  heldBy,
  type Payment,
  paymentOf,
  releaseLapsed,
  reserved,
  type Step,
  stay,
  without,
} from './channel.ts'
import { written } from './row.ts'

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
  channel: Channel,
  { id, fingerprint }: { readonly id: string; readonly fingerprint: string },
): 'payment_identifier_conflict' | { readonly charged: bigint } | undefined {
  return answerOf(paymentOf(channel, id), fingerprint)
}

function answerOf(known: Payment | undefined, fingerprint: string): ReturnType<typeof answered> {
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
  const known = paymentOf(channel, order.id)
  const answer = answerOf(known, order.fingerprint)
  if (answer) return stay(before, answer)
  if (channel.phase !== 'open') return stay(before, 'channel_closed')
  if (nowMs >= channel.expiresAtMs) return stay(before, 'channel_expired')
  if (known?.state === 'held') return stay(before, known.owner === order.owner ? 'reserved' : 'busy')
  if (known && known.attempts >= (order.maxAttempts ?? limits.attempts)) return stay(before, 'attempts_exhausted')
  if (!known && order.reach <= channel.floor) return stay(before, 'insufficient_authorization')
  if (order.reach > channel.deposit) return stay(before, 'cumulative_exceeds_deposit')
  const raises = order.reach > channel.authorized
  const authorized = raises ? order.reach : channel.authorized
  if (authorized - channel.charged - reserved(channel) < order.amount) return stay(before, 'insufficient_authorization')
  if (channel.held.length >= limits.inFlight) return stay(before, 'busy')

  const { id, fingerprint, owner, reach, amount, leaseEndsAtMs } = order
  const attempts = (known?.attempts ?? 0) + 1
  const payment = written({ id, fingerprint, state: 'held', owner, leaseEndsAtMs, reach, amount, attempts })
  const proof = raises ? order.proof : channel.proof
  const ended = known ? without(channel.ended, known) : channel.ended
  return stay(forget({ ...channel, authorized, proof, held: [...channel.held, payment], ended }, limits), 'reserved')
}

/**
 * Charges what the request cost, at most what it reserved. True again when asked again. False: the reservation lapsed and
 * was given back, so that nothing may be served for it. A lapsed one that nobody touched is still the owner's.
 */
export function charge(
  channel: Channel,
  { id, owner, amount }: Held & { readonly amount: bigint },
  limits: ChannelLimits,
): Step<boolean> {
  const payment = heldBy(channel, { id, owner })
  if (payment === undefined) {
    const known = paymentOf(channel, id)
    return stay(channel, known?.state === 'charged' && known.owner === owner)
  }
  if (amount < 0n || amount > payment.amount) return stay(channel, false)
  const ended = end(channel, payment, { state: 'charged', amount })
  return stay(forget({ ...ended, charged: channel.charged + amount }, limits), true)
}

/** Changes the most that a request may cost. False: it is not the owner's any more, or so much is not authorised. */
export function reserve(channel: Channel, { id, owner, amount }: Held & { readonly amount: bigint }): Step<boolean> {
  const payment = heldBy(channel, { id, owner })
  if (payment === undefined || amount < 0n) return stay(channel, false)
  const free = channel.authorized - channel.charged - reserved(channel) + payment.amount
  return free < amount ? stay(channel, false) : stay(change(channel, payment, { amount }), true)
}

/** Starts the lease anew. False: it is not the owner's any more. */
export function renew(channel: Channel, held: Held & { readonly leaseEndsAtMs: number }): Step<boolean> {
  const payment = heldBy(channel, held)
  if (payment === undefined) return stay(channel, false)
  return stay(change(channel, payment, { leaseEndsAtMs: held.leaseEndsAtMs }), true)
}

/** Gives the reservation back; its attempt stays counted. */
export function release(channel: Channel, held: Held, limits: ChannelLimits): Step<void> {
  const payment = heldBy(channel, held)
  if (payment === undefined) return stay(channel, undefined)
  return stay(forget(end(channel, payment, { state: 'released' }), limits), undefined)
}

/** Gives a reservation back for which no handler has run: the attempt does not count. */
export function cancel(channel: Channel, held: Held, limits: ChannelLimits): Step<void> {
  const payment = heldBy(channel, held)
  if (payment === undefined) return stay(channel, undefined)
  const released = end(channel, payment, { state: 'released', attempts: payment.attempts - 1 })
  return stay(forget(released, limits), undefined)
}
