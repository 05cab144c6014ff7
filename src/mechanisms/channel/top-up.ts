/** Raises what a channel can pay: by a further deposit, or by a proof that authorises more for a stream under way. */
import { topUpBytes } from '../../channel/binding.ts'
import type { Genuine } from '../../channel/proof.ts'
import { type AuthorizePayload, depositTag, type TopUpPayload } from '../../channel/wire.ts'
import type { Replied } from '../../core/cashier.ts'
import { type Refusal, refusal } from '../../core/refusal.ts'
import { correct, isMac, outcomeOf, ownChannel, replied } from './own.ts'
import { isSecret, PREFIX, refuse } from './refusals.ts'
import { boundTo, type Visit } from './visit.ts'

export async function topUp(
  { channelId: id, blockHash: block, mac }: TopUpPayload,
  { request, payee }: Visit,
): Promise<Refusal | Replied> {
  const { channels, deposits, emit } = payee
  const channel = await ownChannel(id, payee)
  if (channel === undefined) return refuse('channel_not_found')
  if (!isMac(channel, topUpBytes(id, block), mac)) return refuse('mac')
  const { config, deposits: bounds } = channel.terms
  if (config.custodian === 'issuer') return correct(`${PREFIX}deposit_mismatch`, channel) // nobody has locked it for us
  const known = await channels.state(id)
  if (!known?.depositBlocks.includes(block)) {
    const [min, max] = [BigInt(bounds?.min ?? 0), BigInt(bounds?.max ?? 0)]
    // Each deposit that was credited gives as many attempts at the next one.
    const asker = `${id}:${known?.depositBlocks.length ?? 0}`
    const wanted = { asker, payer: config.payer, tag: depositTag(config.nonce), min, max }
    const amount = await deposits.find(block, wanted, request)
    if (amount === 'too_many_attempts') return refusal(amount)
    if (typeof amount === 'string') return correct(`${PREFIX}${amount}`, channel)
    const added = await channels.topUp(id, { block, amount })
    if (added !== 'added') {
      return added === 'attempts_exhausted' ? refusal(added) : correct(`${PREFIX}${added}`, channel)
    }
    emit?.({ type: 'channel_topped_up', amount })
  }
  return replied(channel, await outcomeOf(channel), block)
}

export async function authorize({ proof }: AuthorizePayload, visit: Visit): Promise<Refusal | Replied> {
  const { payee } = visit
  const id = proof.channelId
  const channel = await ownChannel(id, payee)
  if (channel === undefined) return refuse('channel_not_found')
  const bound = await boundTo(visit)
  if ('kind' in bound) return bound
  const judged = await payee.judge({ proof, paymentId: bound.id, request: bound.paid, use: 'authorize' })
  if (judged.kind !== 'genuine') {
    const code = judged.kind === 'refused' ? judged.code : 'proof'
    return isSecret(code) ? refuse(code) : correct(`${PREFIX}${code}`, channel)
  }
  const authorized = await payee.channels.authorize(id, judged satisfies Pick<Genuine, 'reach' | 'proof'>)
  if (authorized === 'channel_not_found') return refuse(authorized)
  if (authorized === 'attempts_exhausted') return refusal(authorized)
  if (authorized !== 'authorized') return correct(`${PREFIX}${authorized}`, channel)
  return replied(channel, await outcomeOf(channel))
}
