/** Bytes and base64 on any runtime of the web, through `btoa` and `atob`. */

/** Standard base64 with padding (RFC 4648 section 4). */
export function toBase64(bytes: Uint8Array): string {
  let binary = ''
  for (let at = 0; at < bytes.length; at += 4096) {
    binary += Reflect.apply(String.fromCharCode, undefined, bytes.subarray(at, at + 4096)) // a call has room for so many
  }
  return btoa(binary)
}

/** base64url without padding (RFC 4648 section 5). */
export const toBase64Url = (bytes: Uint8Array): string =>
  toBase64(bytes).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '')

/** The bytes of either alphabet; none for what is neither. The caller compares spellings. */
export function fromBase64(text: string): Uint8Array {
  try {
    const binary = atob(text.replaceAll('-', '+').replaceAll('_', '/'))
    const bytes = new Uint8Array(binary.length)
    for (let i = 0; i < bytes.length; i++) bytes[i] = binary.charCodeAt(i)
    return bytes
  } catch {
    return new Uint8Array(0)
  }
}
