/** What Redis answered, taken at its word only where it is what it should be; everything else is a `StoreError`. */
import { StoreError } from '../errors.ts'

export const unanswered = (what: string) => new StoreError(`Redis gave no usable answer: ${what}.`)

/** The code of a network error or of a reply such as `READONLY ...`: the one part that quotes no address, key or password. */
export function reasonOf(error: unknown): string {
  const { code, cause, message } = Object(error) as { readonly [part in 'code' | 'cause' | 'message']?: unknown }
  const systemCode = code ?? Object(cause).code
  if (typeof systemCode === 'string' && /^E[A-Z_]{2,40}$/.test(systemCode)) return systemCode
  return /^[A-Z]{3,20}(?= )/.exec(String(message))?.[0] ?? 'the command failed'
}

const odd = () => unanswered('a reply of another kind')

export function listOf(reply: unknown, length: number): readonly unknown[] {
  if (!Array.isArray(reply) || reply.length !== length) throw odd()
  return reply
}

export function textOf(reply: unknown): string {
  if (typeof reply !== 'string') throw odd()
  return reply
}

export function numberOf(reply: unknown): number {
  const number = typeof reply === 'string' && /^\d+$/.test(reply) ? Number(reply) : reply
  if (typeof number !== 'number' || !Number.isSafeInteger(number) || number < 0) throw odd()
  return number
}

export function isOne(reply: unknown): boolean {
  const number = numberOf(reply)
  if (number !== 0 && number !== 1) throw odd()
  return number === 1
}

export function oneOf<T extends string>(reply: unknown, values: readonly T[]): T {
  const value = values.find((value) => value === reply)
  if (value === undefined) throw odd()
  return value
}
