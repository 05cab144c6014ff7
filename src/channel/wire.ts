/**
 * What payer and payee of a channel say to each other, as data: the offer in a 402, the payloads of payments, and what
 * comes back. Whatever a stranger sends is read here, strictly and in one spelling; nothing is decided here. Amounts are
 * decimal text in raw, bytes are upper-case hex, times are Unix time in seconds.
 */
import { encodeFields, encodeUtf8 } from '../core/bytes.ts'
import { bytesToHex } from '../nano/hex.ts'
import { type BlockHash, blockHash, type NanoAddress, nanoAddress, type Signature, signature } from '../nano/index.ts'
import * as z from '../zod.ts'
import { type ChannelConfig, type ChannelId, readConfig } from './config.ts'
import { sha256 } from './sha256.ts'

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

/** `channelId` in all of them: 64 hex digits. `mac`: 64 hex digits, HMAC-SHA256 with the channel's key; see binding.ts. */
export type ShownProof =
  | {
      readonly type: 'token'
      readonly channelId: ChannelId
      readonly k: number
      /** 64 hex digits. */
      readonly token: string
      readonly mac: string
      /** The client does without a signed receipt, which costs the server as much as all the rest. */
      readonly receipt?: false
    }
  | {
      readonly type: 'voucher'
      readonly channelId: ChannelId
      readonly cumulative: bigint
      /** 128 hex digits, Ed25519 of the config's session key over what the MAC is over. */
      readonly signature: string
      readonly mac: string
      readonly receipt?: false
    }

/**
 * Opens a channel, and pays the request that it comes with if there is a `proof`. Not named: the deposit of
 * `custodian: 'payee'`, and the certificate of `custodian: 'issuer'`, one of the two.
 */
export interface OpenPayload {
  readonly type: 'open'
  readonly config: ChannelConfig
  /** 64 hex digits: the key of every MAC. It is said once, here. */
  readonly macKey: string
  readonly blockHash?: BlockHash
  /** The payer's account signed for this: `authorizeOpening` of config.ts. 128 hex digits. */
  readonly authorization?: Signature
  readonly certificate?: Readonly<Record<string, unknown>>
  readonly proof?: ShownProof
  /** Shown to a payee that has lost its store: the latest that it said of this channel, with its receipt. */
  readonly acknowledged?: Acknowledged
}

/** `requestHash`: 64 hex digits, where the receipt is about a payment. */
export type Acknowledged = Pick<ChannelOutcome, 'commitmentId' | 'chargedAmount' | 'channelState' | 'receipt'> & {
  readonly requestHash?: string
}

/** Adds a further deposit with the channel's tag, sent by the channel's payer. The MAC is over `topUpBytes`. */
export interface TopUpPayload {
  readonly type: 'topup'
  readonly channelId: ChannelId
  readonly blockHash: BlockHash
  readonly mac: string
}

/** Authorises more for a stream that is under way, and buys nothing by itself. */
export interface AuthorizePayload {
  readonly type: 'authorize'
  readonly proof: ShownProof
}

/** Ends the channel and asks for the refund. The MAC is over `closeBytes`. */
export interface ClosePayload {
  readonly type: 'close'
  readonly channelId: ChannelId
  readonly mac: string
}

/**
 * Asks how a channel stands, usually with HEAD: with the channel's key (the MAC is over `stateBytes`), or, who has nothing
 * but the account that paid the deposit, with its signature of `stateText`. Changes nothing.
 */
export type StatePayload =
  | { readonly type: 'state'; readonly channelId: ChannelId; readonly mac: string }
  | {
      readonly type: 'state'
      readonly blockHash: BlockHash
      /** Not older, nor newer, than five minutes. */
      readonly issuedAt: number
      readonly signature: Signature
    }

/** `payload` of a PaymentPayload. topup, authorize, close and state are answered with 204 and never reach the handler. */
export type ChannelPayload = OpenPayload | ShownProof | TopUpPayload | AuthorizePayload | ClosePayload | StatePayload

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
  `${channelId}:${bytesToHex(sha256(encodeUtf8(paymentId)))}`

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

