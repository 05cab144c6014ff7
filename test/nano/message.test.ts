import fc from 'fast-check'
import {
  addressToPublicKey,
  derivePublicKey,
  messageDigest,
  nanoAddress,
  privateKey,
  publicKey,
  signature,
  signMessage,
  verifyMessage,
} from 'nano402/nano'
import { expect, test } from 'vitest'
import { blake2b } from '../../src/nano/blake2b.ts'
import vectors from '../vectors/noms.json' with { type: 'json' }
import { bytesOf, upperHex } from './arbitraries.ts'

test.each(vectors.vectors)('$id: digest, key and signature', (v) => {
  const key = publicKey(v.publicKey)
  expect(upperHex(new TextEncoder().encode(v.message))).toBe(v.messageUtf8.toUpperCase())
  expect(messageDigest(v.message)).toBe(v.digest.toUpperCase())
  expect(messageDigest(v.message)).toBe(upperHex(blake2b(32, bytesOf(v.payload))))
  expect(addressToPublicKey(nanoAddress(v.account))).toBe(key)
  expect(verifyMessage(v.message, signature(v.signature), key)).toBe(true)
  if (!('privateKey' in v)) return
  expect(derivePublicKey(privateKey(v.privateKey))).toBe(key)
  expect(signMessage(v.message, privateKey(v.privateKey))).toBe(v.signature.toUpperCase())
})

test.each(vectors.negative)('$id is refused $note', (v) => {
  expect(verifyMessage(v.message, signature(v.signature), publicKey(v.publicKey))).toBe(v.valid)
})

test('two texts never have one digest', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme' }), fc.string({ unit: 'grapheme' }), (one, other) => {
      expect(messageDigest(one) === messageDigest(other)).toBe(one === other)
    }),
  )
})
