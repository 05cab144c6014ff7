/** The command line, run: as a program, built or from source, and in this process with streams that a test gives. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { PassThrough } from 'node:stream'
import { text } from 'node:stream/consumers'
import { onTestFinished, vi } from 'vitest'
import { run } from '../../src/cli/program.ts'
import { plainEnvironment, ROOT } from '../support/child.ts'

export interface Ran {
  readonly status: number
  readonly out: string
  readonly err: string
}

type Variables = Readonly<Record<string, string>>

interface RunOptions {
  readonly env?: Variables
  /** What is on its standard input. Default: nothing. */
  readonly input?: string
}

/** Runs the built command. */
export async function nano402(args: readonly string[], { env = {}, input }: RunOptions = {}): Promise<Ran> {
  const child = spawn(process.execPath, ['dist/node/src/cli/main.js', ...args], {
    cwd: ROOT,
    env: { ...plainEnvironment(), NODE_NO_WARNINGS: '1', ...env },
    stdio: ['pipe', 'pipe', 'pipe'],
  })
  child.stdin.end(input)
  const [out, err, [status]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'close')])
  return { status, out, err }
}

/** A stream that a terminal is behind, or is not. */
const stream = (isTTY: boolean) => Object.assign(new PassThrough(), { isTTY, hasColors: () => true })

export interface Started {
  readonly ended: Promise<Ran>
  /** What it has printed so far. */
  out(): string
  err(): string
  /** Resolves once it has printed what matches, on either output. */
  printed(pattern: RegExp): Promise<RegExpExecArray>
  /** Types a line. */
  type(line: string): void
  /** Presses Ctrl-C. */
  interrupt(): void
}

/** Starts the command in this process, from source. `tty`: a person sits in front of it. */
export function start(
  args: readonly string[],
  { env = {}, input, tty = false }: RunOptions & { readonly tty?: boolean } = {},
): Started {
  for (const name of Object.keys(process.env)) if (name.startsWith('NANO402_')) vi.stubEnv(name, undefined)
  for (const [name, value] of Object.entries(env)) vi.stubEnv(name, value)
  onTestFinished(() => void vi.unstubAllEnvs())
  const [stdin, stdout, stderr] = [stream(tty), stream(tty), stream(tty)]
  if (!tty) stdin.end(input)
  const controller = new AbortController()
  const terminal = { stdin, stdout, stderr, interrupted: () => controller.signal, exitStatus: 0 }
  let [out, err] = ['', '']
  const checks = new Set<() => void>()
  stdout.setEncoding('utf8').on('data', (piece: string) => {
    out += piece
    for (const check of checks) check()
  })
  stderr.setEncoding('utf8').on('data', (piece: string) => {
    err += piece
    for (const check of checks) check()
  })
  const ended = run(args, terminal).then(async (status) => {
    for (const output of [stdout, stderr]) {
      output.end()
      if (!output.readableEnded) await once(output, 'end')
    }
    return { status, out, err }
  })
  return {
    ended,
    out: () => out,
    err: () => err,
    printed: (pattern) =>
      new Promise((resolve, reject) => {
        const check = () => {
          const match = pattern.exec(out) ?? pattern.exec(err)
          if (match) resolve(match)
        }
        checks.add(check)
        check()
        ended.then((ran) =>
          reject(new Error(`It ended with ${ran.status} before it printed ${pattern}:\n${out}${err}`)),
        )
      }),
    type: (line) => void stdin.write(`${line}\n`),
    interrupt: () => controller.abort(),
  }
}

/** Runs the command in this process, from source. */
export const ran = (args: readonly string[], options?: Parameters<typeof start>[1]): Promise<Ran> =>
  start(args, options).ended
