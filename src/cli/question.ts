/** A question to the person at the terminal. */
import { createInterface } from 'node:readline/promises'
import type { Terminal } from './terminal.ts'

/** Whether anybody can be asked. */
export const canAsk = ({ stdin, stderr }: Terminal): boolean => Boolean(stdin.isTTY && stderr.isTTY)

/** Asks. Only `y` and `yes` are a yes. The end of the input is a no. */
export async function confirm(question: string, { stdin, stderr }: Terminal, signal: AbortSignal): Promise<boolean> {
  const reader = createInterface({ input: stdin, output: stderr, terminal: false })
  const ended = new Promise<string>((resolve) => reader.once('close', () => resolve('')))
  try {
    const answer = await Promise.race([reader.question(`${question} [y/N] `, { signal }), ended])
    return /^y(es)?$/i.test(answer.trim())
  } finally {
    reader.close()
  }
}
