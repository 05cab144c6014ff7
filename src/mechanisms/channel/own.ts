/** A channel of ours, and how it stands, which is said to whoever showed its key and to nobody else. */
import type { ChannelTerms } from '../../channel/channels.ts'
import type { ChannelId } from '../../channel/config.ts'
import { lastProofOf } from '../../channel/proof.ts'
import { hmacSha256 } from '../../channel/sha256.ts'
import { CHANNEL_SCHEME, type ChannelOutcome, type Release } from '../../channel/wire.ts'
import { equalInConstantTime } from '../../core/bytes.ts'
import type { Replied } from '../../core/cashier.ts'
import { type Refusal, type RefusalCode, refusal } from '../../core/refusal.ts'
import { hexToBytes } from '../../nano/hex.ts'
import type { Payee } from './payee.ts'
import { stateOf } from './receipts.ts'

export interface OwnChannel {
  readonly id: ChannelId
  readonly terms: ChannelTerms
  readonly payee: Payee
}

/** Undefined for one that is not ours: other payees may have theirs in the same store. */
export async function ownChannel(id: ChannelId, payee: Payee): Promise<OwnChannel | undefined> {
  const { channels, account, network, origin } = payee
  const terms = await channels.terms(id)
  if (terms === undefined) return undefined
  const { config } = terms
  const isOurs = config.payee === account && config.network === network && (origin === '' || config.origin === origin)
  return isOurs ? { id, terms, payee } : undefined
}

/** Whether whoever made this MAC has the channel's key. */
export const isMac = ({ terms }: OwnChannel, message: Uint8Array, mac: string): boolean =>
  equalInConstantTime(hmacSha256(hexToBytes(terms.macKey))(message), hexToBytes(mac))

/** What goes with the state in an answer. */
interface More {
  readonly payment?: Pick<ChannelOutcome, 'commitmentId' | 'chargedAmount'>
  /** Of the request that is paid. */
  readonly hash?: Uint8Array
  readonly withProof?: true
  readonly withConfig?: true
  readonly release?: Release | undefined
}

/** How it stands, signed. */
export async function outcomeOf(
  { id, terms, payee }: OwnChannel,
  more: More = {},
): Promise<ChannelOutcome | undefined> {
  const { config } = terms
  const channel = await payee.channels.state(id)
  if (channel === undefined) return undefined
  const signed = await payee.receipts.sign({ ...more.payment, channelState: stateOf(id, channel) }, more.hash)
  const lastProof = more.withProof && lastProofOf(config, channel)
  return {
    ...signed,
    ...(lastProof && { lastProof }),
    ...(more.withConfig && { config }),
    ...(more.release && { release: more.release }),
  }
}

/** A refusal that tells its payer how the channel stands. */
export async function correct(code: RefusalCode, channel: OwnChannel): Promise<Refusal> {
  const extra = await outcomeOf(channel, { withProof: true })
  return extra ? { ...refusal(code), correction: { scheme: CHANNEL_SCHEME, extra: { ...extra } } } : refusal(code)
}

/** @param transaction - The block that it is about, if there is one. */
export const replied = (
  { terms, payee }: Pick<OwnChannel, 'terms' | 'payee'>,
  extra: ChannelOutcome | undefined,
  transaction = '',
): Replied => ({
  kind: 'replied',
  settlement: {
    ...({ success: true, transaction, network: payee.network, payer: terms.config.payer } as const),
    ...(extra && { extra: { ...extra } }),
  },
})
