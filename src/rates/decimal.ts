/** Decimal text as a bigint, and back: nothing here is a floating-point number. */

/** What 1 is as a scaled number: thirty decimals, as many as XNO has. */
export const ONE = 10n ** 30n

/** Reads decimal text as a multiple of 10^-30. Undefined for a sign, an exponent, a separator, and more digits than that. */
export function readDecimal(text: unknown): bigint | undefined {
  const match = typeof text === 'string' ? /^(0|[1-9][0-9]{0,8})(?:\.([0-9]{1,30}))?$/.exec(text) : null
  return match ? BigInt(match[1] + (match[2] ?? '').padEnd(30, '0')) : undefined
}
