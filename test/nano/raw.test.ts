import fc from 'fast-check'
import { formatXno, MAX_RAW, parseRaw, parseXno, raw } from 'nano402/nano'
import { describe, expect, test } from 'vitest'
import vectors from '../vectors/amounts.json' with { type: 'json' }
import { amount } from './arbitraries.ts'

const AMOUNT_ERROR = expect.objectContaining({ code: 'ERR_AMOUNT' })

describe('XNO text', () => {
  test.each(vectors.xnoToRaw.filter((v) => v.valid))('$xno XNO is $raw raw', (v) => {
    expect(parseXno(v.xno).toString()).toBe(v.raw)
    expect(formatXno(parseXno(v.xno))).toBe(v.canonicalXno)
  })
  test.each(vectors.xnoToRaw.filter((v) => !v.valid))('$xno is refused', (v) => {
    expect(() => parseXno(v.xno)).toThrow(AMOUNT_ERROR)
  })
  test.each([1, 0.1, 1n, true, null, undefined, ['1'], { toString: () => '1' }])('%o is not text', (value) => {
    expect(() => parseXno(value as string)).toThrow(AMOUNT_ERROR)
  })
  test('every amount is read back as it was written', () => {
    fc.assert(
      fc.property(amount, (raw) => {
        expect(parseXno(formatXno(raw))).toBe(raw)
      }),
    )
  })
  test('trailing zeros do not change an amount', () => {
    fc.assert(
      fc.property(amount, fc.nat(30), (raw, zeros) => {
        const [whole = '', fraction = ''] = formatXno(raw).split('.')
        expect(parseXno(`${whole}.${fraction.padEnd(Math.max(1, fraction.length, zeros), '0')}`)).toBe(raw)
      }),
    )
  })
})

describe('raw text', () => {
  test.each(vectors.raw.filter((v) => v.valid))('$raw raw is $xno XNO', (v) => {
    expect(parseRaw(v.raw).toString()).toBe(v.raw)
    expect(formatXno(parseRaw(v.raw))).toBe(v.xno)
  })
  test.each(vectors.raw.filter((v) => !v.valid))('$raw is refused', (v) => {
    expect(() => parseRaw(v.raw)).toThrow(AMOUNT_ERROR)
  })
  test('every amount is read back as it was written', () => {
    fc.assert(
      fc.property(amount, (raw) => {
        expect(parseRaw(raw.toString())).toBe(raw)
      }),
    )
  })
})

test('whatever is not an amount is refused with ERR_AMOUNT and nothing else', () => {
  fc.assert(
    fc.property(fc.anything(), (value) => {
      for (const read of [parseRaw, parseXno, raw] as readonly ((value: unknown) => bigint)[]) {
        try {
          expect(read(value)).toBeTypeOf('bigint')
        } catch (error) {
          expect(error).toEqual(AMOUNT_ERROR)
        }
      }
    }),
  )
})

test('a sum of two amounts is checked again, so that it cannot run over', () => {
  expect(raw(MAX_RAW - 1n + 1n)).toBe(MAX_RAW)
  expect(() => raw(MAX_RAW + 1n)).toThrow(AMOUNT_ERROR)
  expect(() => raw(-1n)).toThrow(AMOUNT_ERROR)
  expect(() => formatXno(-1n as never)).toThrow(AMOUNT_ERROR)
})
