import { eddsa } from '@noble/curves/abstract/edwards.js'
import { ed25519 } from '@noble/curves/ed25519.js'
import { blake2b } from '@noble/hashes/blake2.js'
import fc from 'fast-check'
import {
  derivePrivateKey,
  derivePublicKey,
  privateKey,
  publicKey,
  publicKeyToAddress,
  signature,
  signHash,
  verifyHash,
} from 'nano402/nano'
import { describe, expect, test } from 'vitest'
import keys from '../vectors/keys.json' with { type: 'json' }
import signatures from '../vectors/signatures.json' with { type: 'json' }
import { bytesOf, hex32, upperHex } from './arbitraries.ts'

const INVALID_VALUE = expect.objectContaining({ code: 'ERR_INVALID_VALUE' })

/** The same signature scheme by another library. Its `verify` is laxer than ours (CRYPTO: cofactored), its `sign` is not. */
const noble = eddsa(ed25519.Point, blake2b, {
  adjustScalarBytes: (scalar: Uint8Array) =>
    scalar.map((byte, i) => (i === 0 ? byte & 248 : i === 31 ? (byte & 127) | 64 : byte)),
})

describe('keys', () => {
  test.each(keys.seeds)('seed $seed, account $index', (v) => {
    const key = derivePrivateKey(v.seed, v.index)
    expect(key).toBe(v.privateKey.toUpperCase())
    expect(derivePublicKey(key)).toBe(v.publicKey.toUpperCase())
    expect(publicKeyToAddress(derivePublicKey(key))).toBe(v.address)
  })
  test.each(keys.privateToPublic)('private key $privateKey', (v) => {
    expect(derivePublicKey(privateKey(v.privateKey))).toBe(v.publicKey.toUpperCase())
    expect(publicKeyToAddress(publicKey(v.publicKey))).toBe(v.address)
  })
  test.each(keys.wrongHash)('not the public key that SHA-512 would give', (v) => {
    expect(derivePublicKey(privateKey(v.privateKey))).not.toBe(v.wrongPublicKeySha512)
  })
  test.each([
    '',
    '0',
    '0'.repeat(63),
    '0'.repeat(65),
    `${'0'.repeat(63)}g`,
    ` ${'0'.repeat(63)}`,
    null,
    0,
    ['0'.repeat(64)],
  ])('%j is not a seed, and the refusal does not repeat it', (seed) => {
    expect(() => derivePrivateKey(seed as string, 0)).toThrow(INVALID_VALUE)
  })
  test('the refusal of a mistyped seed does not repeat it', () => {
    const seed = `${'5EC2E7'.repeat(10)}5EC`
    expect(() => derivePrivateKey(seed, 0)).toThrow(
      expect.not.objectContaining({ message: expect.stringContaining('5EC2E7') }),
    )
  })
  test.each([-1, 2 ** 32, 0.5, Number.NaN, Number.POSITIVE_INFINITY, '0', null])(
    '%s is not an account index',
    (index) => {
      expect(() => derivePrivateKey('0'.repeat(64), index as number)).toThrow(INVALID_VALUE)
    },
  )
})

describe('signatures', () => {
  test.each(signatures.vectors)('$id: strict says $strict', (v) => {
    expect(verifyHash(v.message, signature(v.signature), publicKey(v.publicKey))).toBe(v.strict)
  })
  test('what we accept a node accepts', () => {
    for (const v of signatures.vectors) if (v.strict) expect(v.nodeAccepts).toBe(true)
  })
  test.each(signatures.vectors.filter((v) => 'secretKey' in v))('$id: the key and the signature we make', (v) => {
    const key = privateKey(v.secretKey)
    expect(derivePublicKey(key)).toBe(v.publicKey.toUpperCase())
    const ours = signHash(v.message, key)
    expect(ours === v.signature.toUpperCase()).toBe(!v.id.includes('randomised'))
    expect(verifyHash(v.message, ours, derivePublicKey(key))).toBe(true)
  })

  test('keys and signatures are those of another library', () => {
    fc.assert(
      fc.property(hex32, hex32, (secret, hash) => {
        const key = privateKey(secret)
        expect(derivePublicKey(key)).toBe(upperHex(noble.getPublicKey(bytesOf(secret))))
        expect(signHash(hash, key)).toBe(upperHex(noble.sign(bytesOf(hash), bytesOf(secret))))
      }),
      { numRuns: 15 },
    )
  })
  test('the other library’s signatures are true here, and not for another hash, key or signature', () => {
    const bit = fc.nat(7)
    const flip = (hex: string, byte: number, bit: number) =>
      upperHex(bytesOf(hex).map((value, i) => (i === byte ? value ^ (1 << bit) : value)))
    fc.assert(
      fc.property(hex32, hex32, fc.nat(31), fc.nat(63), bit, (secret, hash, byte, signatureByte, bit) => {
        const key = publicKey(upperHex(noble.getPublicKey(bytesOf(secret))))
        const signed = signature(upperHex(noble.sign(bytesOf(hash), bytesOf(secret))))
        expect(verifyHash(hash, signed, key)).toBe(true)
        expect(verifyHash(flip(hash, byte, bit), signed, key)).toBe(false)
        expect(verifyHash(hash, signed, publicKey(flip(key, byte, bit)))).toBe(false)
        expect(verifyHash(hash, signature(flip(signed, signatureByte, bit)), key)).toBe(false)
      }),
      { numRuns: 15 },
    )
  })
})
