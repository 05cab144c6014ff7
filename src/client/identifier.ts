/** x402's `payment-identifier` as a client has it: an id under which the server gives a lost answer again. */
import { bytesToHex } from '../nano/hex.ts'

const NAME = 'payment-identifier'

/** What a payment says of an id, where the server offers or requires one. Its `extensions` are a stranger's word. */
export function identifierFor(
  extensions: Readonly<Record<string, unknown>> | undefined,
): Readonly<Record<string, unknown>> | undefined {
  const entry = extensions?.[NAME]
  const info = typeof entry === 'object' && entry !== null && 'info' in entry ? entry.info : undefined
  const required = typeof info === 'object' && info !== null && 'required' in info ? info.required : undefined
  if (typeof required !== 'boolean') return undefined
  const id = `pay_${bytesToHex(crypto.getRandomValues(new Uint8Array(16))).toLowerCase()}`
  return { [NAME]: { info: { required, id } } }
}
