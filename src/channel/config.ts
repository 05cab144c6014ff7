/**
 * What a channel is: everything that payer and payee agree on when it opens. Its id is the hash of all of it, so that a
 * change of anything makes another channel, for which no proof of this one counts.
 */
import { encodeUtf8 } from '../core/bytes.ts'
import { blake2b } from '../nano/blake2b.ts'
import { bytesToHex, concatBytes } from '../nano/hex.ts'
import {
  addressToPublicKey,
  type BlockHash,
  MAX_RAW,
  type NanoAddress,
  nanoAddress,
  type PrivateKey,
  type Signature,
  signature,
  signMessage,
  verifyMessage,
} from '../nano/index.ts'
import * as z from '../zod.ts'
import { MAX_K } from './payword.ts'

/** 64 upper-case hex digits. */
export type ChannelId = string

interface Agreement {
  /** CAIP-2, such as `nano:mainnet`. */
  readonly network: string
  /** Who holds the deposit. There is no escrow on Nano: whoever holds its key holds it. */
  readonly custodian: 'payee' | 'issuer'
  /** The Ed25519 key that the issuer signs certificates with; only with `custodian: 'issuer'`. 64 upper-case hex digits. */
  readonly issuer?: string
  readonly payer: NanoAddress
  readonly payee: NanoAddress
  /** Where it is good, such as `https://api.example.com`. */
  readonly origin: string
  /** SHA-256 of the key of every MAC. 64 upper-case hex digits. */
  readonly macKeyHash: string
  /** Where what is left over goes. */
  readonly refundTo: NanoAddress
  /** No payment is taken from this instant on (Unix time in seconds). */
  readonly expiresAt: number
  /** For how many seconds after that, or after a close, payments that were begun may still end. */
  readonly closeGrace: number
  /** Random, 32 upper-case hex digits. */
  readonly salt: string
  /** From the offer. */
  readonly nonce: string
}

/** A channel that is paid with tokens: steps of a chain of hashes. */
export interface PayWordConfig extends Agreement {
  readonly mode: 'payword-sha256'
  /** What a token is worth, in raw. */
  readonly unit: string
  /** Token 0. 64 upper-case hex digits. */
  readonly root: string
  readonly maxK: number
}

/** A channel that is paid with sums that grow, signed by a key of its own. */
export interface VoucherConfig extends Agreement {
  readonly mode: 'voucher-ed25519'
  /** The key that vouchers are signed with. 64 upper-case hex digits. */
  readonly sessionKey: string
}

/** What payer and payee of a channel agree on. The hash of all of it is the channel's id. */
export type ChannelConfig = PayWordConfig | VoucherConfig

/** Made when the first config is read: an import should cost little. */
function makeShape() {
  const hex32 = z.string().check(z.regex(/^[0-9A-F]{64}$/))
  const seconds = z.int().check(z.gte(0))
  const account = z.custom<NanoAddress>((value) => {
    try {
      return nanoAddress(value) === value
    } catch {
      return false
    }
  })
  const agreement = {
    network: z.string().check(z.regex(/^nano:[a-z]{1,32}$/)),
    custodian: z.enum(['payee', 'issuer']),
    issuer: z.optional(hex32),
    payer: account,
    payee: account,
    origin: z.string().check(z.regex(/^[\x21-\x7e]{1,300}$/)),
    macKeyHash: hex32,
    refundTo: account,
    expiresAt: seconds,
    closeGrace: seconds,
    salt: z.string().check(z.regex(/^[0-9A-F]{32}$/)),
    nonce: z.string().check(z.regex(/^[\x21-\x7e]{1,600}$/)),
  }
  return z.union([
    z.strictObject({
      ...agreement,
      mode: z.literal('payword-sha256'),
      unit: z.string().check(z.regex(/^[1-9][0-9]{0,38}$/)),
      root: hex32,
      maxK: z.int().check(z.gte(1), z.lte(MAX_K)),
    }),
    z.strictObject({ ...agreement, mode: z.literal('voucher-ed25519'), sessionKey: hex32 }),
  ])
}
let shape: ReturnType<typeof makeShape> | undefined

const MAX_CONFIG_LENGTH = 2_048

/** A stranger's config if it is one, and in the one spelling of each of its values; otherwise undefined. */
export function readConfig(value: unknown): ChannelConfig | undefined {
  shape ??= makeShape()
  const parsed = shape.safeParse(value)
  if (!parsed.success) return undefined
  const config = parsed.data as ChannelConfig
  if ((config.custodian === 'issuer') !== (config.issuer !== undefined)) return undefined
  if (config.mode === 'payword-sha256' && BigInt(config.unit) * BigInt(config.maxK) > MAX_RAW) return undefined
  return canonicalJson(config).length <= MAX_CONFIG_LENGTH ? config : undefined
}

/** Keys in order and nothing between: what RFC 8785 makes of flat text and integers. ASCII only. */
const canonicalJson = (config: ChannelConfig): string =>
  JSON.stringify(Object.fromEntries(Object.entries(config).sort(([a], [b]) => (a < b ? -1 : 1))))

const ID_LABEL = encodeUtf8('x402-nano-channel-v1')

/** BLAKE2b-256 over `x402-nano-channel-v1` and the config as canonical JSON. */
export const channelId = (config: ChannelConfig): ChannelId =>
  bytesToHex(blake2b(32, concatBytes(ID_LABEL, encodeUtf8(canonicalJson(config)))))

const openingText = (config: ChannelConfig, deposit: BlockHash) =>
  `x402-nano-open:${channelId(config)}:${deposit}:${config.nonce}`

/** Signs, as the payer, that this deposit opens this channel: a Nano off-chain message, and the only one of a channel. */
export const authorizeOpening = (config: ChannelConfig, deposit: BlockHash, key: PrivateKey): Signature =>
  signMessage(openingText(config, deposit), key)

/** Whether the payer of the config signed that this deposit opens it. */
export function isOpeningAuthorized(config: ChannelConfig, deposit: BlockHash, authorization: unknown): boolean {
  try {
    return verifyMessage(openingText(config, deposit), signature(authorization), addressToPublicKey(config.payer))
  } catch {
    return false // not the form of a signature
  }
}
