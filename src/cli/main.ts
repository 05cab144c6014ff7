#!/usr/bin/env node
/** The `nano402` command. */
import { run } from './program.ts'
import { harmless, paint, printLine, processTerminal } from './terminal.ts'

const terminal = processTerminal()

// Whoever reads our output may stop reading, as `head` does.
process.stdout.on('error', ({ code }: NodeJS.ErrnoException) => process.exit(code === 'EPIPE' ? 0 : 1))

// People get the sentence: not where in our code it was said, and not what Node thinks of its own parts.
const isSilenced = process.listenerCount('warning') === 0 // by NODE_NO_WARNINGS
process.removeAllListeners('warning').on('warning', ({ name, message }) => {
  if (isSilenced || name === 'ExperimentalWarning') return
  printLine(terminal.stderr, `${paint(terminal.stderr, 'yellow', 'warning:')} ${harmless(message)}`)
})
process.on('uncaughtException', (error) => {
  const message = error instanceof Error ? error.message : String(error)
  printLine(terminal.stderr, `nano402: Something unexpected went wrong: ${harmless(message)}`)
  process.exit(1)
})

process.exitCode = await run(process.argv.slice(2), terminal)
