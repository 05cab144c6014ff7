/**
 * BLAKE2b (RFC 7693), the one hash of Nano. Written out here because it is the largest part of what an unpaid request
 * costs, and all of what work on a CPU costs: a carry is computed and not branched on, as a branch on random bits is
 * guessed wrong half the time. A 64-bit word is two 32-bit integers, the low one first.
 */

const BLOCK_LENGTH = 128

const IV = Int32Array.of(
  ...[0xf3bcc908, 0x6a09e667, 0x84caa73b, 0xbb67ae85, 0xfe94f82b, 0x3c6ef372, 0x5f1d36f1, 0xa54ff53a],
  ...[0xade682d1, 0x510e527f, 0x2b3e6c1f, 0x9b05688c, 0xfb41bd6b, 0x1f83d9ab, 0x137e2179, 0x5be0cd19],
)

/** For each of ten rounds, the words of the block in the order in which they are mixed in (RFC 7693 section 2.7). */
const SIGMA = [
  [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15],
  [14, 10, 4, 8, 9, 15, 13, 6, 1, 12, 0, 2, 11, 7, 5, 3],
  [11, 8, 12, 0, 5, 2, 15, 13, 10, 14, 3, 6, 7, 1, 9, 4],
  [7, 9, 3, 1, 13, 12, 11, 14, 2, 6, 5, 10, 4, 0, 15, 8],
  [9, 0, 5, 7, 2, 4, 10, 15, 14, 1, 11, 12, 6, 8, 3, 13],
  [2, 12, 6, 10, 0, 11, 8, 3, 4, 13, 7, 5, 15, 14, 1, 9],
  [12, 5, 1, 15, 14, 13, 4, 10, 0, 7, 6, 3, 9, 2, 8, 11],
  [13, 11, 7, 14, 12, 1, 3, 9, 5, 0, 15, 4, 8, 6, 2, 10],
  [6, 15, 14, 9, 11, 3, 0, 8, 12, 2, 13, 7, 1, 4, 10, 5],
  [10, 2, 8, 4, 7, 6, 1, 5, 15, 11, 9, 14, 3, 12, 13, 0],
]
const ORDER = Uint8Array.from(SIGMA.flat())

/** BLAKE2b without key or salt. `length` is the output length in bytes, a parameter of the hash, not a truncation. */
export const blake2b = (length: 5 | 8 | 32 | 64, input: Uint8Array): Uint8Array =>
  digest(initialState(length, 0), 0, input).slice(0, length)

/** BLAKE2b-256 with this key of at most 64 bytes, of messages that are not empty. The key is hashed once, here. */
export function keyedBlake2b(key: Uint8Array): (message: Uint8Array) => Uint8Array {
  const keyed = initialState(32, key.length)
  block.fill(0)
  block.set(key)
  compress(keyed, BLOCK_LENGTH, false)
  return (message) => digest(keyed.slice(), BLOCK_LENGTH, message).slice(0, 32)
}

function initialState(length: number, keyLength: number): Int32Array {
  const state = IV.slice()
  state.set([0xf3bcc908 ^ 0x01010000 ^ (keyLength << 8) ^ length])
  return state
}

/** The 64 bytes of a state after this input; `before` bytes have been hashed into it already. */
function digest(state: Int32Array, before: number, input: Uint8Array): Uint8Array {
  let at = 0
  for (; input.length - at > BLOCK_LENGTH; at += BLOCK_LENGTH) {
    block.set(input.subarray(at, at + BLOCK_LENGTH))
    compress(state, before + at + BLOCK_LENGTH, false)
  }
  block.fill(0)
  block.set(input.subarray(at))
  compress(state, before + input.length, true)
  for (let i = 0; i < 16; i++) words.setInt32(4 * i, state[i] ?? 0, true)
  return block
}

/** The block that is hashed next, as bytes and as little-endian words. */
const block = new Uint8Array(BLOCK_LENGTH)
const words = new DataView(block.buffer)
/** The 16 words of 64 bits that are mixed. */
const v = new Int32Array(32)

