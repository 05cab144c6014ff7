/** Where a command reads and writes, and what is done differently when a person watches. */
import type { Readable, Writable } from 'node:stream'

/** A stream that may be a terminal, as Node's own say it. */
export type Output = Writable & { readonly isTTY?: boolean; hasColors?(): boolean }

/** The process's streams, or a test's. */
export interface Terminal {
  readonly stdin: Readable & { readonly isTTY?: boolean }
  /** What was asked for, and nothing else: it may be piped into another program. */
  readonly stdout: Output
  /** What is said on the way. */
  readonly stderr: Output
  /** Aborts on Ctrl-C or SIGTERM from the first call on; before it, they end the process. */
  interrupted(): AbortSignal
  /** The exit status of a command that ended without an error. 0 at first; see `EXIT`. */
  exitStatus: number
}

/** The streams and signals of this process. */
export function processTerminal(): Terminal {
  const { stdin, stdout, stderr } = process
  const controller = new AbortController()
  let isHeard = false
  return {
    stdin,
    stdout,
    stderr,
    interrupted() {
      if (!isHeard) for (const name of ['SIGINT', 'SIGTERM'] as const) process.once(name, () => controller.abort())
      isHeard = true
      return controller.signal
    },
    exitStatus: 0,
  }
}

/** Writes a line. */
export const printLine = (output: Output, text: string): void => void output.write(`${text}\n`)

/** Writes a value as one line of JSON. Amounts, which are bigints, become text. */
export const printJson = (output: Output, value: unknown): void =>
  printLine(
    output,
    JSON.stringify(value, (_, item: unknown) => (typeof item === 'bigint' ? item.toString() : item)),
  )

const CODES = { bold: [1, 22], dim: [2, 22], red: [31, 39], green: [32, 39], yellow: [33, 39] } as const
export type Style = keyof typeof CODES

/** Colours a text, if the output is a terminal that has colours (`NO_COLOR`, `FORCE_COLOR` and `TERM` are heeded). */
export function paint(output: Output, style: Style, text: string): string {
  const [on, off] = CODES[style]
  return output.isTTY && output.hasColors?.() ? `\u001b[${on}m${text}\u001b[${off}m` : text
}

/**
 * A text from a stranger, safe to print: control characters, which can move the cursor and fake what a terminal shows, and
 * those that turn the direction of writing, become `?`.
 */
export const harmless = (text: string): string =>
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  text.replace(/[\u0000-\u001f\u007f-\u009f\u200e\u200f\u2028-\u202e\u2066-\u2069]/g, '?')
