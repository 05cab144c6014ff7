/**
 * Ed25519 with BLAKE2b-512 in place of SHA-512, as Nano signs. Built from tweetnacl's field operations, so it runs on
 * Node, in browsers and on edge runtimes. Verification is stricter than a node's (see {@link verifyBytes}), so nothing
 * that passes here is refused there.
 */
import nacl from 'tweetnacl'
import { blake2b } from './blake2b.ts'
import { concatBytes, hexToBytes } from './hex.ts'

type Field = Float64Array
/** A curve point in extended coordinates: X, Y, Z, T. */
type Point = [Field, Field, Field, Field]

/** The part of tweetnacl that its own type declarations leave out. */
interface Lowlevel {
  gf(init?: readonly number[]): Field
  readonly D: Field
  readonly L: Float64Array
  pack25519(out: Uint8Array, n: Field): void
  unpack25519(out: Field, n: Uint8Array): void
  M(out: Field, a: Field, b: Field): void
  A(out: Field, a: Field, b: Field): void
  S(out: Field, a: Field): void
  Z(out: Field, a: Field, b: Field): void
  pow2523(out: Field, a: Field): void
  set25519(out: Field, a: Field): void
  modL(out: Uint8Array, x: Float64Array): void
}
const { gf, D, L, pack25519, unpack25519, M, A, S, Z, pow2523, set25519, modL } = (
  nacl as unknown as { lowlevel: Lowlevel }
).lowlevel

const ZERO = gf()
const ONE = gf([1])
const D2 = gf()
M(D2, D, gf([2]))
/** A square root of -1 (RFC 8032 section 5.1), little-endian. Written out, because to compute it takes an import 20 ms. */
const SQRT_MINUS_ONE = gf()
unpack25519(SQRT_MINUS_ONE, hexToBytes('B0A00E4A271BEEC478E42FAD0618432FA7D7FB3D99004D2B0BDFC14F8024832B'))

const point = (): Point => [gf(), gf(), gf(), gf()]
const identity = (): Point => [gf(), gf([1]), gf([1]), gf()]
const copy = ([x, y, z, t]: Point): Point => [x.slice(), y.slice(), z.slice(), t.slice()]

function packField(n: Field): Uint8Array {
  const out = new Uint8Array(32)
  pack25519(out, n)
  return out
}
const equalBytes = (a: Uint8Array, b: Uint8Array) => a.length === b.length && a.every((byte, i) => byte === b[i])
const equalFields = (a: Field, b: Field) => equalBytes(packField(a), packField(b))
const isNegative = (n: Field) => ((packField(n)[0] ?? 0) & 1) === 1

function pack(p: Point): Uint8Array {
  const inverse = invert(p[2])
  const x = gf()
  const y = gf()
  M(x, p[0], inverse)
  M(y, p[1], inverse)
  const out = packField(y)
  out[31] = (out[31] ?? 0) ^ (isNegative(x) ? 0x80 : 0)
  return out
}

/** z^(p - 2), by z^(2^255 - 21) = (z^(2^252 - 3))^8 * z^3. */
function invert(z: Field): Field {
  const out = gf()
  pow2523(out, z)
  for (let i = 0; i < 3; i++) S(out, out)
  for (let i = 0; i < 3; i++) M(out, out, z)
  return out
}

/** Decodes a point, or undefined when it is not on the curve or not in its one spelling (RFC 8032 5.1.3). */
function unpack(bytes: Uint8Array): Point | undefined {
  const [x, y, z, t] = point()
  set25519(z, ONE)
  unpack25519(y, bytes)
  const y2 = gf()
  const numerator = gf()
  const denominator = gf()
  S(y2, y)
  Z(numerator, y2, ONE)
  M(denominator, y2, D)
  A(denominator, denominator, ONE)
  // x = u v^3 (u v^7)^((p - 5) / 8), times sqrt(-1) if that is the other root
  const v3 = gf()
  const power = gf()
  S(v3, denominator)
  M(v3, v3, denominator)
  S(power, v3)
  M(power, power, denominator)
  M(power, power, numerator)
  pow2523(power, power)
  M(x, numerator, v3)
  M(x, x, power)
  const check = gf()
  const isRoot = () => {
    S(check, x)
    M(check, check, denominator)
    return equalFields(check, numerator)
  }
  if (!isRoot()) M(x, x, SQRT_MINUS_ONE)
  if (!isRoot()) return undefined
  if (isNegative(x) !== (bytes[31] ?? 0) >> 7 > 0) Z(x, ZERO, x)
  M(t, x, y)
  const decoded: Point = [x, y, z, t]
  return equalBytes(pack(decoded), bytes) ? decoded : undefined
}

let base: Point | undefined
/** RFC 8032's base point. */
function basePoint(): Point {
  base ??= unpack(hexToBytes(`58${'66'.repeat(31)}`)) as Point
  return base
}

const [a, b, c, d, e, f, g, h, t] = [gf(), gf(), gf(), gf(), gf(), gf(), gf(), gf(), gf()]

/**
 * Adds a point to another, which may be itself: tweetnacl's `add`, with the fields in between made once. To make nine for
 * each of the hundreds of additions in a signature takes longer than to add.
 */
