/** The whole system of channels as processes of this machine: a devnet, Redis where it is installed, issuer, vendor, client. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { plainEnvironment, ROOT } from '../test/support/child.ts'

const COMMAND = fileURLToPath(new URL('../dist/node/src/cli/main.js', import.meta.url))

type Variables = Readonly<Record<string, string>>

const startCommand = (args: readonly string[], env: Variables): ChildProcess =>
  spawn(process.execPath, [COMMAND, ...args, '--json'], {
    cwd: ROOT,
    env: { ...plainEnvironment(), NODE_NO_WARNINGS: '1', ...env },
    stdio: ['ignore', 'pipe', 'inherit'],
  })

/** A service that runs until it is stopped. `said`: what it printed when it was ready. */
export interface Service {
  readonly said: { readonly url: string; readonly account: string; readonly [name: string]: unknown }
  stop(): Promise<void>
}

/** Starts `nano402 issuer` or `nano402 vendor`. @throws `Error` when it ends before it listens. */
export async function startService(
  name: 'issuer' | 'vendor',
  args: readonly string[],
  env: Variables,
): Promise<Service> {
  const child = startCommand([name, ...args], env)
  const ended = once(child, 'exit')
  const lines = createInterface({ input: child.stdout as NodeJS.ReadableStream })
  const [line] = await Promise.race([
    once(lines, 'line'),
    ended.then(([status]) => Promise.reject(new Error(`nano402 ${name} ended with ${status} before it listened.`))),
  ])
  return {
    said: JSON.parse(line),
    async stop() {
      child.kill('SIGTERM')
      await ended
    },
  }
}

/** Runs a command to its end. @throws `Error` when it did not print JSON. */
export async function runCommand(
  args: readonly string[],
  env: Variables,
): Promise<{ readonly status: number; readonly said: Readonly<Record<string, unknown>> }> {
  const child = startCommand(args, env)
  const [out, [status]] = await Promise.all([text(child.stdout as NodeJS.ReadableStream), once(child, 'exit')])
  if (out === '') throw new Error(`nano402 ${args[0]} ended with ${status} and said nothing.`)
  return { status, said: JSON.parse(out) }
}
