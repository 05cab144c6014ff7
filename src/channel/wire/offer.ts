/** The offer of a channel in a 402, read strictly. */
import { encodeFields } from '../../core/bytes.ts'
import { bytesToHex } from '../../nano/hex.ts'
import { type NanoAddress, nanoAddress } from '../../nano/index.ts'
import * as z from '../../zod.ts'
import { sha256 } from '../sha256.ts'
import { type ChannelState, type LastProof, makeParts, type Receipt } from './outcome.ts'

export const CHANNEL_SCHEME = 'batch-settlement'
export const CHANNEL_BINDING = 'nano-channel-v1'

export const CHANNEL_MODES = ['payword-sha256', 'voucher-ed25519'] as const
export type ChannelMode = (typeof CHANNEL_MODES)[number]

/** `extra` of an entry of `accepts`. Its `amount` is the most that the request can cost, its `payTo` the payee. */
export interface ChannelOffer {
  readonly binding: typeof CHANNEL_BINDING
  /** Who holds the deposit. There is no escrow on Nano: whoever holds its key holds it. */
  readonly custodian: 'payee' | 'issuer'
  /** Only with `custodian: 'issuer'`. */
  readonly issuer?: { readonly url: string; readonly publicKey: string }
  readonly modes: readonly ChannelMode[]
  /** What a token is worth; a voucher may be for any sum. */
  readonly unit: string
  /** The least, the usual and the most that a deposit or top-up may be, tag aside. Multiples of 10^20. */
  readonly minDeposit: string
  readonly suggestedDeposit: string
  readonly maxDeposit: string
  /** How far a token may be from the best one, in either direction. */
  readonly maxStep: number
  /** The longest chain. */
  readonly maxK: number
  readonly ttlSeconds: number
  /** The latest `expiresAt` of a channel that is opened on this offer. */
  readonly expiresAt: number
  readonly closeGraceSeconds: number
  /** Goes into the config. Sealed: it says that all of this was offered here. */
  readonly nonce: string
  /** Ed25519: receipts are signed with it. 64 hex digits. */
  readonly receiptKey: string
  /** Only with `custodian: 'payee'`. `exactAmount` is `suggestedDeposit` with the tag: see {@link depositTag}. */
  readonly deposit?: { readonly account: NanoAddress; readonly exactAmount: string }
  /** In a corrective 402: how the channel stands, said only to who showed its key. */
  readonly channelState?: ChannelState
  readonly lastProof?: LastProof
  readonly receipt?: Receipt
}

const TAG_MODULUS = 10n ** 20n

/**
 * The tag of every deposit into a channel, first or later, in raw: it follows from the offer's nonce. A deposit is a
 * multiple of 10^20 from `minDeposit` to `maxDeposit`, and this.
 */
export function depositTag(nonce: string): bigint {
  const digest = sha256(encodeFields(['nano402-channel-tag', nonce]))
  return BigInt(`0x${bytesToHex(digest.subarray(0, 16))}`) % TAG_MODULUS
}

/** Made when the first offer is read: an import should cost little. */
function makeShape() {
  const { hex32, amount, seconds, receipt, state, lastProof } = makeParts()
  const account = z.custom<NanoAddress>((value) => {
    try {
      return nanoAddress(value) === value
    } catch {
      return false
    }
  })
  return z.object({
    binding: z.literal(CHANNEL_BINDING),
    custodian: z.enum(['payee', 'issuer']),
    issuer: z.optional(z.object({ url: z.string(), publicKey: hex32 })),
    modes: z.array(z.enum(CHANNEL_MODES)).check(z.minLength(1)),
    unit: amount,
    minDeposit: amount,
    suggestedDeposit: amount,
    maxDeposit: amount,
    maxStep: seconds,
    maxK: seconds,
    ttlSeconds: seconds,
    expiresAt: seconds,
    closeGraceSeconds: seconds,
    nonce: z.string().check(z.regex(/^[\x21-\x7e]{1,600}$/)),
    receiptKey: hex32,
    deposit: z.optional(z.object({ account, exactAmount: amount })),
    channelState: z.optional(state),
    lastProof: z.optional(lastProof),
    receipt: z.optional(receipt),
  })
}
let shape: ReturnType<typeof makeShape> | undefined

/** `extra` of an offer if it is one of this binding, otherwise undefined. Keys that nobody knows are left out. */
export function decodeOffer(extra: unknown): ChannelOffer | undefined {
  shape ??= makeShape()
  const parsed = shape.safeParse(extra)
  if (!parsed.success) return undefined
  const offer = parsed.data as ChannelOffer
  const fits = offer.custodian === 'issuer' ? offer.issuer !== undefined : offer.deposit !== undefined
  return fits ? offer : undefined
}
