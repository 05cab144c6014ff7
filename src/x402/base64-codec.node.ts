/** Bytes and base64 on Node: `Buffer` does it natively. */

/** Standard base64 with padding (RFC 4648 section 4). */
export const toBase64 = (bytes: Uint8Array): string => asBuffer(bytes).toString('base64')

/** base64url without padding (RFC 4648 section 5). */
export const toBase64Url = (bytes: Uint8Array): string => asBuffer(bytes).toString('base64url')

/** The bytes of either alphabet. Forgives what it does not understand: the caller compares spellings. */
export const fromBase64 = (text: string): Uint8Array => Buffer.from(text, 'base64')

const asBuffer = (bytes: Uint8Array) => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
