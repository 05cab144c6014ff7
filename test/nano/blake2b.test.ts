import { blake2b as noble } from '@noble/hashes/blake2.js'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { blake2b, keyedBlake2b } from '../../src/nano/blake2b.ts'
import { bytesToHex, concatBytes, hexToBytes } from '../../src/nano/hex.ts'
import vectors from '../vectors/hashes.json' with { type: 'json' }
import { bytesOf, upperHex } from './arbitraries.ts'

type Length = Parameters<typeof blake2b>[0]
const lengths: readonly Length[] = [5, 8, 32, 64]

test.each(vectors.vectors)('BLAKE2b-$outlen bytes of "$input"', (v) => {
  expect(upperHex(blake2b(v.outlen as Length, bytesOf(v.input)))).toBe(v.digest.toUpperCase())
  if ('truncated512' in v) expect(v.digest).not.toBe(v.truncated512)
})

test('BLAKE2b is that of another library, for every length of input', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), fc.constantFrom(...lengths), (input, dkLen) => {
      expect(blake2b(dkLen, input)).toEqual(noble(input, { dkLen }))
    }),
  )
})

test('BLAKE2b with a key is that of another library, message after message', () => {
  fc.assert(
    fc.property(
      fc.uint8Array({ minLength: 1, maxLength: 64 }),
      fc.array(fc.uint8Array({ minLength: 1, maxLength: 300 }), { maxLength: 4 }),
      (key, messages) => {
        const mac = keyedBlake2b(key)
        const dkLen = 32
        expect(messages.map(mac)).toEqual(messages.map((message) => noble(message, { key, dkLen })))
      },
    ),
  )
})

test('bytes and hex are each other’s inverse, in either case', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      expect(bytesToHex(bytes)).toBe(upperHex(bytes))
      expect(hexToBytes(bytesToHex(bytes))).toEqual(bytes)
      expect(hexToBytes(bytesToHex(bytes).toLowerCase())).toEqual(bytes)
    }),
  )
})

test('joined bytes are all the bytes in order', () => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 20 })), (parts) => {
      expect([...concatBytes(...parts)]).toEqual(parts.flatMap((part) => [...part]))
    }),
  )
})
