/** Channels at an issuer: what it locks an amount for, what it settles them at, and what it says of them. */
import { type Certificate, signCertificate } from '../channel/certificate.ts'
import { type ChannelId, channelId, readConfig } from '../channel/config.ts'
import { MAX_K } from '../channel/payword.ts'
import { hashesFor, judgeLastProof, readLastProof } from '../channel/redemption.ts'
import { createAllowances } from './allowance.ts'
import type { ChannelEntry } from './book/locks.ts'
import type { Book } from './book.ts'
import type { Caller, Callers } from './callers.ts'
import { type RefusedByIssuer, refuse } from './codes.ts'
import { fieldsOf, isChannelId, readAmount } from './reading.ts'
import { readRelease, releaseText } from './request.ts'
import type { ChannelView, IssuerInfo } from './views.ts'

/** A refusal is a value; trouble of ours is thrown. */
export interface ChannelDesk {
  open(caller: Caller, body: unknown): Promise<Certificate | RefusedByIssuer>
  channel(caller: Caller, id: ChannelId): Promise<ChannelView | RefusedByIssuer>
  /** Asked by the payee. */
  settle(caller: Caller, id: ChannelId, body: unknown): Promise<ChannelView | RefusedByIssuer>
  /** Asked by the payer, with the payee's release. */
  close(caller: Caller, id: ChannelId, body: unknown): Promise<ChannelView | RefusedByIssuer>
}

export interface ChannelDeskOptions {
  readonly book: Pick<Book, 'open' | 'channel' | 'lockOf' | 'settle'>
  readonly hasSigned: Callers['hasSigned']
  readonly info: IssuerInfo
  /** Signs certificates. */
  readonly sign: Parameters<typeof signCertificate>[1]
  readonly now: () => number
}

/** How many hashes a payee may cost us in a minute with tokens that are wrong: about a second. */
const WASTED_HASHES_PER_MINUTE = 2 ** 22
/** How many channels an account may open in a minute: what became of each is remembered for a month. */
const OPENINGS_PER_MINUTE = 600

export function createChannelDesk({ book, hasSigned, info, sign, now }: ChannelDeskOptions): ChannelDesk {
  const openings = createAllowances(OPENINGS_PER_MINUTE, now)
  const wasted = createAllowances(WASTED_HASHES_PER_MINUTE, now)

  const entryOf = async (id: ChannelId) => (isChannelId(id) ? book.channel(id) : undefined)

  const viewOf = async (
    id: ChannelId,
    { payer, payee, settleBy, end }: ChannelEntry,
  ): Promise<ChannelView | undefined> => {
    if (end) {
      const { proof, ...ended } = end
      return {
        channelId: id,
        payer,
        payee,
        settleBy,
        ...ended,
        ...(proof !== undefined && { proof: JSON.parse(proof) }),
      }
    }
    const lock = await book.lockOf(id)
    if (!lock) return undefined
    const state = lock.state === 'open' && lock.settleByMs <= now() ? 'returned' : lock.state
    const amounts = { amount: String(lock.amount), charged: String(lock.charged) }
    return {
      channelId: id,
      payer,
      payee,
      settleBy,
      state,
      ...amounts,
      ...(lock.proof && { proof: JSON.parse(lock.proof) }),
    }
  }

  /** Ends a channel at what its payee is owed, and says how it ended. */
  async function end(
    id: ChannelId,
    { charged, authorized = charged, proof }: { charged: bigint; authorized?: bigint; proof?: object },
  ): Promise<ChannelView | RefusedByIssuer> {
    const shown = proof === undefined ? undefined : JSON.stringify(proof)
    const result = await book.settle(id, { charged, authorized, proof: shown })
    if (result !== 'settled') return refuse(result)
    const entry = await book.channel(id)
    return (entry && (await viewOf(id, entry))) ?? refuse('channel_not_found')
  }

  return {
    async open({ account }, body) {
      const { config: shown, amount: text } = fieldsOf(body, ['config', 'amount'])
      const config = readConfig(shown)
      const amount = readAmount(text)
      if (config === undefined) return refuse('invalid_config')
      if (amount === undefined || amount === 0n) return refuse('invalid_amount')
      if (config.payer !== account) return refuse('unauthorized')
      const { expiresAt, closeGrace } = config
      const isOurs = config.custodian === 'issuer' && config.issuer === info.issuer && config.network === info.network
      const isBetweenTwo = config.payee !== config.payer && config.refundTo === config.payer
      const isInTime = 1_000 * expiresAt > now() && 1_000 * (expiresAt - info.maxChannelSeconds) <= now()
      if (!isOurs || !isBetweenTwo || !isInTime || closeGrace > info.maxCloseGrace) return refuse('invalid_config')
      if (!openings(account).take(1)) return refuse('too_many_channels')
      const result = await book.open(config, { amount, settleBy: expiresAt + closeGrace + info.settleSeconds })
      if (result !== 'locked') return refuse(result)
      const id = channelId(config)
      const settleBy = (await book.channel(id))?.settleBy ?? 0
      const { payee } = config
      return signCertificate({ channelId: id, payee, amount: String(amount), expiresAt, settleBy }, sign)
    },

    async channel({ account }, id) {
      const entry = await entryOf(id)
      if (entry === undefined || (entry.payer !== account && entry.payee !== account))
        return refuse('channel_not_found')
      return (await viewOf(id, entry)) ?? refuse('channel_not_found')
    },

    async settle({ account }, id, body) {
      const { amount: text, proof: shown } = fieldsOf(body, ['amount', 'proof'])
      const amount = readAmount(text)
      const best = shown === undefined ? undefined : readLastProof(shown)
      if (amount === undefined) return refuse('invalid_amount')
      if (shown !== undefined && best === undefined) return refuse('proof')
      const entry = await entryOf(id)
      if (entry?.payee !== account) return refuse('channel_not_found')
      const { config } = entry
      const lock = await book.lockOf(id)
      // What has ended is not looked at again: the book knows how.
      if (config === undefined || lock?.state !== 'open') return end(id, { charged: amount })
      if (amount > lock.amount) return refuse('exceeds_lock')
      if (best === undefined) return amount === 0n ? end(id, { charged: 0n }) : refuse('proof')
      const hashes = Math.min(hashesFor(best), MAX_K)
      const patience = wasted(account)
      if (!patience.take(hashes)) return refuse('busy')
      const reach = await judgeLastProof(config, best)
      if (typeof reach === 'string') return refuse(reach)
      patience.give(hashes)
      if (amount > reach) return refuse('proof')
      return end(id, { charged: amount, authorized: reach, proof: best })
    },

    async close({ account }, id, body) {
      const release = readRelease(body)
      if (release === undefined) return refuse('invalid_request')
      const entry = await entryOf(id)
      if (entry?.payer !== account) return refuse('channel_not_found')
      const payee = { account: entry.payee, ...release }
      if (!(await hasSigned(payee, releaseText(info.issuer, id, release.amount)))) return refuse('unauthorized')
      return end(id, { charged: BigInt(release.amount), proof: { release } })
    },
  }
}
