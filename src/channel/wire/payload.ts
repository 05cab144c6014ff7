/** What a payer shows: payments, and what is about a channel alone. Read strictly and in one spelling; nothing is decided here. */
import { type BlockHash, blockHash, type Signature, signature } from '../../nano/index.ts'
import { type ChannelConfig, type ChannelId, readConfig } from '../config.ts'
import { type ChannelOutcome, decodeOutcome } from './outcome.ts'

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
      /** Of its deposit; with an issuer, the channel's id. */
      readonly blockHash: BlockHash
      /** Not older, nor newer, than five minutes. */
      readonly issuedAt: number
      readonly signature: Signature
    }

/** `payload` of a PaymentPayload. topup, authorize, close and state are answered with 204 and never reach the handler. */
export type ChannelPayload = OpenPayload | ShownProof | TopUpPayload | AuthorizePayload | ClosePayload | StatePayload

/** What the account that paid the deposit signs, as an off-chain message (NOMS), to be told how its channel stands. */
export const stateText = (blockHash: BlockHash, issuedAt: number): string => `x402-nano-state:${blockHash}:${issuedAt}`

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

/** What a payee said of a channel, with its receipt; undefined for everything else. */
export function decodeAcknowledged(value: unknown): Acknowledged | undefined {
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
