/** What a command of `nano402` is: one file each, made of parts that are here. program.ts lists them. */
import { type CommandUnknownOpts, InvalidArgumentError, Option } from '@commander-js/extra-typings'
import type { Network } from '../rpc/index.ts'
import type { Terminal } from './terminal.ts'

/**
 * Makes a command. Its action writes to the terminal, sets `terminal.exitStatus` where that is not 0, and throws what
 * `run` (program.ts) makes a sentence of.
 */
export type MakeCommand = (terminal: Terminal) => CommandUnknownOpts

/** How the command ends, for scripts. */
export const EXIT = {
  ok: 0,
  /** A node, a server, a store or the network did not do what was asked. No payment was made. */
  failed: 1,
  /** The command line, the environment or a file that they name is wrong. */
  usage: 2,
  /** It is done, and found something: a check that failed, a payment without its answer, an answer of 400 or more. */
  findings: 3,
  /** Nothing was paid: declined, over a bound, no offer that can be paid, or not enough in the account. */
  unpaid: 4,
  /** A payment was made, or may have been, and nothing was served for it. */
  unserved: 5,
} as const

/** Ends the command with a sentence and a status. The sentence says the remedy. */
export class CommandError extends Error {
  override readonly name: string = 'CommandError'
  readonly status: number
  constructor(message: string, status: number, options?: ErrorOptions) {
    super(message, options)
    this.status = status
  }
}

/** The command line is wrong. */
export class UsageError extends CommandError {
  override readonly name = 'UsageError'
  constructor(message: string, options?: ErrorOptions) {
    super(message, EXIT.usage, options)
  }
}

/** Reads an option by a function that throws. What it throws, the option's error says. */
export const parsedBy =
  <T>(parse: (text: string) => T) =>
  (text: string): T => {
    try {
      return parse(text)
    } catch (error) {
      throw new InvalidArgumentError(error instanceof Error ? error.message : '')
    }
  }

/** Reads a whole number from 0 to `most`. */
export const wholeNumber =
  (most: number) =>
  (text: string): number => {
    const value = /^\d{1,15}$/.test(text) ? Number(text) : Number.NaN
    if (!(value <= most)) throw new InvalidArgumentError(`Expected a whole number from 0 to ${most}.`)
    return value
  }

const NETWORKS = ['nano:mainnet', 'nano:devnet'] as const satisfies readonly Network[]

/** Reads an option that may be repeated, or list several with commas as in the environment. */
export const listed = (text: string, before: readonly string[] | undefined): readonly string[] => [
  ...(before ?? []),
  ...text.split(',').flatMap((part) => part.trim() || []),
]

export const rpcOption = () =>
  new Option('--rpc <url>', 'a Nano node; repeat it for fail-over').env('NANO402_RPC_URL').argParser(listed)

export const wsOption = () =>
  new Option('--ws <url>', "a node's websocket, which ends waiting early").env('NANO402_WS_URL')

export const networkOption = () =>
  new Option('--network <name>', 'the Nano network').env('NANO402_NETWORK').choices(NETWORKS).default(NETWORKS[0])

export const workOption = () =>
  new Option('--work <where>', "who computes proof of work: node, cpu (minutes on mainnet), or a work server's URL")
    .env('NANO402_WORK')
    .default('node')

export const jsonOption = () => new Option('--json', 'print JSON for programs')

/** The node of `--rpc`. @throws {@link UsageError} */
export function requiredRpc(rpc: readonly string[] | undefined): readonly string[] {
  if (rpc === undefined || rpc.length === 0) throw new UsageError('--rpc (or NANO402_RPC_URL) must name a Nano node.')
  return rpc
}