/** What the account that paid the deposit signs, as an off-chain message (NOMS), to be told how its channel stands. */
export const stateText = (blockHash: BlockHash, issuedAt: number): string => `x402-nano-state:${blockHash}:${issuedAt}`

const TAG_MODULUS = 10n ** 20n

/**
 * The tag of every deposit into a channel, first or later, in raw: it follows from the offer's nonce. A deposit is a
 * multiple of 10^20 from `minDeposit` to `maxDeposit`, and this.
 */
export function depositTag(nonce: string): bigint {
  const digest = sha256(encodeFields(['nano402-channel-tag', nonce]))
  return BigInt(`0x${bytesToHex(digest.subarray(0, 16))}`) % TAG_MODULUS
}

const isText = (form: RegExp, length: number) => (value: unknown) =>
  typeof value === 'string' && value.length <= length && form.test(value)
const isHex32 = isText(/^[0-9A-F]{64}$/, 64) as (value: unknown) => value is string
const isHex64 = isText(/^[0-9A-F]{128}$/, 128) as (value: unknown) => value is string
const isAmount = isText(/^(0|[1-9][0-9]{0,38})$/, 39) as (value: unknown) => value is string
const isTime = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0

type Fields = Readonly<Record<string, unknown>>
const isFields = (value: unknown): value is Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
/** Whether there are these keys, any of `optional`, and no other. */
const hasKeys = (fields: Fields, keys: readonly string[], optional: readonly string[] = []): boolean =>
  keys.every((key) => key in fields) && Object.keys(fields).every((key) => keys.includes(key) || optional.includes(key))

const TOKEN_KEYS = ['type', 'channelId', 'k', 'token', 'mac']
const VOUCHER_KEYS = ['type', 'channelId', 'cumulative', 'signature', 'mac']
const RECEIPT = ['receipt']

/** A token or voucher in its one spelling; undefined for everything else. Tokens are 32 bytes, no more, no less. */
export function decodeProof(value: unknown): ShownProof | undefined {
  if (!isFields(value)) return undefined
  const { type, channelId, k, token, mac, cumulative, receipt } = value
  if (!isHex32(channelId) || !isHex32(mac) || (receipt !== undefined && receipt !== false)) return undefined
  const more = receipt === false ? ({ receipt } as const) : undefined
  if (type === 'token') {
    if (!hasKeys(value, TOKEN_KEYS, RECEIPT) || !Number.isSafeInteger(k) || !isHex32(token)) return undefined
    return { type, channelId, k: k as number, token, mac, ...more }
  }
  if (type !== 'voucher' || !hasKeys(value, VOUCHER_KEYS, RECEIPT)) return undefined
  if (!isAmount(cumulative) || !isHex64(value.signature)) return undefined
  return { type, channelId, cumulative: BigInt(cumulative), signature: value.signature, mac, ...more }
}

function decodeOpen(fields: Fields): OpenPayload | undefined {
  const { macKey, authorization, certificate } = fields
  const config = readConfig(fields.config)
  const isDeposit = hasKeys(
    fields,
    ['type', 'config', 'macKey', 'blockHash', 'authorization'],
    ['proof', 'acknowledged'],
  )
  const isCertified = hasKeys(fields, ['type', 'config', 'macKey', 'certificate'], ['proof'])
  if (config === undefined || !isHex32(macKey) || isCertified !== (config.custodian === 'issuer')) return undefined
  const proof = 'proof' in fields ? decodeProof(fields.proof) : undefined
  if ('proof' in fields && proof === undefined) return undefined
  const acknowledged = 'acknowledged' in fields ? decodeAcknowledged(fields.acknowledged) : undefined
  if ('acknowledged' in fields && acknowledged === undefined) return undefined
  const rest = { ...(proof && { proof }), ...(acknowledged && { acknowledged }) }
  if (isCertified) return isFields(certificate) ? { type: 'open', config, macKey, certificate, ...rest } : undefined
  if (!isDeposit || !isHex32(fields.blockHash) || !isHex64(authorization)) return undefined
  const evidence = { blockHash: blockHash(fields.blockHash), authorization: signature(authorization) }
  return { type: 'open', config, macKey, ...evidence, ...rest }
}

