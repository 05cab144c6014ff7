/** Amounts. 1 XNO = 10^30 raw; nothing here rounds, and nothing here is a floating-point number. */
import { AmountError } from '../errors.ts'
import type { Brand } from './brand.ts'

/** An amount in raw, the indivisible unit: 1 XNO = 10^30 raw. Always a bigint between 0 and 2^128 - 1. */
export type Raw = Brand<bigint, 'Raw'>

/** The largest amount that a Nano block can carry: 2^128 - 1 raw. */
export const MAX_RAW = (2n ** 128n - 1n) as Raw
const DECIMALS = 30

/**
 * Checks that a bigint is an amount. A sum of two `Raw` is a plain bigint until it went through here.
 *
 * @throws {@link AmountError} (`ERR_AMOUNT`) below 0 or above 2^128 - 1.
 * @example
 * raw(5n) // 5n
 */
export function raw(value: bigint): Raw {
  if (typeof value !== 'bigint' || value < 0n || value > MAX_RAW) {
    throw new AmountError('Not an amount in raw: expected a bigint from 0 to 2^128 - 1.')
  }
  return value as Raw
}

/**
 * Reads an amount of raw written as decimal text, the way a Nano node and x402 write it.
 *
 * @param text - Digits only: no sign, exponent, separator, space or leading zero.
 * @throws {@link AmountError} (`ERR_AMOUNT`) for anything else, numbers included, and above 2^128 - 1.
 * @example
 * parseRaw('1000000000000000000000000000') // 1000000000000000000000000000n
 */
export function parseRaw(text: unknown): Raw {
  if (typeof text !== 'string' || !/^(0|[1-9][0-9]{0,38})$/.test(text)) {
    throw new AmountError('Not an amount in raw: expected decimal digits without sign, exponent or leading zero.')
  }
  return raw(BigInt(text))
}

/**
 * Reads an amount written in XNO. Never rounds: an amount finer than one raw is refused.
 *
 * @param xno - Decimal XNO as text, such as `'0.001'`. Not raw, and not a number, which cannot hold most prices exactly.
 * @returns The same amount in raw.
 * @throws {@link AmountError} (`ERR_AMOUNT`) for a sign, an exponent, a missing digit before or after the point, a
 * leading zero, more than 30 decimals, or more than 2^128 - 1 raw.
 * @example
 * parseXno('0.001') // 1000000000000000000000000000n
 */
export function parseXno(xno: string): Raw {
  const match = typeof xno === 'string' ? /^(0|[1-9][0-9]{0,8})(?:\.([0-9]{1,30}))?$/.exec(xno) : null
  if (!match) {
    throw new AmountError("Not an amount in XNO: expected decimal text such as '0.001', at most 30 decimals.")
  }
  return raw(BigInt(match[1] + (match[2] ?? '').padEnd(DECIMALS, '0')))
}

/**
 * Writes an amount in XNO, exactly, without trailing zeros.
 *
 * @example
 * formatXno(parseRaw('1000000000000000000000000000')) // '0.001'
 */
export function formatXno(amount: Raw): string {
  const digits = raw(amount)
    .toString()
    .padStart(DECIMALS + 1, '0')
  const fraction = digits.slice(-DECIMALS).replace(/0+$/, '')
  return digits.slice(0, -DECIMALS) + (fraction && `.${fraction}`)
}
