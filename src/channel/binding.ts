/**
 * What a proof of a channel is bound to: the channel, how much is authorised in all, and the one request that it pays. Each
 * kind has its label and each field its length in front, so that no proof can be read as another.
 */
import { encodeFields } from '../core/bytes.ts'
import type { ChannelId } from './config.ts'

/** The request that a proof pays. */
export interface PaidRequest {
  /** x402's payment identifier: chosen by the client, one for each payment. */
  readonly paymentId: string
  readonly method: string
  readonly url: string
  /** SHA-256 of the body. */
  readonly bodyHash: Uint8Array
}

/** How far a proof goes: `k` of a token as decimal text, or what a voucher authorises in all, in raw. */
export interface Reach {
  readonly channelId: ChannelId
  readonly reach: string
}

/** What goes with a request: a token or a voucher that pays it, or one that only authorises more for a stream. */
export type PaymentKind = 'token' | 'voucher' | 'authorize-token' | 'authorize-voucher'

/** What the MAC of a token, or the signature of a voucher, is over. */
export const paymentBytes = (kind: PaymentKind, { channelId, reach }: Reach, request: PaidRequest): Uint8Array =>
  encodeFields([
    `nano402-channel-${kind}`,
    channelId,
    reach,
    request.paymentId,
    request.method,
    request.url,
    request.bodyHash,
  ])

/** What the MAC or signature of a close is over. */
export const closeBytes = (channelId: ChannelId): Uint8Array => encodeFields(['nano402-channel-close', channelId])

/** What the MAC or signature of a top-up is over. `blockHash` is the deposit. */
export const topUpBytes = (channelId: ChannelId, blockHash: string): Uint8Array =>
  encodeFields(['nano402-channel-topup', channelId, blockHash])

/** What the two requests must share to be one: everything that is paid for, but not how. */
export const requestBytes = ({ method, url, bodyHash }: PaidRequest): Uint8Array =>
  encodeFields(['nano402-channel-request', method, url, bodyHash])
