/** BLAKE2b, the one hash of Nano, in the four output lengths that Nano uses: 5, 8, 32 and 64 bytes. */
import { blake2b as hash } from 'blakejs'

/** BLAKE2b without key or salt. `length` is the output length in bytes, a parameter of the hash, not a truncation. */
export const blake2b = (length: 5 | 8 | 32 | 64, input: Uint8Array): Uint8Array => hash(input, undefined, length)
