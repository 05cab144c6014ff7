/** Base64, strictly: one spelling for each text, so that a proof has no second form. RFC 4648 sections 3.5 and 4. */

const encoder = new TextEncoder()
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
const isAscii = (text: string) => !/[^\0-\x7f]/.test(text)

/** Bytes as one character each, which is what `btoa` and `atob` speak. */
function binaryString(bytes: Uint8Array): string {
  let text = ''
  for (const byte of bytes) text += String.fromCharCode(byte)
  return text
}

/** UTF-8 text as standard base64 with padding. */
export const encodeBase64 = (text: string): string => btoa(isAscii(text) ? text : binaryString(encoder.encode(text)))

/** The text that standard base64 spells; undefined unless it is its only spelling and well-formed UTF-8. */
export function decodeBase64(base64: string): string | undefined {
  try {
    const binary = atob(base64)
    if (btoa(binary) !== base64) return undefined // spaces, missing padding and stray bits are what atob forgives
    return isAscii(binary) ? binary : decoder.decode(Uint8Array.from(binary, (c) => c.charCodeAt(0)))
  } catch {
    return undefined
  }
}

/** Bytes as base64url without padding (RFC 4648 section 5). */
export const encodeBase64Url = (bytes: Uint8Array): string =>
  btoa(binaryString(bytes)).replaceAll('+', '-').replaceAll('/', '_').replace(/=+$/, '')

/** The bytes that base64url spells; undefined unless it is their only spelling. */
export function decodeBase64Url(text: string): Uint8Array | undefined {
  try {
    const binary = atob(text.replaceAll('-', '+').replaceAll('_', '/'))
    const bytes = Uint8Array.from(binary, (c) => c.charCodeAt(0))
    return encodeBase64Url(bytes) === text ? bytes : undefined
  } catch {
    return undefined
  }
}
