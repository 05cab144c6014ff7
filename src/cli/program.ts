/** `nano402` as a whole: its commands, and what becomes of an error. */
import { createRequire } from 'node:module'
import { Command, CommanderError, type CommandUnknownOpts } from '@commander-js/extra-typings'
import { type ErrorCode, PaywallError } from '../errors.ts'
import { client } from './client.ts'
import { CommandError, EXIT, type MakeCommand, UsageError } from './command.ts'
import { devnet } from './devnet.ts'
import { doctor } from './doctor.ts'
import { facilitator } from './facilitator.ts'
import { inspect } from './inspect.ts'
import { issuer } from './issuer.ts'
import { pay } from './pay.ts'
import { proxy } from './proxy.ts'
import { reconcile } from './reconcile.ts'
import { harmless, paint, printJson, printLine, type Terminal } from './terminal.ts'
import { vendor } from './vendor.ts'
import { wallet } from './wallet.ts'

const COMMANDS: readonly MakeCommand[] = [
  pay,
  inspect,
  wallet,
  doctor,
  proxy,
  devnet,
  facilitator,
  issuer,
  vendor,
  client,
  reconcile,
]

const AFTER = `
Every command has --json, and reads NANO402_... from the environment where its help says so.

Exit status:
  0    done
  1    a node, server, store or network did not do what was asked; no payment was made
  2    the command line, the environment or a file is wrong
  3    done, with findings: a check failed, a payment is unmatched, the answer is an error
  4    nothing was paid: declined, over a bound, no payable offer, or not enough XNO
  5    a payment was made, or may have been, and nothing was served: repeat the command
  130  ended by Ctrl-C`

/** Runs a command line, without the program's name. Resolves to the exit status; never rejects. */
export async function run(args: readonly string[], terminal: Terminal): Promise<number> {
  try {
    await makeProgram(terminal).parseAsync(args.length === 0 ? ['--help'] : [...args], { from: 'user' })
    return terminal.exitStatus
  } catch (error) {
    if (error instanceof CommanderError && error.exitCode === 0) return EXIT.ok
    const { code, message, status } = isAbort(error) && terminal.interrupted().aborted ? INTERRUPTED : told(error)
    printLine(terminal.stderr, `${paint(terminal.stderr, 'red', 'nano402:')} ${message}`)
    if (args.includes('--json')) printJson(terminal.stdout, { error: { code, message } })
    return status
  }
}

/** The whole command line, to be parsed. */
export function makeProgram(terminal: Terminal): CommandUnknownOpts {
  const { version } = createRequire(import.meta.url)('nano402/package.json') as { version: string }
  const program = new Command('nano402')
    .description('Charge for any HTTP API per request in Nano (XNO), and pay for one.')
    .version(version, '-v, --version', 'print the version')
    .addHelpText('after', AFTER)
  for (const make of COMMANDS) program.addCommand(make(terminal))
  prepare(program, 'nano402', terminal)
  return program
}

/** Gives a command and those below it the terminal's streams and our way of saying what is wrong. */
function prepare(command: CommandUnknownOpts, path: string, terminal: Terminal): void {
  command
    .helpOption('-h, --help', 'print this')
    .configureHelp({ styleTitle: (title) => paint(terminal.stdout, 'bold', title), showGlobalOptions: false })
    .configureOutput({
      writeOut: (text) => void terminal.stdout.write(text),
      writeErr: () => {}, // said by `run`
      getOutHasColors: () => true, // `paint` decides
    })
    .exitOverride((error) => {
      throw error.exitCode === 0 ? error : new UsageError(sentenceOf(error, path), { cause: error })
    })
  for (const child of command.commands) prepare(child, `${path} ${child.name()}`, terminal)
}

/** The parser's complaint as one sentence. Nothing that may be a seed typed at the wrong place is repeated. */
function sentenceOf({ code, message }: CommanderError, path: string): string {
  const see = `See ${path} --help.`
  if (code === 'commander.help') return `${path} needs a command. ${see}`
  const [complaint = '', suggestion] = message.replace(/^error: /, '').split('\n')
  const said = complaint
    .replace(/(?<=got \d+).*$/, '')
    .replace(/(--[\w-]+)=[^']*/, '$1')
    .replace(/[0-9a-f]{64}/gi, '(64 hex digits)')
  const end = suggestion ? `: d${suggestion.slice(2, -1)}` : said.endsWith('.') ? '' : '.'
  return harmless(`${said.charAt(0).toUpperCase()}${said.slice(1)}${end} ${see}`)
}

const STATUS: Partial<Readonly<Record<ErrorCode, number>>> = {
  ERR_CONFIG: EXIT.usage,
  ERR_INVALID_VALUE: EXIT.usage,
  ERR_AMOUNT: EXIT.usage,
  ERR_OVER_BUDGET: EXIT.unpaid,
  ERR_NO_PAYABLE_OFFER: EXIT.unpaid,
  ERR_NOT_APPROVED: EXIT.unpaid,
  ERR_INSUFFICIENT_FUNDS: EXIT.unpaid,
  ERR_REFUSED_AFTER_PAYMENT: EXIT.unserved,
  ERR_SEND_UNCERTAIN: EXIT.unserved,
}

/** What the library cannot say, because it does not know that it is asked by a command. */
const REMEDY: Partial<Readonly<Record<ErrorCode, string>>> = {
  ERR_NODE_UNAVAILABLE: 'Is it running, and does --rpc (NANO402_RPC_URL) have its URL?',
}

const INTERRUPTED = { code: 'ERR_INTERRUPTED', message: 'Interrupted: nothing was paid.', status: 130 }
const isAbort = (error: unknown) => error instanceof Error && error.name === 'AbortError'

/** What is said of an error. */
function told(error: unknown): { readonly code: string; readonly message: string; readonly status: number } {
  if (error instanceof CommandError) {
    return {
      code: error.status === EXIT.usage ? 'ERR_USAGE' : 'ERR_COMMAND',
      message: error.message,
      status: error.status,
    }
  }
  if (error instanceof PaywallError) {
    const message = [error.message, REMEDY[error.code]].filter(Boolean).join(' ')
    return { code: error.code, message: harmless(message), status: STATUS[error.code] ?? EXIT.failed }
  }
  const message = error instanceof Error ? error.message : String(error)
  return {
    code: 'ERR_UNEXPECTED',
    message: `Something unexpected went wrong: ${harmless(message)}`,
    status: EXIT.failed,
  }
}
