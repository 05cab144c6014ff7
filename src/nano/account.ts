/** Account addresses: `nano_` and 60 characters of Nano's base32, of which 8 are a checksum. */
import { InvalidValueError } from '../errors.ts'
import { blake2b } from './blake2b.ts'
import type { Brand } from './brand.ts'
import { bytesToHex, hexToBytes, type PublicKey } from './hex.ts'

/** An account as text, in its one spelling: `nano_` and 60 characters, checksum proven. */
export type NanoAddress = Brand<string, 'NanoAddress'>

const ALPHABET = '13456789abcdefghijkmnopqrstuwxyz'
const KEY_CHARACTERS = 52

const VALUES = new Uint8Array(128)
for (let i = 0; i < ALPHABET.length; i++) VALUES[ALPHABET.charCodeAt(i)] = i

/** Five bits to a character. `padBits` zero bits come first, so that the bits of a key, 256, fill whole characters. */
function encodeBase32(bytes: Uint8Array, padBits: 0 | 4): string {
  let text = ''
  let buffer = 0
  let bits: number = padBits
  for (const byte of bytes) {
    buffer = (buffer << 8) | byte
    for (bits += 8; bits >= 5; bits -= 5) text += ALPHABET.charAt((buffer >> (bits - 5)) & 31)
  }
  return text
}

/** The 32 bytes in the first 52 characters, without the four zero bits in front. */
function decodeKey(body: string): Uint8Array {
  const key = new Uint8Array(32)
  let buffer = 0
  let bits = -4
  let at = 0
  for (let i = 0; i < KEY_CHARACTERS; i++) {
    buffer = (buffer << 5) | (VALUES[body.charCodeAt(i)] ?? 0)
    bits += 5
    if (bits < 8) continue
    bits -= 8
    key[at++] = buffer >> bits
  }
  return key
}

const checksum = (key: Uint8Array): string => encodeBase32(blake2b(5, key).reverse(), 0)

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
  if (checksum(decodeKey(body)) !== body.slice(KEY_CHARACTERS)) {
    throw new InvalidValueError('Not a Nano account: its checksum does not fit. Was a character mistyped?')
  }
  return `nano_${body}` as NanoAddress
}

/** The public key that an account's address spells, as bytes. */
export const addressToBytes = (address: NanoAddress): Uint8Array => decodeKey(address.slice('nano_'.length))

/**
 * The public key that an account's address spells. Compare keys, never address texts.
 *
 * @example
 * addressToPublicKey(nanoAddress('nano_1111111111111111111111111111111111111111111111111111hifc8npp')) // '0'.repeat(64)
 */
export const addressToPublicKey = (address: NanoAddress): PublicKey => bytesToHex(addressToBytes(address)) as PublicKey

/**
 * The address of a public key, `nano_...`.
 *
 * @example
 * publicKeyToAddress(publicKey('0'.repeat(64))) // 'nano_1111111111111111111111111111111111111111111111111111hifc8npp'
 */
export function publicKeyToAddress(key: PublicKey): NanoAddress {
  const bytes = hexToBytes(key)
  return `nano_${encodeBase32(bytes, 4)}${checksum(bytes)}` as NanoAddress
}
