/** BLAKE2b, the one hash of Nano, in the output lengths that Nano uses, and with a key as a MAC. */
import blakejs, { type Blake2bCTX } from 'blakejs'

const { blake2b: hash, blake2bInit, blake2bUpdate, blake2bFinal } = blakejs

type Length = 5 | 8 | 32 | 64

/** BLAKE2b without key or salt. `length` is the output length in bytes, a parameter of the hash, not a truncation. */
export const blake2b = (length: Length, input: Uint8Array): Uint8Array => hash(input, undefined, length)

/** The same for many inputs, made ready once. */
export const reusedBlake2b = (length: Length): ((input: Uint8Array) => Uint8Array) => reuse(blake2bInit(length))

/** BLAKE2b-256 with this key of at most 64 bytes, of messages that are not empty. The key is hashed once, here. */
export function keyedBlake2b(key: Uint8Array): (message: Uint8Array) => Uint8Array {
  const context = blake2bInit(32, key)
  blake2bUpdate(context, [0]) // blakejs hashes the key's block when a first byte follows it; `reuse` takes the byte back
  return reuse(context)
}

/** Hashes from here on, again and again. */
function reuse(context: Blake2bCTX): (message: Uint8Array) => Uint8Array {
  const start = { h: context.h.slice(), t: context.t }
  return (message) => {
    context.h.set(start.h)
    context.t = start.t
    context.c = 0
    blake2bUpdate(context, message)
    return blake2bFinal(context)
  }
}
