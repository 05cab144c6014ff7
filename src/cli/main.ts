#!/usr/bin/env node
/** The `nano402` command. */
import { createRequire } from 'node:module'
import { ConfigError, PaywallError } from '../errors.ts'
import { type Command, UsageError } from './command.ts'
import { devnet } from './devnet.ts'
import { reconcile } from './reconcile.ts'

const COMMANDS: Readonly<Record<string, Command>> = { devnet, reconcile }

const list = Object.entries(COMMANDS).map(([name, { summary }]) => `  ${name.padEnd(10)} ${summary}`)
const HELP = `Usage: nano402 <command> [options]

Commands:
${list.join('\n')}

nano402 <command> --help tells about one; nano402 --version prints the version.`

async function main([name, ...args]: readonly string[]): Promise<number> {
  if (name === '--version' || name === '-v')
    return print(createRequire(import.meta.url)('nano402/package.json').version)
  if (name === undefined || name === '--help' || name === '-h' || name === 'help') return print(HELP)
  const command = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined
  if (!command) throw new UsageError(`There is no command '${name}'. See nano402 --help.`)
  if (args.includes('--help') || args.includes('-h')) return print(command.help)
  return command.run(args)
}

function print(text: string): 0 {
  console.log(text)
  return 0
}

/** parseArgs throws its own errors for options that are unknown or lack a value. */
const isUsageError = (error: unknown): error is Error =>
  error instanceof UsageError ||
  error instanceof ConfigError ||
  (error instanceof Error && 'code' in error && /^ERR_PARSE_ARGS/.test(String(error.code)))

try {
  process.exitCode = await main(process.argv.slice(2))
} catch (error) {
  if (!isUsageError(error) && !(error instanceof PaywallError)) throw error
  console.error(`nano402: ${error.message}`)
  process.exitCode = isUsageError(error) ? 2 : 1
}
