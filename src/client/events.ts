/** What a payer tells while it pays. Amounts in raw, times in ms. None carries a session id, a header or a key. */
import type { BlockHash, NanoAddress, Raw } from '../nano/index.ts'
import type { WalletEvent } from '../wallet/wallet.ts'
import type { SettlementResponse } from '../x402/shapes.ts'

/** One step of a payment. Steps of one payment come in this order; those of several may be mixed. */
export type PayerEvent =
  /** A 402 came, and this is the offer to be paid. `price` is what the resource costs; `amount` has the tag on top. */
  | {
      readonly type: 'challenged'
      readonly url: string
      readonly price: Raw
      readonly amount: Raw
      readonly payTo: NanoAddress
    }
  /** An earlier payment for the same request was found that was never answered: it is used instead of a new one. */
  | { readonly type: 'resumed'; readonly hash: BlockHash }
  /** The budget allows it; the account's turn is awaited. */
  | { readonly type: 'paying'; readonly amount: Raw; readonly payTo: NanoAddress }
  /** How its block is made. */
  | WalletEvent
  /** The network has the block. */
  | { readonly type: 'published'; readonly hash: BlockHash }
  /** The block can never be confirmed, because another one was on the same `previous`. Nothing was paid by it. */
  | { readonly type: 'void'; readonly hash: BlockHash }
  /** The network confirmed the block, so long after it was published. */
  | { readonly type: 'confirmed'; readonly hash: BlockHash; readonly ms: number }
  /** The proof is shown to the server, for the `attempt`-th time. */
  | { readonly type: 'presenting'; readonly hash: BlockHash; readonly attempt: number }
  /** The server served. */
  | {
      readonly type: 'paid'
      readonly hash: BlockHash
      readonly status: number
      readonly settlement: SettlementResponse | undefined
    }
  /** The server did not serve. `retryable`: the same proof stays good. */
  | { readonly type: 'refused'; readonly hash: BlockHash; readonly refusal: string; readonly retryable: boolean }
  /** With the answer came a pass, for further requests like this one. */
  | { readonly type: 'pass-bought'; readonly url: string }
  /** A request was answered on a pass: nothing was paid for it. */
  | { readonly type: 'pass-used'; readonly url: string; readonly status: number }
  /** A deposit is confirmed and acknowledged: requests are paid out of it. */
  | { readonly type: 'channel-opened'; readonly channelId: string; readonly origin: string; readonly deposit: bigint }
  /** A further deposit is. */
  | { readonly type: 'channel-topped-up'; readonly channelId: string; readonly amount: bigint }
  /** A request was served out of a channel, and cost so much; `left` of the deposit is unspent. */
  | {
      readonly type: 'channel-paid'
      readonly channelId: string
      readonly status: number
      readonly charged: bigint
      readonly left: bigint
    }
  /** What was left with an issuer was paid out to the account: seen on the ledger. In raw. */
  | { readonly type: 'issuer-paid-out'; readonly issuer: string; readonly amount: bigint; readonly hash: BlockHash }
  /** The server said that the channel stands otherwise, which was checked and taken over. */
  | { readonly type: 'channel-corrected'; readonly channelId: string; readonly refusal: string }
  /** Nothing more is paid in the channel, because what the server said of it cannot be true. */
  | { readonly type: 'channel-distrusted'; readonly channelId: string; readonly reason: string }
  /** The refund was seen on the ledger, confirmed and to the raw. No `hash`: nothing came back. */
  | {
      readonly type: 'channel-closed'
      readonly channelId: string
      /** In raw, over its whole life: what was deposited is what was charged, what was refunded and what is left. */
      readonly deposited: bigint
      readonly charged: bigint
      readonly refunded: bigint
      /** The rest, where it is too little for its issuer to pay out, and stays there. Otherwise left out. */
      readonly left?: bigint
      readonly hash: BlockHash | undefined
    }