/** Hashes the block into the state; `count` bytes have been hashed then. */
function compress(state: Int32Array, count: number, isLast: boolean): void {
  v.set(state)
  v.set(IV, 16)
  v[24] = (v[24] ?? 0) ^ count
  v[25] = (v[25] ?? 0) ^ (count / 2 ** 32)
  if (isLast) {
    v[28] = ~(v[28] ?? 0)
    v[29] = ~(v[29] ?? 0)
  }
  for (let round = 0; round < 12; round++) {
    const i = 16 * (round % 10)
    mix(0, 8, 16, 24, i)
    mix(2, 10, 18, 26, i + 2)
    mix(4, 12, 20, 28, i + 4)
    mix(6, 14, 22, 30, i + 6)
    mix(0, 10, 20, 30, i + 8)
    mix(2, 12, 22, 24, i + 10)
    mix(4, 14, 16, 26, i + 12)
    mix(6, 8, 18, 28, i + 14)
  }
  for (let i = 0; i < 16; i++) state[i] = (state[i] ?? 0) ^ (v[i] ?? 0) ^ (v[i + 16] ?? 0)
}

/** The function G (section 3.1) on four words of `v`, with the block's words at `i` and `i + 1` of the order. */
function mix(a: number, b: number, c: number, d: number, i: number): void {
  const x = 8 * (ORDER[i] ?? 0)
  const y = 8 * (ORDER[i + 1] ?? 0)
  let [aLow, aHigh] = [v[a] ?? 0, v[a + 1] ?? 0]
  let [bLow, bHigh] = [v[b] ?? 0, v[b + 1] ?? 0]
  let [cLow, cHigh] = [v[c] ?? 0, v[c + 1] ?? 0]
  let [dLow, dHigh] = [v[d] ?? 0, v[d + 1] ?? 0]
  let low = 0

  low = (aLow + bLow) | 0
  aHigh = (aHigh + bHigh + carry(aLow, bLow, low)) | 0
  aLow = (low + words.getInt32(x, true)) | 0
  aHigh = (aHigh + words.getInt32(x + 4, true) + carry(low, words.getInt32(x, true), aLow)) | 0
  low = dLow ^ aLow
  dLow = dHigh ^ aHigh
  dHigh = low
  low = (cLow + dLow) | 0
  cHigh = (cHigh + dHigh + carry(cLow, dLow, low)) | 0
  cLow = low
  low = bLow ^ cLow
  bHigh ^= cHigh
  bLow = (low >>> 24) | (bHigh << 8)
  bHigh = (bHigh >>> 24) | (low << 8)

  low = (aLow + bLow) | 0
  aHigh = (aHigh + bHigh + carry(aLow, bLow, low)) | 0
  aLow = (low + words.getInt32(y, true)) | 0
  aHigh = (aHigh + words.getInt32(y + 4, true) + carry(low, words.getInt32(y, true), aLow)) | 0
  low = dLow ^ aLow
  dHigh ^= aHigh
  dLow = (low >>> 16) | (dHigh << 16)
  dHigh = (dHigh >>> 16) | (low << 16)
  low = (cLow + dLow) | 0
  cHigh = (cHigh + dHigh + carry(cLow, dLow, low)) | 0
  cLow = low
  low = bLow ^ cLow
  bHigh ^= cHigh
  bLow = (low << 1) | (bHigh >>> 31)
  bHigh = (bHigh << 1) | (low >>> 31)

  v[a] = aLow
  v[a + 1] = aHigh
  v[b] = bLow
  v[b + 1] = bHigh
  v[c] = cLow
  v[c + 1] = cHigh
  v[d] = dLow
  v[d + 1] = dHigh
}

/** 1 if x + y does not fit into 32 bits, of which `sum` are the lowest. */
const carry = (x: number, y: number, sum: number): number => ((x & y) | ((x | y) & ~sum)) >>> 31
