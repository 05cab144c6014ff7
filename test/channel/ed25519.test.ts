import fc from 'fast-check'
import { afterEach, describe, expect, test, vi } from 'vitest'
import * as node from '../../src/channel/ed25519.node.ts'
import * as web from '../../src/channel/ed25519.web.ts'

const bytesOf = (hex: string) => Uint8Array.from(Buffer.from(hex, 'hex'))
const subtle = crypto.subtle

/** WebCrypto as it is where it does not know Ed25519. */
const withoutEd25519 = () =>
  vi.spyOn(subtle, 'importKey').mockRejectedValue(new DOMException('Unrecognized name.', 'NotSupportedError'))
afterEach(() => {
  vi.restoreAllMocks()
})

const platforms = [
  { name: 'Node', platform: node, prepare: () => {} },
  { name: 'WebCrypto', platform: web, prepare: () => {} },
  { name: 'tweetnacl', platform: web, prepare: withoutEd25519 },
]

describe.each(platforms)('Ed25519 by $name', ({ platform, prepare }) => {
  test('gives what RFC 8032 section 7.1 gives', async () => {
    prepare()
    const seed = bytesOf('c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7')
    const signer = await platform.ed25519Signer(seed)
    const signature = await signer.sign(bytesOf('af82'))
    expect(signer.publicKey).toEqual(bytesOf('fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025'))
    expect(signature).toEqual(
      bytesOf(
        '6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a',
      ),
    )
    expect(await (await platform.ed25519Verifier(signer.publicKey))(bytesOf('af82'), signature)).toBe(true)
  })

  test('refuses a signature with one bit flipped, of a wrong length, or over something else', async () => {
    prepare()
    const signer = await platform.ed25519Signer(new Uint8Array(32).fill(4))
    const verify = await platform.ed25519Verifier(signer.publicKey)
    const message = new Uint8Array(100)
    const signature = await signer.sign(message)
    await fc.assert(
      fc.asyncProperty(fc.nat(511), async (bit) => {
        const flipped = Uint8Array.from(signature)
        flipped[bit >> 3] = (flipped[bit >> 3] ?? 0) ^ (1 << (bit & 7))
        expect(await verify(message, flipped)).toBe(false)
      }),
      { numRuns: 20 },
    )
    for (const length of [0, 63, 65]) expect(await verify(message, new Uint8Array(length))).toBe(false)
    expect(await verify(new Uint8Array(99), signature)).toBe(false)
  })

  test('takes a key that is no point for one that has signed nothing', async () => {
    prepare()
    const noPoint = new Uint8Array(32).fill(0xff)
    const verify = await platform.ed25519Verifier(noPoint)
    expect(await verify(new Uint8Array(1), new Uint8Array(64))).toBe(false)
  })
})
