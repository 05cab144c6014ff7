/** What an issuer says: about itself, its channels, and withdrawals. */
import type { ChannelId } from '../channel/config.ts'
import type { BlockHash, NanoAddress } from '../nano/index.ts'

/** What an issuer says about itself. Amounts in raw, as decimal text. */
export interface IssuerInfo {
  readonly network: string
  /** The Ed25519 key that certificates are signed with: `issuer` in a channel's config. */
  readonly issuer: string
  /** Where deposits go, and withdrawals come from. */
  readonly account: NanoAddress
  readonly minDeposit: string
  readonly maxDeposit: string
  readonly minWithdrawal: string
  readonly settleSeconds: number
  readonly maxChannelSeconds: number
  readonly maxCloseGrace: number
}

/** A channel, as payer and payee see it. Amounts in raw, as decimal text. */
export interface ChannelView {
  readonly channelId: ChannelId
  readonly payer: NanoAddress
  readonly payee: NanoAddress
  readonly state: 'open' | 'settled' | 'returned'
  readonly amount: string
  readonly charged: string
  /** Unix time in seconds. */
  readonly settleBy: number
  /** What the payee showed for what was charged. */
  readonly proof?: unknown
}

/** A payout to the account on the ledger. Amounts in raw, as decimal text. */
export interface WithdrawalView {
  readonly id: string
  readonly amount: string
  readonly state: 'pending' | 'paid'
  /** Of the payout, once it is confirmed. */
  readonly block?: BlockHash
}
