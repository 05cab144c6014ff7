/** One process at a time, among the workers of the test runner and the programs that they start. */
import { readFileSync, rmSync, watch, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'

/** Runs something while nobody else holds the file. One that a killed process has left is taken over. */
export async function withLock<T>(file: string, run: () => Promise<T>): Promise<T> {
  while (!isTaken(file)) await change(file)
  try {
    return await run()
  } finally {
    rmSync(file, { force: true })
  }
}

function isTaken(file: string): boolean {
  try {
    writeFileSync(file, String(process.pid), { flag: 'wx' })
    return true
  } catch {
    if (!isHeld(file)) rmSync(file, { force: true })
    return false
  }
}

function isHeld(file: string): boolean {
  try {
    process.kill(Number(readFileSync(file, 'utf8')), 0)
    return true
  } catch {
    return false
  }
}

/** Resolves when something in the file's folder changes, or when the file has gone meanwhile. */
const change = (file: string) =>
  new Promise<void>((resolve) => {
    const watcher = watch(dirname(file), done)
    function done() {
      watcher.close()
      resolve()
    }
    if (!isHeld(file)) done()
  })
