/**
 * Session ids: what was offered, sealed with a MAC instead of remembered, so that an unpaid request stores nothing. The
 * MAC covers the offer and everything it is bound to (method, target, network, realm, price inputs); the id itself
 * carries only what cannot be read from the request again.
 */
import { LRUCache } from '#lru-cache'
import { decodeBase64Url, encodeBase64Url } from '../x402/base64.ts'
import { encodeFields, encodeUtf8, equalInConstantTime, type Field, fnv1a } from './bytes.ts'

/** What an id carries. */
export interface SealedTerms {
  /** 32 hex digits, drawn at random; names the session in the store. */
  readonly id: string
  readonly issuedAtMs: number
  readonly expiresAtMs: number
  /** Everything that is to be sent, tag included, in raw. */
  readonly amount: bigint
  readonly payTo: string
  /** Names of the request's parts that the price read, such as `header:x-plan`. */
  readonly inputs: readonly string[]
}

/** A keyed hash of 32 bytes: what a key costs, it costs once. */
export type Mac = (key: Uint8Array) => KeyedMac
export type KeyedMac = (message: Uint8Array) => Uint8Array

/** Why an id is not ours; `resource_mismatch` when it seems to be made for another request. */
export type FalseSeal = 'invalid_session' | 'resource_mismatch'

export interface Seal {
  /** Makes the id for these terms, bound to these fields. */
  close(terms: SealedTerms, binding: readonly Field[]): string
  /** Reads an id without believing it; undefined when it has not even the form. */
  peek(id: string): UnprovenSeal | undefined
}

export interface UnprovenSeal {
  /** The names that the fields to {@link UnprovenSeal.open} have to be read by. Not proven yet. */
  readonly inputs: readonly string[]
  /** The terms, if the MAC over them and the fields is ours. */
  open(binding: readonly Field[]): SealedTerms | FalseSeal
}

const VERSION = 1
const MAC_LENGTH = 32
/** version, key id, hint, random, issued, expires, amount, length of payTo */
const HEAD_LENGTH = 1 + 1 + 4 + 16 + 6 + 6 + 16 + 1
const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** One key, and the keys that it gives to accounts. */
interface SealKey {
  /** What an id says of the key that sealed it. */
  readonly id: number
  /** The MAC for sessions that pay this account. With the account in its key, most messages are one block of the hash. */
  macFor(payTo: string): KeyedMac
  /** Keeps that MAC for the next time. */
  remember(payTo: string, keyed: KeyedMac): void
}

const MAX_ACCOUNTS = 1_000

function sealKey(key: Uint8Array, mac: Mac): SealKey {
  const root = mac(key)
  const known = new LRUCache<string, KeyedMac>({ max: MAX_ACCOUNTS })
  return {
    id: root(encodeFields(['nano402 key id']))[0] ?? 0,
    macFor: (payTo) => known.get(payTo) ?? mac(root(encodeFields(['nano402 session 1', payTo]))),
    remember: (payTo, keyed) => void (known.has(payTo) || known.set(payTo, keyed)),
  }
}

/**
 * @param keys - 32 bytes each. The first seals, all open.
 * @param mac - Such as keyed BLAKE2b-256.
 */
export function createSeal(keys: readonly Uint8Array[], mac: Mac): Seal {
  const sealKeys = keys.map((key) => sealKey(key, mac))
  const [first] = sealKeys
  if (!first) throw new TypeError('A seal needs a key.')

  return {
    close(terms, binding) {
      const { payTo } = terms
      const bound = encodeFields(binding)
      const { id, body } = encodeId(terms, first.id, fnv1a(bound))
      const keyed = first.macFor(payTo)
      first.remember(payTo, keyed)
      id.set(keyed(encodeFields([body, bound])), id.length - MAC_LENGTH)
      return encodeBase64Url(id)
    },

    peek(id) {
      const bytes = decodeBase64Url(id)
      if (!bytes || bytes.length < HEAD_LENGTH + MAC_LENGTH) return undefined
      const claimed = bytes.subarray(-MAC_LENGTH)
      const decoded = decodeId(bytes.subarray(0, -MAC_LENGTH))
      if (!decoded) return undefined
      const { terms, body, keyId, hint } = decoded
      return {
        inputs: terms.inputs,
        open(binding) {
          const bound = encodeFields(binding)
          const message = encodeFields([body, bound])
          for (const key of sealKeys) {
            if (key.id !== keyId) continue
            const keyed = key.macFor(terms.payTo)
            if (!equalInConstantTime(keyed(message), claimed)) continue
            key.remember(terms.payTo, keyed) // not before: a stranger could push out the accounts that are ours
            return terms
          }
          return hint === fnv1a(bound) ? 'invalid_session' : 'resource_mismatch'
        },
      }
    },
  }
}

/** An id with room for its MAC at the end, and its body: what comes before the account. */
function encodeId(terms: SealedTerms, keyId: number, hint: number): { id: Uint8Array; body: Uint8Array } {
  const payTo = encodeUtf8(terms.payTo)
  const inputs = encodeUtf8(terms.inputs.join('\n'))
  const bodyLength = HEAD_LENGTH + inputs.length
  const id = new Uint8Array(bodyLength + payTo.length + MAC_LENGTH)
  const view = new DataView(id.buffer)
  view.setUint8(0, VERSION)
  view.setUint8(1, keyId)
  view.setUint32(2, hint)
  view.setBigUint64(6, BigInt(`0x${terms.id.slice(0, 16)}`))
  view.setBigUint64(14, BigInt(`0x${terms.id.slice(16)}`))
  setUint48(view, 22, terms.issuedAtMs)
  setUint48(view, 28, terms.expiresAtMs)
  view.setBigUint64(34, terms.amount >> 64n)
  view.setBigUint64(42, terms.amount & 0xffffffffffffffffn)
  view.setUint8(50, payTo.length)
  id.set(inputs, HEAD_LENGTH)
  id.set(payTo, bodyLength)
  return { id, body: id.subarray(0, bodyLength) }
}

/** Reads an id without its MAC. */
function decodeId(
  bytes: Uint8Array,
): { terms: SealedTerms; body: Uint8Array; keyId: number; hint: number } | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  const bodyLength = bytes.length - view.getUint8(50)
  if (view.getUint8(0) !== VERSION || bodyLength < HEAD_LENGTH) return undefined
  const hex = (at: number) => view.getBigUint64(at).toString(16).padStart(16, '0')
  try {
    const inputs = text.decode(bytes.subarray(HEAD_LENGTH, bodyLength))
    const terms: SealedTerms = {
      id: hex(6) + hex(14),
      issuedAtMs: getUint48(view, 22),
      expiresAtMs: getUint48(view, 28),
      amount: (view.getBigUint64(34) << 64n) | view.getBigUint64(42),
      payTo: text.decode(bytes.subarray(bodyLength)),
      inputs: inputs === '' ? [] : inputs.split('\n'),
    }
    return { terms, body: bytes.subarray(0, bodyLength), keyId: view.getUint8(1), hint: view.getUint32(2) }
  } catch {
    return undefined // not UTF-8
  }
}

function setUint48(view: DataView, at: number, value: number): void {
  view.setUint16(at, Math.floor(value / 2 ** 32))
  view.setUint32(at + 2, value % 2 ** 32)
}
const getUint48 = (view: DataView, at: number): number => view.getUint16(at) * 2 ** 32 + view.getUint32(at + 2)
