/**
 * Session ids: what was offered, sealed with a MAC instead of remembered, so that an unpaid request stores nothing. The
 * MAC covers the offer and everything it is bound to (method, target, network, realm, price inputs); the id itself
 * carries only what cannot be read from the request again.
 */
import { decodeBase64Url, encodeBase64Url } from '../x402/base64.ts'
import { encodeFields, encodeUtf8, equalInConstantTime, type Field } from './bytes.ts'

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
type KeyedMac = (message: Uint8Array) => Uint8Array

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
const text = new TextDecoder('utf-8', { fatal: true })

/**
 * @param keys - 32 bytes each. The first seals, all open.
 * @param mac - Such as keyed BLAKE2b-256.
 */
export function createSeal(keys: readonly Uint8Array[], mac: Mac): Seal {
  const macs = keys.map(mac)
  const [first] = macs
  if (!first) throw new TypeError('A seal needs a key.')
  const keyIds = macs.map((keyed) => keyed(encodeFields(['nano402 key id']))[0] ?? 0)

  const macOf = (keyed: KeyedMac, body: Uint8Array, bound: Uint8Array) =>
    keyed(encodeFields(['nano402 session 1', body, bound]))

  return {
    close(terms, binding) {
      const bound = encodeFields(binding)
      const id = encodeId(terms, keyIds[0] ?? 0, fnv1a(bound))
      const body = id.subarray(0, -MAC_LENGTH)
      id.set(macOf(first, body, bound), body.length)
      return encodeBase64Url(id)
    },

    peek(id) {
      const bytes = decodeBase64Url(id)
      if (!bytes || bytes.length < HEAD_LENGTH + MAC_LENGTH) return undefined
      const body = bytes.subarray(0, -MAC_LENGTH)
      const claimed = bytes.subarray(-MAC_LENGTH)
      const decoded = decodeBody(body)
      if (!decoded) return undefined
      return {
        inputs: decoded.terms.inputs,
        open(binding) {
          const bound = encodeFields(binding)
          const isOurs = macs.some(
            (keyed, i) => keyIds[i] === decoded.keyId && equalInConstantTime(macOf(keyed, body, bound), claimed),
          )
          if (isOurs) return decoded.terms
          return decoded.hint === fnv1a(bound) ? 'invalid_session' : 'resource_mismatch'
        },
      }
    },
  }
}

/** An id with room for its MAC at the end. */
function encodeId(terms: SealedTerms, keyId: number, hint: number): Uint8Array {
  const payTo = encodeUtf8(terms.payTo)
  const inputs = encodeUtf8(terms.inputs.join('\n'))
  const id = new Uint8Array(HEAD_LENGTH + payTo.length + inputs.length + MAC_LENGTH)
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
  id.set(payTo, HEAD_LENGTH)
  id.set(inputs, HEAD_LENGTH + payTo.length)
  return id
}

function decodeBody(body: Uint8Array): { terms: SealedTerms; keyId: number; hint: number } | undefined {
  const view = new DataView(body.buffer, body.byteOffset, body.length)
  const payToEnd = HEAD_LENGTH + view.getUint8(50)
  if (view.getUint8(0) !== VERSION || payToEnd > body.length) return undefined
  const hex = (at: number) => view.getBigUint64(at).toString(16).padStart(16, '0')
  try {
    const inputs = text.decode(body.subarray(payToEnd))
    const terms: SealedTerms = {
      id: hex(6) + hex(14),
      issuedAtMs: getUint48(view, 22),
      expiresAtMs: getUint48(view, 28),
      amount: (view.getBigUint64(34) << 64n) | view.getBigUint64(42),
      payTo: text.decode(body.subarray(HEAD_LENGTH, payToEnd)),
      inputs: inputs === '' ? [] : inputs.split('\n'),
    }
    return { terms, keyId: view.getUint8(1), hint: view.getUint32(2) }
  } catch {
    return undefined // not UTF-8
  }
}

function setUint48(view: DataView, at: number, value: number): void {
  view.setUint16(at, Math.floor(value / 2 ** 32))
  view.setUint32(at + 2, value % 2 ** 32)
}
const getUint48 = (view: DataView, at: number): number => view.getUint16(at) * 2 ** 32 + view.getUint32(at + 2)

/** FNV-1a: tells an honest client that it mixed up its sessions. It proves nothing; the MAC does. */
function fnv1a(bytes: Uint8Array): number {
  let hash = 0x811c9dc5
  for (const byte of bytes) hash = Math.imul(hash ^ byte, 0x01000193)
  return hash >>> 0
}
