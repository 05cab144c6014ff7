/**
 * How a node reads text, which is laxer than how this package reads it: hex of any case, short hex as a number, and
 * accounts with a dash. Nothing here throws: `undefined` means that the node would have said no.
 */
import { type NanoAddress, nanoAddress, parseRaw, type Raw } from '../nano/index.ts'

/** Reads hex as a number of `digits` digits, upper case. */
export function decodeHex(value: string | undefined, digits: number): string | undefined {
  if (value === undefined || value.length > digits || !/^[0-9a-fA-F]+$/.test(value)) return undefined
  return value.toUpperCase().padStart(digits, '0')
}

/** Reads an account with any prefix that a node takes: `nano_`, `xrb_`, `nano-` or `xrb-`. */
export const decodeAccount = (value: string | undefined): NanoAddress | undefined =>
  attempt(() => nanoAddress(value?.replace(/^(nano|xrb)-/, '$1_')))

/** Reads an amount of raw as decimal text. */
export const decodeRaw = (value: string | undefined): Raw | undefined => attempt(() => parseRaw(value))

function attempt<T>(read: () => T): T | undefined {
  try {
    return read()
  } catch {
    return undefined
  }
}
