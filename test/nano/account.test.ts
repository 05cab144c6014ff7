import { blake2b } from '@noble/hashes/blake2.js'
import fc from 'fast-check'
import { addressToPublicKey, nanoAddress, publicKey, publicKeyToAddress } from 'nano402/nano'
import { expect, test } from 'vitest'
import vectors from '../vectors/addresses.json' with { type: 'json' }
import identifiers from '../vectors/identifiers.json' with { type: 'json' }
import { address, bytesOf, hex32 } from './arbitraries.ts'

const INVALID_VALUE = expect.objectContaining({ code: 'ERR_INVALID_VALUE' })

test.each(vectors.valid)('$address is an account', (v) => {
  expect(nanoAddress(v.address)).toBe(v.canonical)
  expect(addressToPublicKey(nanoAddress(v.address))).toBe(v.publicKey.toUpperCase())
  expect(publicKeyToAddress(publicKey(v.publicKey))).toBe(v.canonical)
})

test.each(vectors.invalid)('$address is none: $reason', (v) => {
  expect(() => nanoAddress(v.address)).toThrow(INVALID_VALUE)
})

test.each(identifiers.nanoUri)('the account in $uri is read as the others in that list are', (v) => {
  if ('checksumValid' in v && !v.checksumValid) return expect(() => nanoAddress(v.address)).toThrow(INVALID_VALUE)
  expect(nanoAddress(v.address)).toBe(v.address)
})

test.each([...identifiers.caip10Invalid.map((v) => v.input), ...identifiers.nanoUri.map((v) => v.uri)])(
  '%s is an identifier, not an account',
  (text) => {
    expect(() => nanoAddress(text)).toThrow(INVALID_VALUE)
  },
)

test('every public key is read back from its address', () => {
  fc.assert(
    fc.property(hex32, (hex) => {
      expect(addressToPublicKey(publicKeyToAddress(publicKey(hex)))).toBe(hex)
    }),
  )
})

test('an address is what arithmetic with one large number makes of the key', () => {
  const digits = (value: bigint, count: number) =>
    Array.from(
      { length: count },
      (_, i) => vectors.alphabet[Number((value >> BigInt(5 * (count - 1 - i))) & 31n)],
    ).join('')
  const number = (bytes: Uint8Array) => BigInt(`0x${Buffer.from(bytes).toString('hex')}`)
  fc.assert(
    fc.property(hex32, (hex) => {
      const checksum = number(blake2b(bytesOf(hex), { dkLen: 5 }).reverse())
      expect(publicKeyToAddress(publicKey(hex))).toBe(`nano_${digits(BigInt(`0x${hex}`), 52)}${digits(checksum, 8)}`)
    }),
  )
})

test('an address with any one character changed is refused', () => {
  const character = fc.oneof(fc.constantFrom(...vectors.alphabet), fc.string({ minLength: 1, maxLength: 1 }))
  fc.assert(
    fc.property(address, fc.nat(64), character, (address, at, character) => {
      fc.pre(address[at] !== character)
      expect(() => nanoAddress(address.slice(0, at) + character + address.slice(at + 1))).toThrow(INVALID_VALUE)
    }),
    { numRuns: 1000 },
  )
})

test('an address with a character more or less is refused', () => {
  fc.assert(
    fc.property(address, fc.nat(64), fc.constantFrom(...vectors.alphabet), (address, at, character) => {
      expect(() => nanoAddress(address.slice(0, at) + address.slice(at + 1))).toThrow(INVALID_VALUE)
      expect(() => nanoAddress(address.slice(0, at) + character + address.slice(at))).toThrow(INVALID_VALUE)
    }),
  )
})

test('whatever is no account is refused with ERR_INVALID_VALUE and nothing else', () => {
  fc.assert(
    fc.property(fc.anything(), (value) => {
      expect(() => nanoAddress(value)).toThrow(INVALID_VALUE)
    }),
  )
})
