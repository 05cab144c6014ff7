/** Fields that cannot run into each other: each with its length in front. What every MAC here is over. */

/** A field that is not there differs from an empty one. */
export type Field = string | Uint8Array | undefined
const ABSENT = 0xffffffff

const encoder = new TextEncoder()
/** As it is written without being encoded. */
const ASCII = /^[\0-\x7f]*$/

/** Length (big-endian uint32) and bytes of each field, one after the other. */
export function encodeFields(fields: readonly Field[]): Uint8Array {
  const parts = fields.map((field) => (typeof field === 'string' && !ASCII.test(field) ? encoder.encode(field) : field))
  const bytes = new Uint8Array(parts.reduce<number>((length, part) => length + 4 + (part?.length ?? 0), 0))
  let at = 0
  for (const part of parts) {
    const length = part?.length ?? ABSENT
    bytes[at++] = length >>> 24
    bytes[at++] = length >>> 16
    bytes[at++] = length >>> 8
    bytes[at++] = length
    if (typeof part === 'string') for (let i = 0; i < part.length; i++) bytes[at++] = part.charCodeAt(i)
    else if (part) {
      bytes.set(part, at)
      at += part.length
    }
  }
  return bytes
}

/** Text as UTF-8. What is ASCII, as nearly all is here, is faster written in a loop than given to the encoder. */
export function encodeUtf8(text: string): Uint8Array {
  const bytes = new Uint8Array(text.length)
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i)
    if (code > 127) return encoder.encode(text)
    bytes[i] = code
  }
  return bytes
}

/** Whether two byte strings are equal, in a time that depends on their length alone. */
export function equalInConstantTime(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false
  let difference = 0
  for (let i = 0; i < a.length; i++) difference |= (a[i] ?? 0) ^ (b[i] ?? 0)
  return difference === 0
}

const POOL_SIZE = 4096
let pool = new Uint8Array(0)
let used = 0

/** Random bytes, drawn from the system a few thousand at a time. Each is given out once. */
export function randomBytes(length: number): Uint8Array {
  if (used + length > pool.length) {
    pool = crypto.getRandomValues(new Uint8Array(POOL_SIZE))
    used = 0
  }
  used += length
  return pool.slice(used - length, used)
}

const DIGITS = encodeUtf8('0123456789abcdef')
const decoder = new TextDecoder()

/** Random bytes as lower-case hex, two digits each. In one piece: text that is added up stays in pieces until it is read. */
export function randomHex(length: number): string {
  const hex = randomBytes(2 * length) // four bits of each are used
  for (let i = 0; i < hex.length; i++) hex[i] = DIGITS[(hex[i] as number) & 15] as number
  return decoder.decode(hex)
}

/** FNV-1a: tells apart what nobody bends on purpose. It proves nothing; a MAC does. */
export function fnv1a(bytes: Uint8Array): number {
  let hash = 0x811c9dc5
  for (const byte of bytes) hash = Math.imul(hash ^ byte, 0x01000193)
  return hash >>> 0
}
