import { nanoAddress, parseBlock, publicKey, signature, verifyHash } from 'nano402/nano'
import { expect, test } from 'vitest'
import addresses from '../vectors/addresses.json' with { type: 'json' }
import blocks from '../vectors/blocks.json' with { type: 'json' }
import signatures from '../vectors/signatures.json' with { type: 'json' }

test.each(signatures.vectors)('$id', (v) => {
  if (v.signature.length !== 128 || v.publicKey.length !== 64 || v.message.length !== 64)
    return expect(v.strict).toBe(false)
  expect(verifyHash(v.message, signature(v.signature), publicKey(v.publicKey))).toBe(v.strict)
})
test.each(addresses.valid)('$address', (v) => {
  expect(nanoAddress(v.address)).toBe(v.canonical)
})
test.each(addresses.invalid)('invalid $address', (v) => {
  expect(() => nanoAddress(v.address)).toThrow()
})
test('blocks', () => {
  for (const b of blocks.stateBlocks) if ('signature' in b.block) expect(parseBlock(b.block).hash).toBe(b.hash)
})
