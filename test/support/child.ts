/** Other programs, started by a test and ended with it. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'

/** Where the repository is. */
export const ROOT = fileURLToPath(new URL('../..', import.meta.url))

export interface Child extends AsyncDisposable {
  /** What it has printed so far, on both of its outputs. */
  output(): string
  /** Its exit status, once it has ended and everything it printed is known. */
  readonly ended: Promise<number | null>
  /** The first match of `pattern` in what it prints. Rejects when it ends without one. */
  printed(pattern: RegExp): Promise<RegExpExecArray>
  /** Ends it, and resolves when it has ended. */
  stop(): Promise<void>
  /** Kills it with -9, and resolves when it has ended. */
  kill(): Promise<void>
}

export interface ChildOptions {
  /** Default: the repository. */
  readonly cwd?: string
  /** On top of {@link plainEnvironment}. */
  readonly env?: Readonly<Record<string, string>>
}

/** Starts a program. Its output is kept, not shown. */
export function startChild(
  command: string,
  args: readonly string[],
  { cwd = ROOT, env = {} }: ChildOptions = {},
): Child {
  const child = spawn(command, args, { cwd, env: { ...plainEnvironment(), ...env }, stdio: ['ignore', 'pipe', 'pipe'] })
  let output = ''
  const checks = new Set<() => void>()
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      output += text
      for (const check of checks) check()
    })
  }
  const ended = once(child, 'close').then(([status]) => status as number | null)
  const end = async (signal: NodeJS.Signals) => {
    child.kill(signal)
    await ended
  }
  const stop = () => end('SIGTERM')
  return {
    output: () => output,
    ended,
    printed: (pattern) =>
      new Promise((resolve, reject) => {
        const check = () => {
          const match = pattern.exec(output)
          if (match) resolve(match)
        }
        checks.add(check)
        check()
        ended.then(
          (status) => reject(new Error(`${command} ended with ${status} before it printed ${pattern}:\n${output}`)),
          reject,
        )
      }),
    stop,
    kill: () => end('SIGKILL'),
    [Symbol.asyncDispose]: stop,
  }
}

/** A TypeScript program of this repository that uses the built package, as `npm run example` starts it. */
export const startExample = (script: string, env: ChildOptions['env'] = {}, ...args: string[]): Child =>
  startChild(process.execPath, ['--import', 'tsx', script, ...args], {
    env: { TSX_TSCONFIG_PATH: 'examples/tsconfig.json', ...env },
  })

/** This process's environment, without what configures nano402, and without what the test runner has set. */
export const plainEnvironment = (): Record<string, string> =>
  Object.fromEntries(
    Object.entries(process.env).filter(
      (entry): entry is [string, string] =>
        entry[1] !== undefined && !/^(NANO402_|VITEST|NODE_ENV$|TEST$)/.test(entry[0]),
    ),
  )
