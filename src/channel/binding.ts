/**
 * What a proof of a channel is bound to: the channel, how much is authorised in all, and the one request that it pays. Each
 * kind has its label and each field its length in front, so that no proof can be read as another.
 */
import { encodeFields } from '../core/bytes.ts'
import type { ChannelId } from './config.ts'
import { sha256 } from './sha256.ts'

/** A request, as far as it is paid for. */
export interface PaidRequest {
  readonly method: string
  /** Path and query, as they were sent. Where that is, the channel's config says. */
  readonly url: string
  /** SHA-256 of the body. */
  readonly bodyHash: Uint8Array
}

/** SHA-256 of method, URL and body: 32 bytes that stand for the request wherever a proof is kept. */
export const requestHash = ({ method, url, bodyHash }: PaidRequest): Uint8Array =>
  sha256(encodeFields(['nano402-channel-request', method, url, bodyHash]))

/** What a proof says. */
export interface Statement {
  readonly channelId: ChannelId
  /** How far it goes: `k` of a token as decimal text, or what a voucher authorises in all, in raw. */
  readonly reach: string
  /** x402's payment identifier: chosen by the client, one for each payment. */
  readonly paymentId: string
  readonly requestHash: Uint8Array
}

/** What goes with a request: a token or a voucher that pays it, or one that only authorises more for a stream. */
export type ProofKind = 'token' | 'voucher' | 'authorize-token' | 'authorize-voucher'

/** What the MAC of a token or voucher, and the signature of a voucher, is over. */
export const proofBytes = (kind: ProofKind, { channelId, reach, paymentId, requestHash }: Statement): Uint8Array =>
  encodeFields([`nano402-channel-${kind}`, channelId, reach, paymentId, requestHash])

/** What the MAC of a close is over. */
export const closeBytes = (channelId: ChannelId): Uint8Array => encodeFields(['nano402-channel-close', channelId])

/** What the MAC of a top-up is over. `blockHash` is the deposit. */
export const topUpBytes = (channelId: ChannelId, blockHash: string): Uint8Array =>
  encodeFields(['nano402-channel-topup', channelId, blockHash])

/** What the MAC of a question for the channel's state is over. */
export const stateBytes = (channelId: ChannelId): Uint8Array => encodeFields(['nano402-channel-state', channelId])
