/** Bytes and hex. Hex is upper case everywhere in this package, as a Nano node prints it; work alone is lower case. */
import { InvalidValueError } from '../errors.ts'
import type { Brand } from './brand.ts'

/** 64 upper-case hex digits: a block's BLAKE2b-256. */
export type BlockHash = Brand<string, 'BlockHash'>
/** 64 upper-case hex digits: an account's Ed25519-BLAKE2b public key. */
export type PublicKey = Brand<string, 'PublicKey'>
/** 64 upper-case hex digits that nobody else may see. */
export type PrivateKey = Brand<string, 'PrivateKey'>
/** 128 upper-case hex digits. */
export type Signature = Brand<string, 'Signature'>
/** 16 lower-case hex digits, as a Nano node prints work and difficulty. */
export type Work = Brand<string, 'Work'>

/** The hash that stands for "no block": the `previous` of an account's first block. */
export const ZERO_HASH = '0'.repeat(64) as BlockHash

const digits = (value: unknown, count: number, name: string): string => {
  if (typeof value !== 'string' || value.length !== count || !/^[0-9a-fA-F]+$/.test(value)) {
    throw new InvalidValueError(`Not a ${name}: expected ${count} hex digits.`)
  }
  return value
}

/**
 * Checks a block hash from outside and brings it to its one spelling: 64 upper-case hex digits.
 *
 * @throws {@link InvalidValueError} (`ERR_INVALID_VALUE`) for anything else; short hex is not padded.
 * @example
 * blockHash('2d243f8f92cdd0ad94a1d456a6b15f3be7a6fcbd98d4c5831d06d15c818cd81f').slice(0, 8) // '2D243F8F'
 */
export const blockHash = (value: unknown) => digits(value, 64, 'block hash').toUpperCase() as BlockHash

/**
 * Checks a public key from outside: 64 hex digits in any case.
 *
 * @throws {@link InvalidValueError} (`ERR_INVALID_VALUE`)
 * @example
 * publicKey('ab'.repeat(32)).slice(0, 4) // 'ABAB'
 */
export const publicKey = (value: unknown) => digits(value, 64, 'public key').toUpperCase() as PublicKey

/**
 * Checks a private key from outside: 64 hex digits in any case.
 *
 * @throws {@link InvalidValueError} (`ERR_INVALID_VALUE`)
 * @example
 * privateKey('ab'.repeat(32)).slice(0, 4) // 'ABAB'
 */
export const privateKey = (value: unknown) => digits(value, 64, 'private key').toUpperCase() as PrivateKey

/**
 * Checks a signature's form, not its truth: 128 hex digits.
 *
 * @throws {@link InvalidValueError} (`ERR_INVALID_VALUE`)
 * @example
 * signature('ab'.repeat(64)).slice(0, 4) // 'ABAB'
 */
export const signature = (value: unknown) => digits(value, 128, 'signature').toUpperCase() as Signature

/**
 * Checks the form of work or of a difficulty: 16 hex digits.
 *
 * @throws {@link InvalidValueError} (`ERR_INVALID_VALUE`)
 * @example
 * work('FFFFFFF800000000') // 'fffffff800000000'
 */
export const work = (value: unknown) => digits(value, 16, 'work value').toLowerCase() as Work

/** The value of a hex digit, given its character code: 0 is 48, A is 65, a is 97. */
const hexDigit = (code: number): number => (code < 58 ? code - 48 : (code & 31) + 9)

/** Reads hex of an even length. The caller has checked that it is hex. */
export function hexToBytes(hex: string): Uint8Array {
  const bytes = new Uint8Array(hex.length / 2)
  for (let i = 0; i < bytes.length; i++) {
    bytes[i] = (hexDigit(hex.charCodeAt(2 * i)) << 4) | hexDigit(hex.charCodeAt(2 * i + 1))
  }
  return bytes
}

const DIGITS = new TextEncoder().encode('0123456789ABCDEF')
const decoder = new TextDecoder()

/** Writes bytes as upper-case hex. In one piece: text that is added up stays in pieces until somebody reads it. */
export function bytesToHex(bytes: Uint8Array): string {
  const hex = new Uint8Array(2 * bytes.length)
  let at = 0
  for (const byte of bytes) {
    hex[at++] = DIGITS[byte >> 4] as number
    hex[at++] = DIGITS[byte & 15] as number
  }
  return decoder.decode(hex)
}

/** Joins byte strings. */
export function concatBytes(...parts: readonly Uint8Array[]): Uint8Array {
  const joined = new Uint8Array(parts.reduce((length, part) => length + part.length, 0))
  let at = 0
  for (const part of parts) {
    joined.set(part, at)
    at += part.length
  }
  return joined
}
