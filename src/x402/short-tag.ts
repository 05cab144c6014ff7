/** NanoSession before revision 7: a price of zeros at its end and a tag of seven digits, which the client adds up. */

/** 10^7. */
export const SHORT_TAG_MODULUS = 10_000_000

/**
 * Parts what is to be sent so that such a client sends exactly that. Its tag is the end of our 20 digits; the rest of them
 * goes into the price, for seven alone collide within thousands of open sessions.
 *
 * @param amount - Decimal raw.
 */
export function withShortTag(amount: string): { readonly base: string; readonly tag: number } {
  const tag = Number(BigInt(amount) % BigInt(SHORT_TAG_MODULUS))
  return { base: (BigInt(amount) - BigInt(tag)).toString(), tag }
}

/** ISO 8601, as these forms write an instant that we have in Unix seconds. */
export const isoTime = (unixSeconds: number): string => new Date(unixSeconds * 1_000).toISOString()
