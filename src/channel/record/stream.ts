/** The steps of a stream of events, which draws on what is authorised as it goes. */
import {
  type Channel,
  type ChannelLimits,
  type ChannelRefusal,
  change,
  type Held,
  heldBy,
  releaseLapsed,
  reserved,
  type Step,
  stay,
} from './channel.ts'
import { written } from './row.ts'

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
  if (heldBy(channel, { id, owner })) return stay(channel, 'begun')
  if (channel.held.length >= limits.inFlight) return stay(before, 'busy')
  const { authorized: reach, held, ended } = channel
  const terms = { state: 'held', leaseEndsAtMs, reach, amount: 0n, attempts: 1 } as const
  const stream = written({ id, fingerprint, owner, ...terms })
  const others = { held: held.filter((one) => one.id !== id), ended: ended.filter((one) => one.id !== id) }
  return stay({ ...channel, ended: others.ended, held: [...others.held, stream] }, 'begun')
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
  const stream = heldBy(channel, { id, owner })
  if (stream === undefined || spent < 0n || spent > stream.amount || next < 0n) return stay(channel, false)
  const paid = { ...channel, charged: channel.charged + spent }
  const free = change(paid, stream, { amount: 0n })
  if (channel.phase !== 'open' || nowMs >= channel.expiresAtMs) return stay(free, 'ended')
  if (free.authorized - free.charged - reserved(free) < next) return stay(free, 'needed')
  return stay(change(paid, stream, { amount: next }), 'reserved')
}
