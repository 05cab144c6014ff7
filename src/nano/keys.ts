/** Keys: from a seed and an index, and the signing of 32-byte hashes. The only door to the curve for the rest of the package. */
import { InvalidValueError } from '../errors.ts'
import { blake2b } from './blake2b.ts'
import { createSigner, verifyBytes } from './ed25519.ts'
import {
  bytesToHex,
  concatBytes,
  hexToBytes,
  type PrivateKey,
  type PublicKey,
  privateKey,
  type Signature,
} from './hex.ts'

/**
 * Derives an account's private key from a Nano seed: BLAKE2b-256(seed || index as big-endian uint32).
 *
 * @param seed - 64 hex digits.
 * @param index - The account's number, 0 to 2^32 - 1.
 * @throws {@link InvalidValueError} (`ERR_INVALID_VALUE`) The seed is never part of the message.
 * @example
 * derivePrivateKey('0'.repeat(64), 0).slice(0, 8) // '9F0E444C'
 */
export function derivePrivateKey(seed: string, index: number): PrivateKey {
  if (typeof seed !== 'string' || !/^[0-9a-fA-F]{64}$/.test(seed)) {
    throw new InvalidValueError(
      'Not a Nano seed: expected 64 hex digits. A recovery phrase is read by nano402/nano/phrase.',
    )
  }
  if (!Number.isInteger(index) || index < 0 || index > 0xffffffff) {
    throw new InvalidValueError('Not an account index: expected an integer from 0 to 2^32 - 1.')
  }
  const indexBytes = new Uint8Array(4)
  new DataView(indexBytes.buffer).setUint32(0, index)
  return privateKey(bytesToHex(blake2b(32, concatBytes(hexToBytes(seed), indexBytes))))
}

/**
 * The public key of a private key.
 *
 * @example
 * derivePublicKey(derivePrivateKey('0'.repeat(64), 0)).slice(0, 8) // 'C008B814'
 */
export const derivePublicKey = (key: PrivateKey): PublicKey =>
  bytesToHex(createSigner(hexToBytes(key)).key) as PublicKey

/** Signs 32-byte hashes, given as 64 hex digits, with one key, for half of what `signHash` takes. */
export function hashSigner(key: PrivateKey): { readonly publicKey: PublicKey; sign(hash: string): Signature } {
  const signer = createSigner(hexToBytes(key))
  return {
    publicKey: bytesToHex(signer.key) as PublicKey,
    sign: (hash) => bytesToHex(signer.sign(hexToBytes(hash))) as Signature,
  }
}

/**
 * Signs a 32-byte hash given as 64 hex digits: a block hash, or a message digest.
 *
 * @example
 * const key = derivePrivateKey('0'.repeat(64), 0)
 * const signed = signHash('AB'.repeat(32), key)
 */
export const signHash = (hash: string, key: PrivateKey): Signature => hashSigner(key).sign(hash)

/**
 * Whether `signature` over the 32-byte `hash` (64 hex digits) was made with the private key of `key`.
 *
 * @example
 * const key = derivePrivateKey('0'.repeat(64), 0)
 * const isTrue = verifyHash('AB'.repeat(32), signHash('AB'.repeat(32), key), derivePublicKey(key)) // true
 */
export const verifyHash = (hash: string, signature: Signature, key: PublicKey): boolean =>
  verifyBytes(hexToBytes(key), hexToBytes(hash), hexToBytes(signature))