function decodeAcknowledged(value: unknown): Acknowledged | undefined {
  const outcome = decodeOutcome(value)
  const hash = isFields(value) ? value.requestHash : undefined
  if (outcome?.receipt === undefined || !(hash === undefined || isHex32(hash))) return undefined
  const { commitmentId, chargedAmount, channelState, receipt } = outcome
  const about = { ...(commitmentId && { commitmentId }), ...(chargedAmount && { chargedAmount }) }
  return { ...about, channelState, receipt, ...(hash !== undefined && { requestHash: hash }) }
}

function decodeState(fields: Fields): StatePayload | undefined {
  const { channelId, mac, issuedAt } = fields
  if (hasKeys(fields, ['type', 'channelId', 'mac'])) {
    return isHex32(channelId) && isHex32(mac) ? { type: 'state', channelId, mac } : undefined
  }
  if (!hasKeys(fields, ['type', 'blockHash', 'issuedAt', 'signature'])) return undefined
  if (!isHex32(fields.blockHash) || !isTime(issuedAt) || !isHex64(fields.signature)) return undefined
  return { type: 'state', blockHash: blockHash(fields.blockHash), issuedAt, signature: signature(fields.signature) }
}

/** The `payload` of a payment, in its one spelling; undefined for everything that has not exactly its form. */
export function decodePayload(fields: Fields): ChannelPayload | undefined {
  const { type, channelId, mac } = fields
  switch (type) {
    case 'token':
    case 'voucher':
      return decodeProof(fields)
    case 'open':
      return decodeOpen(fields)
    case 'state':
      return decodeState(fields)
    case 'authorize': {
      const proof = hasKeys(fields, ['type', 'proof']) ? decodeProof(fields.proof) : undefined
      return proof && { type, proof }
    }
    case 'close':
      if (!hasKeys(fields, ['type', 'channelId', 'mac']) || !isHex32(channelId) || !isHex32(mac)) return undefined
      return { type, channelId, mac }
    case 'topup':
      if (!hasKeys(fields, ['type', 'channelId', 'blockHash', 'mac'])) return undefined
      if (!isHex32(channelId) || !isHex32(fields.blockHash) || !isHex32(mac)) return undefined
      return { type, channelId, blockHash: blockHash(fields.blockHash), mac }
    default:
      return undefined
  }
}

const encodeProof = (proof: ShownProof): Fields =>
  proof.type === 'token' ? { ...proof } : { ...proof, cumulative: String(proof.cumulative) }

/** A payload as it stands in JSON: {@link decodePayload} reads it again. */
export function encodePayload(payload: ChannelPayload): Fields {
  if (payload.type === 'token' || payload.type === 'voucher') return encodeProof(payload)
  const proof = 'proof' in payload && payload.proof ? { proof: encodeProof(payload.proof) } : undefined
  return { ...payload, ...proof }
}

/** Made when the first offer is read: an import should cost little. */
function makeShapes() {
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
  const account = z.custom<NanoAddress>((value) => {
    try {
      return nanoAddress(value) === value
    } catch {
      return false
    }
  })
  const offer = z.object({
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
  const outcome = z.object({
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
  return { offer, outcome }
}
let made: ReturnType<typeof makeShapes> | undefined
const shapes = () => {
  made ??= makeShapes()
  return made
}

/** `extra` of an offer if it is one of this binding, otherwise undefined. Keys that nobody knows are left out. */
export function decodeOffer(extra: unknown): ChannelOffer | undefined {
  const parsed = shapes().offer.safeParse(extra)
  if (!parsed.success) return undefined
  const offer = parsed.data as ChannelOffer
  const fits = offer.custodian === 'issuer' ? offer.issuer !== undefined : offer.deposit !== undefined
  return fits ? offer : undefined
}

/** `extra` of a SettlementResponse if it is about a channel, otherwise undefined. */
export function decodeOutcome(extra: unknown): ChannelOutcome | undefined {
  const parsed = shapes().outcome.safeParse(extra)
  return parsed.success ? (parsed.data as ChannelOutcome) : undefined
}
