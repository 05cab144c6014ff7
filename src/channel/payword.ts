/**
 * PayWord: a chain of hashes whose end, the root, is fixed when the channel opens. Token k is what hashes to the root in
 * k steps; whoever shows it has paid k units in all, and nobody but the payer can go from token k to token k + 1.
 *
 * A step is SHA-256 of `nc1`, the channel's 16-byte salt and the token, so that a token is worth nothing in another channel.
 */
import { equalInConstantTime } from '../core/bytes.ts'
import { InvalidValueError } from '../errors.ts'
import { BLOCK, bytesToWords, compress, INITIAL, wordsToBytes } from './sha256.ts'

export const SALT_LENGTH = 16
export const TOKEN_LENGTH = 32

/** The longest chain. Larger sums take a larger unit, a second channel, or vouchers. */
export const MAX_K = 2 ** 20

/** How many hashes the verification of one token may take, the first one included. */
export const MAX_STEP = 1_024

/** Bytes of a step's input: `nc1`, salt, token. They and the padding fit one block of SHA-256. */
const INPUT_LENGTH = 3 + SALT_LENGTH + TOKEN_LENGTH
const INPUT_BITS = 8 * INPUT_LENGTH

/** The token that many steps nearer to the root. */
export function hashDown(salt: Uint8Array, token: Uint8Array, steps: number): Uint8Array {
  const prefix = new Uint8Array(20)
  prefix.set([0x6e, 0x63, 0x31])
  prefix.set(salt, 3)
  const view = new DataView(prefix.buffer)
  const [p0, p1, p2, p3, p4] = [0, 4, 8, 12, 16].map((at) => view.getInt32(at)) as [
    number,
    number,
    number,
    number,
    number,
  ]
  const x = bytesToWords(token, new Int32Array(8))
  for (let step = 0; step < steps; step++) {
    BLOCK[0] = p0
    BLOCK[1] = p1
    BLOCK[2] = p2
    BLOCK[3] = p3
    BLOCK[4] = p4 | ((x[0] as number) >>> 24)
    for (let i = 0; i < 7; i++) BLOCK[5 + i] = ((x[i] as number) << 8) | ((x[i + 1] as number) >>> 24)
    BLOCK[12] = ((x[7] as number) << 8) | 0x80
    BLOCK[13] = 0
    BLOCK[14] = 0
    BLOCK[15] = INPUT_BITS
    compress(INITIAL, x)
  }
  return wordsToBytes(x)
}

/** A token and its place in the chain. The root is token 0. */
export interface Token {
  readonly k: number
  readonly token: Uint8Array
}

/**
 * Whether `shown` is of the chain that `known` is of. Hashes |k - known.k| times, so ask only if that is at most
 * {@link MAX_STEP}; the higher of the two is hashed down to the lower, whichever came first.
 */
export function isOfChain(salt: Uint8Array, known: Token, shown: Token): boolean {
  const [low, high] = shown.k < known.k ? [shown, known] : [known, shown]
  return equalInConstantTime(hashDown(salt, high.token, high.k - low.k), low.token)
}

/** The payer's side: every token, in any order. */
export interface Chain {
  readonly root: Uint8Array
  readonly maxK: number
  /** Token k, 0 to `maxK`. Nearby tokens cost next to nothing; one far away costs about the square root of `maxK` hashes. */
  token(k: number): Uint8Array
}

/** The chain is computed in pieces of so many steps, between which other tasks have their turn. About 10 ms. */
const STEPS_PER_TURN = 2 ** 15

/**
 * Computes a chain, and keeps one token in about every `sqrt(maxK)`: the root comes last when hashing and is shown first.
 * Of 2^20 tokens that takes about 0.4 s, and 100 kB.
 *
 * @param seed - 32 secret bytes: token `maxK`. Whoever has them can spend the whole chain.
 * @throws {@link InvalidValueError} (`ERR_INVALID_VALUE`) for a `maxK` that is not from 1 to {@link MAX_K}.
 */
export async function createChain(options: {
  readonly seed: Uint8Array
  readonly salt: Uint8Array
  readonly maxK: number
}): Promise<Chain> {
  const { seed, salt, maxK } = options
  if (!Number.isInteger(maxK) || maxK < 1 || maxK > MAX_K) {
    throw new InvalidValueError(`Not a length of a chain: expected an integer from 1 to ${MAX_K}.`)
  }
  const spacing = Math.ceil(Math.sqrt(maxK))
  /** Token `maxK - i * spacing` in the i-th place. */
  const checkpoints = new Uint8Array((Math.floor(maxK / spacing) + 1) * TOKEN_LENGTH)
  checkpoints.set(seed)
  let sinceTurn = 0
  for (let at = TOKEN_LENGTH; at < checkpoints.length; at += TOKEN_LENGTH) {
    checkpoints.set(hashDown(salt, checkpoints.subarray(at - TOKEN_LENGTH, at), spacing), at)
    sinceTurn += spacing
    if (sinceTurn < STEPS_PER_TURN) continue
    sinceTurn = 0
    await new Promise((resolve) => setTimeout(resolve))
  }

  const computeSegment = (i: number): Uint8Array => {
    const tokens = new Uint8Array(spacing * TOKEN_LENGTH)
    let token: Uint8Array = checkpoints.subarray(i * TOKEN_LENGTH, (i + 1) * TOKEN_LENGTH)
    for (let at = 0; at < tokens.length; at += TOKEN_LENGTH) {
      tokens.set(token, at)
      token = hashDown(salt, token, 1)
    }
    return tokens
  }
  /** The last two that were asked for: requests that are under way together may lie on both sides of a checkpoint. */
  let segments: readonly { readonly i: number; readonly tokens: Uint8Array }[] = []
  const segmentAt = (i: number): Uint8Array => {
    const known = segments.find((segment) => segment.i === i)
    if (known) return known.tokens
    const tokens = computeSegment(i)
    segments = [{ i, tokens }, ...segments.slice(0, 1)]
    return tokens
  }
  const token = (k: number): Uint8Array => {
    if (!Number.isInteger(k) || k < 0 || k > maxK) {
      throw new InvalidValueError(`Not a token of this chain: expected an integer from 0 to ${maxK}.`)
    }
    const fromSeed = maxK - k
    const at = (fromSeed % spacing) * TOKEN_LENGTH
    return segmentAt(Math.floor(fromSeed / spacing)).slice(at, at + TOKEN_LENGTH)
  }
  return { root: token(0), maxK, token }
}
