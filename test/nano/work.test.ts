import { blake2b } from '@noble/hashes/blake2.js'
import fc from 'fast-check'
import { generateWork, isValidWork, WORK_THRESHOLDS, work, workDifficulty } from 'nano402/nano'
import { expect, test } from 'vitest'
import vectors from '../vectors/work.json' with { type: 'json' }
import { bytesOf, hex32 } from './arbitraries.ts'

const { 'nano:mainnet': live, 'nano:devnet': dev } = WORK_THRESHOLDS

test('the thresholds are those of nano-node', () => {
  expect(live).toEqual({ send: vectors.thresholds.live.epoch2Send, receive: vectors.thresholds.live.epoch2Receive })
  expect(dev).toEqual({ send: vectors.thresholds.dev.epoch2Send, receive: vectors.thresholds.dev.epoch2Receive })
})

test.each(vectors.vectors)('work $work has difficulty $difficulty', (v) => {
  expect(workDifficulty(v.root, work(v.work))).toBe(v.difficulty)
  expect(isValidWork(v.root, work(v.work), live.send)).toBe(v.validSend)
  expect(isValidWork(v.root, work(v.work), live.receive)).toBe(v.validReceive)
  expect(isValidWork(v.root, work(v.work), work(vectors.thresholds.live.epoch1))).toBe(v.validEpoch1)
  expect(isValidWork(v.root, work(v.work), dev.send)).toBe(v.validDevSend)
  expect(isValidWork(v.root, work(v.work), dev.receive)).toBe(v.validDevReceive)
})

test('the difficulty is what another library and large numbers make of it', () => {
  fc.assert(
    fc.property(hex32, fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), (root, nonce) => {
      const input = Buffer.alloc(40)
      input.writeBigUInt64LE(nonce)
      input.set(bytesOf(root), 8)
      const difficulty = Buffer.from(blake2b(input, { dkLen: 8 })).readBigUInt64LE()
      const text = nonce.toString(16).padStart(16, '0')
      expect(workDifficulty(root, work(text))).toBe(difficulty.toString(16).padStart(16, '0'))
    }),
  )
})

test('work is compared as a number, whatever its first digits', () => {
  const root = '0'.repeat(64)
  const difficulty = workDifficulty(root, work('0'.repeat(16)))
  expect(isValidWork(root, work('0'.repeat(16)), difficulty)).toBe(true)
  const above = (BigInt(`0x${difficulty}`) + 1n).toString(16).padStart(16, '0')
  expect(isValidWork(root, work('0'.repeat(16)), work(above))).toBe(false)
})

test('found work reaches the threshold', async () => {
  for (const threshold of [dev.receive, dev.send]) {
    for (const root of ['0'.repeat(64), 'A'.repeat(64)]) {
      expect(isValidWork(root, await generateWork(root, threshold), threshold)).toBe(true)
    }
  }
})

test('the search gives way to other tasks, and stops when it is told to', async () => {
  const stop = new AbortController()
  setTimeout(() => stop.abort('enough'))
  await expect(generateWork('0'.repeat(64), work('f'.repeat(16)), stop.signal)).rejects.toMatchObject({
    code: 'ERR_WORK',
  })
})

test('a search that was stopped before it began does not begin', async () => {
  const search = generateWork('0'.repeat(64), work('0'.repeat(16)), AbortSignal.abort())
  await expect(search).rejects.toMatchObject({ code: 'ERR_WORK' })
})
