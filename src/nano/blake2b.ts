/** BLAKE2b, the one hash of Nano, in the output lengths that Nano uses, and with a key as a MAC. */
import blakejs, { type Blake2bCTX } from 'blakejs'

/** BLAKE2b without key or salt. `length` is the output length in bytes, a parameter of the hash, not a truncation. */
export const blake2b = (length: 5 | 8 | 32 | 64, input: Uint8Array): Uint8Array => blakejs.blake2b(input, undefined, length)

/** BLAKE2b-256 with this key of at most 64 bytes, of messages that are not empty. The key is hashed once, here. */
export function keyedBlake2b(key: Uint8Array): (message: Uint8Array) => Uint8Array {
  const { blake2bInit, blake2bUpdate, blake2bFinal } = blakejs
  const keyed = blake2bInit(32, key)
  // blakejs hashes the key's block when the first byte of a message comes: give it one, and take it back.
  blake2bUpdate(keyed, [0])
  keyed.c = 0
  return (message) => {
    const context: Blake2bCTX = { ...keyed, b: keyed.b.slice(), h: keyed.h.slice() }
    blake2bUpdate(context, message)
    return blake2bFinal(context)
  }
}
