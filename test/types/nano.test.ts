import {
  type BlockHash,
  blockHash,
  formatXno,
  hashBlock,
  type NanoAddress,
  nanoAddress,
  type PublicKey,
  parseXno,
  publicKeyToAddress,
  type Raw,
  raw,
  signHash,
  WORK_THRESHOLDS,
  type Work,
} from 'nano402/nano'
import { expectTypeOf, test } from 'vitest'

test('an amount is a bigint, but a bigint is not an amount until it was checked', () => {
  expectTypeOf<Raw>().toExtend<bigint>()
  expectTypeOf<bigint>().not.toExtend<Raw>()
  expectTypeOf(parseXno('1')).toEqualTypeOf<Raw>()
  const one = parseXno('1')
  expectTypeOf(one + one).toEqualTypeOf<bigint>()
  // @ts-expect-error a bigint could be XNO, wei or negative
  formatXno(1n)
  // @ts-expect-error a number cannot hold most prices exactly
  const price = () => parseXno(0.1)
  expectTypeOf(price).returns.toEqualTypeOf<Raw>()
  expectTypeOf(formatXno).toBeCallableWith(raw(1n))
})

test('an account, a hash and a key are texts that are not each other', () => {
  expectTypeOf<NanoAddress>().toExtend<string>()
  expectTypeOf<string>().not.toExtend<NanoAddress>()
  expectTypeOf<BlockHash>().not.toExtend<PublicKey>()
  expectTypeOf(publicKeyToAddress).parameter(0).toEqualTypeOf<PublicKey>()
  expectTypeOf(nanoAddress).returns.toEqualTypeOf<NanoAddress>()
  expectTypeOf(hashBlock).returns.toEqualTypeOf<BlockHash>()
  // @ts-expect-error a hash is not a key
  const sign = () => signHash('0'.repeat(64), blockHash('0'.repeat(64)))
  expectTypeOf(sign).toBeFunction()
})

test('work and thresholds are of one type', () => {
  expectTypeOf(WORK_THRESHOLDS['nano:mainnet'].send).toEqualTypeOf<Work>()
})
