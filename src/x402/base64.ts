/** Base64, strictly: one spelling for each text, so that a proof has no second form. RFC 4648 sections 3.5 and 4. */

const encoder = new TextEncoder()
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
const isAscii = (text: string) => !/[^\0-\x7f]/.test(text)

/** Bytes as one character each, which is what `btoa` and `atob` speak. */
function bytesToBinary(bytes: Uint8Array): string {
  let text = ''
  for (let at = 0; at < bytes.length; at += 4096) {
    text += Reflect.apply(String.fromCharCode, undefined, bytes.subarray(at, at + 4096)) // a call has room for so many
  }
  return text
}

function binaryToBytes(binary: string): Uint8Array {
  const bytes = new Uint8Array(binary.length)
  for (let i = 0; i < bytes.length; i++) bytes[i] = binary.charCodeAt(i)
  return bytes
}

/** UTF-8 text as standard base64 with padding. */
export const encodeBase64 = (text: string): string => btoa(isAscii(text) ? text : bytesToBinary(encoder.encode(text)))

/** The text that standard base64 spells; undefined unless it is its only spelling and well-formed UTF-8. */
export function decodeBase64(base64: string): string | undefined {
  try {
    const binary = atob(base64)
    if (btoa(binary) !== base64) return undefined // spaces, missing padding and stray bits are what atob forgives
    return isAscii(binary) ? binary : decoder.decode(binaryToBytes(binary))
  } catch {
    return undefined
  }
}

/** Bytes as base64url without padding (RFC 4648 section 5). */
export const encodeBase64Url = (bytes: Uint8Array): string => binaryToBase64Url(bytesToBinary(bytes))

const binaryToBase64Url = (binary: string): string =>
  btoa(binary).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '')

/** The bytes that base64url spells; undefined unless it is their only spelling. */
export function decodeBase64Url(text: string): Uint8Array | undefined {
  try {
    const binary = atob(text.replaceAll('-', '+').replaceAll('_', '/'))
    return binaryToBase64Url(binary) === text ? binaryToBytes(binary) : undefined
  } catch {
    return undefined
  }
}
