/**
 * SHA-256 (FIPS 180-4) and HMAC, in this thread and on every platform. Written out because what channels hash is short:
 * one block here takes 0.3 microseconds, a call to Node for it 0.7 to 1.7, and WebCrypto is asynchronous.
 */

// biome-ignore format: eight to a line
const K = Int32Array.of(
  0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
  0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
  0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
  0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
  0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
  0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
  0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
  0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
)
// biome-ignore format: one line
export const INITIAL: Readonly<Int32Array> = Int32Array.of(
  0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19,
)

/** The block to be mixed in, as 16 big-endian words; the other 48 are derived from them. */
export const BLOCK = new Int32Array(64)

/** Mixes {@link BLOCK} into `before` and writes the result to `after`, which may be the same. */
export function compress(before: Readonly<Int32Array>, after: Int32Array): void {
  const w = BLOCK
  for (let i = 16; i < 64; i++) {
    const x = w[i - 15] as number
    const y = w[i - 2] as number
    const s0 = ((x >>> 7) | (x << 25)) ^ ((x >>> 18) | (x << 14)) ^ (x >>> 3)
    const s1 = ((y >>> 17) | (y << 15)) ^ ((y >>> 19) | (y << 13)) ^ (y >>> 10)
    w[i] = ((w[i - 16] as number) + s0 + (w[i - 7] as number) + s1) | 0
  }
  let a = before[0] as number
  let b = before[1] as number
  let c = before[2] as number
  let d = before[3] as number
  let e = before[4] as number
  let f = before[5] as number
  let g = before[6] as number
  let h = before[7] as number
  for (let i = 0; i < 64; i++) {
    const s1 = ((e >>> 6) | (e << 26)) ^ ((e >>> 11) | (e << 21)) ^ ((e >>> 25) | (e << 7))
    const t1 = (h + s1 + ((e & f) ^ (~e & g)) + (K[i] as number) + (w[i] as number)) | 0
    const s0 = ((a >>> 2) | (a << 30)) ^ ((a >>> 13) | (a << 19)) ^ ((a >>> 22) | (a << 10))
    const t2 = (s0 + ((a & b) ^ (a & c) ^ (b & c))) | 0
    h = g
    g = f
    f = e
    e = (d + t1) | 0
    d = c
    c = b
    b = a
    a = (t1 + t2) | 0
  }
  after[0] = ((before[0] as number) + a) | 0
  after[1] = ((before[1] as number) + b) | 0
  after[2] = ((before[2] as number) + c) | 0
  after[3] = ((before[3] as number) + d) | 0
  after[4] = ((before[4] as number) + e) | 0
  after[5] = ((before[5] as number) + f) | 0
  after[6] = ((before[6] as number) + g) | 0
  after[7] = ((before[7] as number) + h) | 0
}

/** Mixes in whole blocks and the padding. `length` counts what `state` has seen before as well. */
function absorb(state: Int32Array, bytes: Uint8Array, length: number): Int32Array {
  const blocks = (bytes.length + 9 + 63) >>> 6
  for (let block = 0; block < blocks; block++) {
    for (let i = 0, at = block << 6; i < 16; i++, at += 4) {
      BLOCK[i] =
        (byteAt(bytes, at) << 24) | (byteAt(bytes, at + 1) << 16) | (byteAt(bytes, at + 2) << 8) | byteAt(bytes, at + 3)
    }
    if (block === blocks - 1) {
      BLOCK[14] = Math.floor(length / 0x20000000)
      BLOCK[15] = length << 3
    }
    compress(state, state)
  }
  return state
}
const byteAt = (bytes: Uint8Array, at: number): number =>
  at < bytes.length ? (bytes[at] as number) : at === bytes.length ? 0x80 : 0

/** Eight words as 32 bytes. */
export function wordsToBytes(words: Readonly<Int32Array>): Uint8Array {
  const bytes = new Uint8Array(32)
  for (let i = 0; i < 32; i++) bytes[i] = (words[i >> 2] as number) >>> (24 - 8 * (i & 3))
  return bytes
}

/** 32 bytes as eight words. */
export function bytesToWords(bytes: Uint8Array, words: Int32Array): Int32Array {
  for (let i = 0, at = 0; i < 8; i++, at += 4) {
    words[i] =
      ((bytes[at] as number) << 24) |
      ((bytes[at + 1] as number) << 16) |
      ((bytes[at + 2] as number) << 8) |
      (bytes[at + 3] as number)
  }
  return words
}

export const sha256 = (bytes: Uint8Array): Uint8Array =>
  wordsToBytes(absorb(Int32Array.from(INITIAL), bytes, bytes.length))

/** HMAC-SHA256 (RFC 2104) with this key of at most 64 bytes. The key is hashed once, here. */
export function hmacSha256(key: Uint8Array): (message: Uint8Array) => Uint8Array {
  const keyed = (pad: number) => {
    for (let i = 0; i < 16; i++) {
      let word = 0
      for (let j = 4 * i; j < 4 * i + 4; j++) word = (word << 8) | ((key[j] ?? 0) ^ pad)
      BLOCK[i] = word
    }
    const state = new Int32Array(8)
    compress(INITIAL, state)
    return state
  }
  const [inner, outer] = [keyed(0x36), keyed(0x5c)]
  return (message) => {
    const digest = wordsToBytes(absorb(Int32Array.from(inner), message, 64 + message.length))
    return wordsToBytes(absorb(Int32Array.from(outer), digest, 64 + 32))
  }
}
