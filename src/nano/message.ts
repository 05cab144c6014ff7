/** Nano off-chain messages (NOMS, ORIS-001): a text signed with an account's key that can never be a block. */
import { blake2b } from './blake2b.ts'
import { blockHash, bytesToHex, concatBytes, type PrivateKey, type PublicKey, type Signature } from './hex.ts'
import { signHash, verifyHash } from './keys.ts'

const HEADER = new TextEncoder().encode('\x18Nano Off-chain Message:\n')

/**
 * BLAKE2b-256 of the NOMS header, the text's byte length as big-endian uint32, and the text in UTF-8. 64 hex digits.
 *
 * @example
 * messageDigest('hello').length // 64
 */
export function messageDigest(text: string): string {
  const utf8 = new TextEncoder().encode(text)
  const length = new Uint8Array(4)
  new DataView(length.buffer).setUint32(0, utf8.length)
  return bytesToHex(blake2b(32, concatBytes(HEADER, length, utf8)))
}

/**
 * Signs a text as an account.
 *
 * @example
 * verifyMessage('hello', signMessage('hello', derivePrivateKey('0'.repeat(64), 0)), derivePublicKey(derivePrivateKey('0'.repeat(64), 0))) // true
 */
export const signMessage = (text: string, key: PrivateKey): Signature => signHash(messageDigest(text), key)

/**
 * Whether the holder of `key` signed this very text.
 *
 * @example
 * const key = derivePrivateKey('0'.repeat(64), 0)
 * const isTheirs = verifyMessage('hello', signMessage('hello', key), derivePublicKey(key)) // true
 */
export const verifyMessage = (text: string, signature: Signature, key: PublicKey): boolean =>
  verifyHash(messageDigest(text), signature, key)

/**
 * BLAKE2b-256 of a block's hash as text and a URL, which a payer of NanoSession revision 7 signs. 64 hex digits.
 *
 * No header keeps it apart from a block, but what it begins with does: 64 hex digits in ASCII. A state block begins with
 * zeros, and an older one with a block's hash, of which nobody finds one that is made of such digits.
 *
 * @param hash - 64 hex digits, in the spelling that is presented.
 * @throws {@link InvalidValueError} (`ERR_INVALID_VALUE`) for anything else: the argument above rests on it.
 */
export function receiptDigest(hash: string, url: string): string {
  blockHash(hash)
  return bytesToHex(blake2b(32, new TextEncoder().encode(hash + url)))
}
