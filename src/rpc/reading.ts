/** Reads a node's answers, whose shape nothing proves. What does not fit is no answer. */
import { NodeUnavailableError, PaywallError } from '../errors.ts'

export type Fields = Readonly<Record<string, unknown>>

export const isFields = (value: unknown): value is Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** When a node first saw a block (Unix time in ms); undefined where it says 0, or nothing that is a time. */
export const localTimestampMs = (seconds: unknown): number | undefined =>
  typeof seconds === 'string' && /^[1-9][0-9]{0,11}$/.test(seconds) ? Number(seconds) * 1_000 : undefined

/** Reads an answer; whatever is wrong with its form makes it no answer. */
export function read<T>(action: string, parse: () => T): T {
  try {
    return parse()
  } catch (error) {
    if (error instanceof NodeUnavailableError) throw error
    const what = error instanceof PaywallError ? error.message : 'its form is not known.'
    throw new NodeUnavailableError(`The Nano node gave no usable answer to ${action}: ${what}`)
  }
}
