/** Base64, strictly: one spelling for each text, so that a proof has no second form. RFC 4648 sections 3.5, 4 and 5. */
import { fromBase64, toBase64, toBase64Url } from '#x402/base64-codec'

const encoder = new TextEncoder()
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** UTF-8 text as standard base64 with padding. */
export const encodeBase64 = (text: string): string => toBase64(encoder.encode(text))

/** The text that standard base64 spells; undefined unless it is its only spelling and well-formed UTF-8. */
export function decodeBase64(base64: string): string | undefined {
  const bytes = fromBase64(base64)
  if (toBase64(bytes) !== base64) return undefined // spaces, missing padding and stray bits are what decoders forgive
  try {
    return decoder.decode(bytes)
  } catch {
    return undefined
  }
}

/** Bytes as base64url without padding. */
export const encodeBase64Url: (bytes: Uint8Array) => string = toBase64Url

/** UTF-8 text as base64url without padding. */
export const encodeTextBase64Url = (text: string): string => toBase64Url(encoder.encode(text))

/** The bytes that base64url spells; undefined unless it is their only spelling. */
export function decodeBase64Url(text: string): Uint8Array | undefined {
  const bytes = fromBase64(text)
  return toBase64Url(bytes) === text ? bytes : undefined
}
