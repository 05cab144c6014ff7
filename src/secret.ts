/** From the operator's secret to the keys of the seal. */
import { encodeFields } from './core/bytes.ts'
import type { Mac } from './core/seal.ts'
import { ConfigError } from './errors.ts'
import { blake2b, keyedBlake2b } from './nano/blake2b.ts'

/** The seal's MAC: keyed BLAKE2b-256. */
export const mac: Mac = keyedBlake2b

const MIN_BYTES = 32
const MIN_DIFFERENT_CHARACTERS = 8
const REMEDY = 'Make one with: openssl rand -hex 32'

/**
 * Checks a secret and derives the key that it stands for.
 *
 * @throws {@link ConfigError} (`ERR_CONFIG`) when it is shorter than 32 bytes, or plainly nobody's secret. It is not quoted.
 */
export function sealKey(secret: string): Uint8Array {
  const bytes = new TextEncoder().encode(secret)
  if (bytes.length < MIN_BYTES) {
    throw new ConfigError(`NANO402_SECRET (option secret) must have at least ${MIN_BYTES} bytes. ${REMEDY}`)
  }
  if (new Set(secret).size < MIN_DIFFERENT_CHARACTERS || /change.?me|example|your.?secret|placeholder/i.test(secret)) {
    throw new ConfigError(`NANO402_SECRET (option secret) is a placeholder. ${REMEDY}`)
  }
  return blake2b(32, encodeFields(['nano402 seal key', bytes]))
}

/** A key for one process's life. */
export const randomKey = (): Uint8Array => crypto.getRandomValues(new Uint8Array(32))
