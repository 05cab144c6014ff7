/** NanoSession before revision 7: a price of zeros at its end and a tag of seven digits, which the client adds up. */

import { type PaymentRequired, readPaymentRequired, X402_VERSION } from './shapes.ts'

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

/** What a bill of these forms says, as it was found: text, or what JSON has. */
export interface ShortTagBill {
  readonly url: string
  readonly network: unknown
  readonly asset: unknown
  readonly payTo: unknown
  readonly base: unknown
  readonly tag: unknown
  readonly tagModulus: unknown
  readonly tagMultiplier: unknown
  readonly sessionId: unknown
  readonly expiresAt: unknown
}

/** The bill in the words of version 2; undefined where it is none. Whether it fits together, the payer's rules say. */
export function readShortTagBill(bill: ShortTagBill): PaymentRequired | undefined {
  const { url, network, asset, payTo, base, tag, tagModulus, tagMultiplier, sessionId, expiresAt } = bill
  const [price, tagText, modulus, multiplier] = [base, tag, tagModulus, tagMultiplier].map(digits)
  if (!price || !tagText || !modulus || !multiplier || typeof expiresAt !== 'string') return undefined
  const tagAmount = BigInt(tagText) * BigInt(multiplier)
  const nanoSession = {
    id: sessionId,
    tag: tagText,
    tagModulus: modulus,
    resourceAmountRaw: price,
    tagAmountRaw: tagAmount.toString(),
    expiresAt: Math.floor(Date.parse(expiresAt) / 1_000),
  }
  const amount = (BigInt(price) + tagAmount).toString()
  const offer = { scheme: 'exact', network, amount, asset, payTo, maxTimeoutSeconds: 0, extra: { nanoSession } }
  return readPaymentRequired({ x402Version: X402_VERSION, resource: { url }, accepts: [offer] })
}

/** A number of these forms, which is text or a number of JSON, as decimal digits. */
function digits(value: unknown): string | undefined {
  const text = typeof value === 'number' ? String(value) : value
  return typeof text === 'string' && /^[0-9]{1,39}$/.test(text) ? text : undefined
}
