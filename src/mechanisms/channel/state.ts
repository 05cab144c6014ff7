/** Says how a channel stands, to who has its key or the account that paid its deposit. Changes nothing. */
import { stateBytes } from '../../channel/binding.ts'
import { type StatePayload, stateText } from '../../channel/wire.ts'
import type { Replied } from '../../core/cashier.ts'
import type { Refusal } from '../../core/refusal.ts'
import { addressToPublicKey, verifyMessage } from '../../nano/index.ts'
import { isMac, outcomeOf, ownChannel, replied } from './own.ts'
import { refuse } from './refusals.ts'
import type { Visit } from './visit.ts'

/** A signed question is good for so long, in either direction. */
const STATE_WINDOW_SECONDS = 300

export async function tellState(payload: StatePayload, { payee }: Visit): Promise<Refusal | Replied> {
  if (!('blockHash' in payload)) {
    const channel = await ownChannel(payload.channelId, payee)
    if (channel === undefined) return refuse('channel_not_found')
    if (!isMac(channel, stateBytes(channel.id), payload.mac)) return refuse('mac')
    return replied(channel, await outcomeOf(channel, { withProof: true }))
  }
  const { blockHash: name, issuedAt, signature } = payload
  const nowSeconds = Date.now() / 1_000
  if (Math.abs(nowSeconds - issuedAt) > STATE_WINDOW_SECONDS) return refuse('authorization')
  // A channel with an issuer has no deposit here: it is named by its own id.
  const channel = await ownChannel((await payee.channels.openedWith(name)) ?? name, payee)
  if (channel === undefined) return refuse('channel_not_found')
  if (!payee.mayCheckSignature('state')) return refuse('busy')
  if (!verifyMessage(stateText(name, issuedAt), signature, addressToPublicKey(channel.terms.config.payer))) {
    return refuse('authorization')
  }
  return replied(channel, await outcomeOf(channel, { withProof: true, withConfig: true }))
}
