/** The steps of a channel as a whole: it opens, is topped up, closes and is refunded. */
import { MAX_RAW } from '../../nano/raw.ts'
import { type Channel, type ChannelRefusal, releaseLapsed, type Step, stay, unspent } from './channel.ts'

/** More deposits go into another channel. */
const MAX_DEPOSITS = 64

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
  held: [],
  ended: [],
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
  if (channel.held.length > 0) return stay(before, undefined)
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
