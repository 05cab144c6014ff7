/** What an operator sets about channels, in the values that the code works with. */
import type { ChannelMode } from '../../channel/wire.ts'

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
  /** How often expired channels and deposits that nobody opened are looked for. */
  readonly sweepMs: number
}
