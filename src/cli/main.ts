#!/usr/bin/env node
/** The `nano402` command. */
import { run } from './program.ts'
import { processTerminal } from './terminal.ts'

// Whoever reads our output may stop reading, as `head` does.
process.stdout.on('error', ({ code }: NodeJS.ErrnoException) => process.exit(code === 'EPIPE' ? 0 : 1))
process.exitCode = await run(process.argv.slice(2), processTerminal())
