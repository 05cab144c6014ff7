import fc from 'fast-check'
import {
  blockHash,
  MAX_RAW,
  type NanoAddress,
  publicKey,
  publicKeyToAddress,
  type Raw,
  raw,
  type StateBlockContent,
} from 'nano402/nano'

/** Bytes as upper-case hex, by other means than the library's. */
export const upperHex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex').toUpperCase()
export const bytesOf = (hex: string): Uint8Array => Uint8Array.from(Buffer.from(hex, 'hex'))

export const bytes32 = fc.uint8Array({ minLength: 32, maxLength: 32 })
/** 64 upper-case hex digits. */
export const hex32: fc.Arbitrary<string> = bytes32.map(upperHex)

export const address: fc.Arbitrary<NanoAddress> = hex32.map((hex) => publicKeyToAddress(publicKey(hex)))

/** Any amount; round ones, such as prices are, as often as others. */
export const amount: fc.Arbitrary<Raw> = fc
  .oneof(
    fc.bigInt({ min: 0n, max: MAX_RAW }),
    fc
      .tuple(fc.bigInt({ min: 0n, max: 999n }), fc.integer({ min: 0, max: 35 }))
      .map(([n, zeros]) => n * 10n ** BigInt(zeros)),
    fc.constantFrom(0n, 1n, MAX_RAW),
  )
  .map(raw)

export const blockContent: fc.Arbitrary<StateBlockContent> = fc.record({
  account: address,
  previous: hex32.map(blockHash),
  representative: address,
  balance: amount,
  link: hex32,
})
