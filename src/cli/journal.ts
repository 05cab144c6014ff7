/** Where the command remembers what it paid: one file for each account, used by one process at a time. */
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { dirname, join } from 'node:path'
import type { NanoAddress } from '../nano/index.ts'
import type { Network } from '../rpc/index.ts'
import { CommandError, EXIT, UsageError } from './command.ts'

/** `$XDG_STATE_HOME/nano402/<network>-<account>.jsonl`. */
export function defaultJournal(network: Network, account: NanoAddress): string {
  const state = process.env.XDG_STATE_HOME || join(homedir(), '.local', 'state')
  return join(state, 'nano402', `${network.replace(':', '-')}-${account}.jsonl`)
}

/** Makes the journal this process's own, and its folder if there is none. The way back is given. @throws {@link CommandError} */
export function lockJournal(path: string): () => void {
  const lock = `${path}.lock`
  const take = () => writeFileSync(lock, String(process.pid), { flag: 'wx', mode: 0o600 })
  try {
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
    try {
      take()
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
      const holder = Number(readFileSync(lock, 'utf8'))
      if (isAlive(holder)) {
        throw new CommandError(
          `Process ${holder} is paying from this account: wait for it, or use another account (--account-index).`,
          EXIT.failed,
        )
      }
      rmSync(lock, { force: true }) // it was killed
      take()
    }
  } catch (error) {
    if (error instanceof CommandError) throw error
    const { code } = error as NodeJS.ErrnoException
    throw new UsageError(`The payment journal ${path} cannot be used (${code}): choose another place with --journal.`)
  }
  return () => rmSync(lock, { force: true })
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}
