/** What a payee says of a channel: how it stands, what a payment cost, and its signature of that. Read strictly. */
import { encodeFields, encodeUtf8 } from '../../core/bytes.ts'
import { bytesToHex } from '../../nano/hex.ts'
import * as z from '../../zod.ts'
import { type ChannelConfig, type ChannelId, readConfig } from '../config.ts'
import { sha256 } from '../sha256.ts'

/** How a channel stands. At every moment `charged + reserved <= authorized <= deposit`. */
export interface ChannelState {
  readonly channelId: ChannelId
  readonly phase: 'open' | 'closing' | 'refunding' | 'closed' | 'recovering'
  readonly deposit: string
  readonly authorized: string
  readonly charged: string
  readonly reserved: string
  readonly expiresAt: number
  /** The block that refunds, once it is known. */
  readonly refund?: string
}

/** The best proof that the payee has: the payer's own, to be checked before `authorized` is believed. */
export type LastProof =
  | { readonly k: number; readonly token: string }
  | {
      readonly cumulative: string
      readonly signature: string
      /** What else its signature is over. */
      readonly kind: 'voucher' | 'authorize-voucher'
      readonly paymentId: string
      readonly requestHash: string
    }

/** The payee's signature of {@link receiptBytes}, with the offer's `receiptKey`. */
export interface Receipt {
  readonly issuedAt: number
  /** 128 hex digits. */
  readonly signature: string
}

/** What a payee signs to let a channel end before its time: that it is owed so much, in raw, and nothing more. */
export interface Release {
  readonly amount: string
  /** `nano`: the account's own key. Otherwise a session key of it at the issuer: 64 hex digits. */
  readonly key: string
  readonly signature: string
}

/** `extra` of a SettlementResponse, success or not. `transaction` there: the deposit's block, the refund's, or `""`. */
export interface ChannelOutcome {
  /** Of a payment: see {@link commitmentId}. */
  readonly commitmentId?: string
  /** What that payment cost. */
  readonly chargedAmount?: string
  readonly channelState: ChannelState
  readonly receipt?: Receipt
  /** In answer to `state`, and in a corrective 402. */
  readonly lastProof?: LastProof
  /** In answer to a `state` that was signed by the account alone. */
  readonly config?: ChannelConfig
  /** In answer to a `close` of a channel with an issuer, who ends it with this: what the payee is owed, signed by it. */
  readonly release?: Release
}

/** `<channel id>:<SHA-256 of the payment identifier>`: names one payment, and says nothing about the identifier. */
export const commitmentId = (channelId: ChannelId, paymentId: string): string =>
  commitmentOf(channelId, identifierHash(paymentId))

/** SHA-256 of a payment identifier. */
export const identifierHash = (paymentId: string): Uint8Array => sha256(encodeUtf8(paymentId))

/** The same, for who has the hash at hand. */
export const commitmentOf = (channelId: ChannelId, idHash: Uint8Array): string => `${channelId}:${bytesToHex(idHash)}`

/** What the payee signs: the channel as it stands, the payment if it is about one, and when. */
export function receiptBytes(
  outcome: Pick<ChannelOutcome, 'commitmentId' | 'chargedAmount' | 'channelState'>,
  { requestHash, issuedAt }: { readonly requestHash?: Uint8Array | undefined; readonly issuedAt: number },
): Uint8Array {
  const { commitmentId, chargedAmount, channelState: state } = outcome
  return encodeFields([
    ...(['nano402-channel-receipt', state.channelId, state.phase, state.deposit, state.authorized] as const),
    ...([state.charged, state.reserved, String(state.expiresAt), state.refund] as const),
    ...([commitmentId, chargedAmount, requestHash, String(issuedAt)] as const),
  ])
}

/** @internal What the shapes of offers are made of as well. Made when the first one is read: an import should cost little. */
export function makeParts() {
  const hex32 = z.string().check(z.regex(/^[0-9A-F]{64}$/))
  const hex64 = z.string().check(z.regex(/^[0-9A-F]{128}$/))
  const amount = z.string().check(z.regex(/^(0|[1-9][0-9]{0,38})$/))
  const seconds = z.int().check(z.gte(0))
  const receipt = z.object({ issuedAt: seconds, signature: hex64 })
  const state = z.object({
    channelId: hex32,
    phase: z.enum(['open', 'closing', 'refunding', 'closed', 'recovering']),
    deposit: amount,
    authorized: amount,
    charged: amount,
    reserved: amount,
    expiresAt: seconds,
    refund: z.optional(hex32),
  })
  const lastProof = z.union([
    z.object({ k: seconds, token: hex32 }),
    z.object({
      cumulative: amount,
      signature: hex64,
      kind: z.enum(['voucher', 'authorize-voucher']),
      paymentId: z.string(),
      requestHash: hex32,
    }),
  ])
  return { hex32, hex64, amount, seconds, receipt, state, lastProof }
}

function makeShape() {
  const { hex64, amount, receipt, state, lastProof } = makeParts()
  return z.object({
    commitmentId: z.optional(z.string().check(z.regex(/^[0-9A-F]{64}:[0-9A-F]{64}$/))),
    chargedAmount: z.optional(amount),
    channelState: state,
    receipt: z.optional(receipt),
    lastProof: z.optional(lastProof),
    release: z.optional(
      z.object({ amount, key: z.string().check(z.regex(/^(nano|[0-9A-F]{64})$/)), signature: hex64 }),
    ),
    config: z.optional(z.custom<ChannelConfig>((value) => readConfig(value) !== undefined)),
  })
}
let shape: ReturnType<typeof makeShape> | undefined

/** `extra` of a SettlementResponse if it is about a channel, otherwise undefined. */
export function decodeOutcome(extra: unknown): ChannelOutcome | undefined {
  shape ??= makeShape()
  const parsed = shape.safeParse(extra)
  return parsed.success ? (parsed.data as ChannelOutcome) : undefined
}