function add(p: Point, q: Point): void {
  Z(a, p[1], p[0])
  Z(t, q[1], q[0])
  M(a, a, t)
  A(b, p[0], p[1])
  A(t, q[0], q[1])
  M(b, b, t)
  M(c, p[3], q[3])
  M(c, c, D2)
  M(d, p[2], q[2])
  A(d, d, d)
  Z(e, b, a)
  Z(f, d, c)
  A(g, d, c)
  A(h, b, a)
  M(p[0], e, f)
  M(p[1], h, g)
  M(p[2], g, f)
  M(p[3], e, h)
}

/** Swaps two points if `bit` is 1, in a time that does not tell. */
function swapIf(bit: number, p: Point, q: Point): void {
  for (let coordinate = 0; coordinate < 4; coordinate++) {
    const [m, n] = [p[coordinate] as Field, q[coordinate] as Field]
    for (let i = 0; i < 16; i++) {
      const difference = -bit & ((m[i] as number) ^ (n[i] as number))
      m[i] = (m[i] as number) ^ difference
      n[i] = (n[i] as number) ^ difference
    }
  }
}

/** Whether eight times the point is the identity: such keys can be signed for by anybody. */
function isSmallOrder(p: Point): boolean {
  const q = copy(p)
  for (let i = 0; i < 3; i++) add(q, q)
  return equalFields(q[0], ZERO) && equalFields(q[1], q[2])
}

function negate(p: Point): Point {
  const negative = point()
  Z(negative[0], ZERO, p[0])
  set25519(negative[1], p[1])
  set25519(negative[2], p[2])
  Z(negative[3], ZERO, p[3])
  return negative
}

/** A 64-byte little-endian number modulo the group order. */
function reduce(bytes: Uint8Array): Uint8Array {
  const scalar = new Uint8Array(32)
  modL(scalar, Float64Array.from(bytes))
  return scalar
}

const isBelowGroupOrder = (scalar: Uint8Array): boolean => {
  for (let i = 31; i >= 0; i--) {
    const difference = (scalar[i] ?? 0) - (L[i] ?? 0)
    if (difference !== 0) return difference < 0
  }
  return false
}

const challenge = (r: Uint8Array, key: Uint8Array, message: Uint8Array) =>
  reduce(blake2b(64, concatBytes(r, key, message)))

function expand(secret: Uint8Array): { scalar: Uint8Array; prefix: Uint8Array } {
  const digest = blake2b(64, secret)
  const scalar = digest.slice(0, 32)
  scalar[0] = (scalar[0] ?? 0) & 248
  scalar[31] = ((scalar[31] ?? 0) & 127) | 64
  return { scalar, prefix: digest.slice(32) }
}

const bitOf = (scalar: Uint8Array, i: number) => ((scalar[i >> 3] ?? 0) >> (i & 7)) & 1

/**
 * `a P + b Q`, both scalars below 2^253, in one pass over the bits of both (Straus). Its time depends on the scalars: for
 * what is public alone, as all of a signature is.
 */
function sumOfProducts(a: Uint8Array, p: Point, b: Uint8Array, q: Point): Point {
  const both = copy(p)
  add(both, q)
  const choices = [undefined, p, q, both]
  const sum = identity()
  for (let i = 252; i >= 0; i--) {
    add(sum, sum)
    const choice = choices[bitOf(a, i) + 2 * bitOf(b, i)]
    if (choice) add(sum, choice)
  }
  return sum
}

/** A secret multiple of the base point, in a time that does not tell which: the same steps for each bit. */
function timesBase(scalar: Uint8Array): Uint8Array {
  const [p, q] = [identity(), copy(basePoint())]
  for (let i = 255; i >= 0; i--) {
    const bit = bitOf(scalar, i)
    swapIf(bit, p, q)
    add(q, p)
    add(p, p)
    swapIf(bit, p, q)
  }
  return pack(p)
}

/** One secret. Its public key, half of what a signature takes, is computed once. */
export interface Signer {
  readonly key: Uint8Array
  /** Signs 32 bytes; deterministic (RFC 8032's nonce, with BLAKE2b), unlike a Nano node's signatures. */
  sign(message: Uint8Array): Uint8Array
}

export function createSigner(secret: Uint8Array): Signer {
  const { scalar, prefix } = expand(secret)
  const key = timesBase(scalar)
  return {
    key,
    sign(message) {
      const nonce = reduce(blake2b(64, concatBytes(prefix, message)))
      const r = timesBase(nonce)
      const k = challenge(r, key, message)
      const sum = new Float64Array(64)
      for (let i = 0; i < 32; i++) sum[i] = nonce[i] ?? 0
      for (let i = 0; i < 32; i++) {
        for (let j = 0; j < 32; j++) sum[i + j] = (sum[i + j] ?? 0) + (k[i] ?? 0) * (scalar[j] ?? 0)
      }
      const s = new Uint8Array(32)
      modL(s, sum)
      return concatBytes(r, s)
    },
  }
}

/**
 * Accepts a signature only if the key is canonical and not of small order, S is below the group order, and the
 * cofactorless equation holds with R compared byte by byte. A node accepts more (S + L, small-order keys): a subset of
 * its rule is what a verifier needs that serves before the network has seen the block.
 */
export function verifyBytes(key: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean {
  const r = signature.subarray(0, 32)
  const s = signature.subarray(32)
  if (!isBelowGroupOrder(s)) return false
  const a = unpack(key)
  if (!a || isSmallOrder(a)) return false
  return equalBytes(pack(sumOfProducts(s, basePoint(), challenge(r, key, message), negate(a))), r)
}
