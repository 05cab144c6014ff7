/** Account addresses: `nano_` and 60 characters of Nano's base32, of which 8 are a checksum. */
import { InvalidValueError } from '../errors.ts'
import { blake2b } from './blake2b.ts'
import type { Brand } from './brand.ts'
import { bytesToHex, hexToBytes, type PublicKey } from './hex.ts'

/** An account as text, in its one spelling: `nano_` and 60 characters, checksum proven. */
export type NanoAddress = Brand<string, 'NanoAddress'>

const ALPHABET = '13456789abcdefghijkmnopqrstuwxyz'
const KEY_CHARACTERS = 52

function encodeBase32(value: bigint, characters: number): string {
  let text = ''
  for (let rest = value; text.length < characters; rest >>= 5n) text = ALPHABET.charAt(Number(rest & 31n)) + text
  return text
}

function decodeBase32(text: string): bigint {
  let value = 0n
  for (const character of text) value = (value << 5n) | BigInt(ALPHABET.indexOf(character))
  return value
}

const checksum = (key: Uint8Array): string => encodeBase32(BigInt(`0x${bytesToHex(blake2b(5, key).reverse())}`), 8)

/**
 * Checks an account from outside, checksum included, and brings it to its one spelling.
 *
 * @param value - `nano_...` or the older `xrb_...`, lower case.
 * @returns The same account with the prefix `nano_`.
 * @throws {@link InvalidValueError} (`ERR_INVALID_VALUE`)
 * @example
 * nanoAddress('xrb_3e3j5tkog48pnny9dmfzj1r16pg8t1e76dz5tmac6iq689wyjfpiij4txtdo').slice(0, 8) // 'nano_3e3'
 */
export function nanoAddress(value: unknown): NanoAddress {
  const match = typeof value === 'string' ? /^(?:nano|xrb)_([13][13456789a-km-uw-z]{59})$/.exec(value) : null
  const body = match?.[1]
  if (!body) throw new InvalidValueError('Not a Nano account: expected nano_ and 60 characters.')
  const key = keyOf(body)
  if (checksum(key) !== body.slice(KEY_CHARACTERS)) {
    throw new InvalidValueError('Not a Nano account: its checksum does not fit. Was a character mistyped?')
  }
  return `nano_${body}` as NanoAddress
}

const keyOf = (body: string) =>
  hexToBytes(decodeBase32(body.slice(0, KEY_CHARACTERS)).toString(16).padStart(64, '0').toUpperCase())

/**
 * The public key that an account's address spells. Compare keys, never address texts.
 *
 * @example
 * addressToPublicKey(nanoAddress('nano_1111111111111111111111111111111111111111111111111111hifc8npp')) // '0' 64 times
 */
export const addressToPublicKey = (address: NanoAddress): PublicKey =>
  bytesToHex(keyOf(address.slice('nano_'.length))) as PublicKey

/** The address of a public key, `nano_...`. */
export function publicKeyToAddress(key: PublicKey): NanoAddress {
  const bytes = hexToBytes(key)
  return `nano_${encodeBase32(BigInt(`0x${key}`), KEY_CHARACTERS)}${checksum(bytes)}` as NanoAddress
}
