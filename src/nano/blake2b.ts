/** BLAKE2b, the one hash of Nano, in the output lengths that Nano uses, and with a key as a MAC. */
import blakejs from 'blakejs'

/** BLAKE2b without key or salt. `length` is the output length in bytes, a parameter of the hash, not a truncation. */
export const blake2b = (length: 5 | 8 | 32 | 64, input: Uint8Array): Uint8Array =>
  blakejs.blake2b(input, undefined, length)

/** BLAKE2b-256 with this key of at most 64 bytes, of messages that are not empty. The key is hashed once, here. */
export function keyedBlake2b(key: Uint8Array): (message: Uint8Array) => Uint8Array {
  const { blake2bInit, blake2bUpdate, blake2bFinal } = blakejs
  const context = blake2bInit(32, key)
  blake2bUpdate(context, [0]) // blakejs hashes the key's block when a first byte follows it; `c: 0` takes the byte back
  const keyed = { h: context.h.slice(), t: context.t, c: 0 }
  return (message) => {
    context.h.set(keyed.h)
    context.t = keyed.t
    context.c = keyed.c
    blake2bUpdate(context, message)
    return blake2bFinal(context)
  }
}
