/** What an operator sets about channels, in the values that the code works with. */
import type { ChannelMode } from '../../channel/wire.ts'

/** An issuer that we trust to pay us. */
export interface IssuerTerms {
  readonly url: string
  /** 64 upper-case hex digits. */
  readonly publicKey: string
}

/** Amounts in raw; those of deposits are multiples of the tag's modulus. */
export interface ChannelSettings {
  readonly modes: readonly ChannelMode[]
  /** What a token is worth. Undefined: the price of the request that the offer is made for. */
  readonly unit: bigint | undefined
  readonly minDeposit: bigint
  /** Undefined: a hundred times the price, or as near to that as the other two allow. */
  readonly suggestedDeposit: bigint | undefined
  readonly maxDeposit: bigint
  readonly maxStep: number
  readonly maxK: number
  readonly ttlSeconds: number
  readonly closeGraceSeconds: number
  /** Who holds the deposits. None: we do. */
  readonly issuers: readonly IssuerTerms[]
  /** A certificate has to leave us so many seconds to redeem. */
  readonly minSettleSeconds: number
  /** What is ours with an issuer is had paid out from so much raw on. */
  readonly withdrawFrom: bigint
  /** How long a stream waits for more to be authorised. */
  readonly authorizeMs: number
  /** How often expired channels and deposits that nobody opened are looked for. */
  readonly sweepMs: number
}
