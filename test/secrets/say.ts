/** Prints a value in every way that logs do. */
import { inspect } from 'node:util'

const asText = (_key: string, value: unknown) => (typeof value === 'bigint' ? value.toString() : value)

export function say(what: unknown): void {
  const shown = inspect(what, { depth: Number.POSITIVE_INFINITY, maxStringLength: null })
  process.stdout.write(`${shown}\n${JSON.stringify(what, asText)}\n`)
  if (what instanceof Error) process.stderr.write(`${what.stack}\n${what}\n`)
}

/** Prints what a function throws or gives, or what its promise comes to. */
export async function sayWhatCame(of: () => unknown): Promise<void> {
  try {
    say(await of())
  } catch (error) {
    say(error)
  }
}
