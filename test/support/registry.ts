/** Tests that install packages: each folder once, and one line where the registry cannot be reached. */
import { createHash } from 'node:crypto'
import { readFileSync, writeFileSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { ROOT, startChild } from './child.ts'
import { withLock } from './lock.ts'

/**
 * Installs a folder that has a lock file of its own, unless that lock is what it has installed.
 *
 * @returns Whether it is installed. It is not when the registry cannot be reached, which a line says.
 */
export async function installOnce(folder: string): Promise<boolean> {
  const directory = join(ROOT, folder)
  const lock = createHash('sha256')
    .update(readFileSync(join(directory, 'package-lock.json')))
    .digest('hex')
  const mark = join(directory, 'node_modules/.installed-lock')
  if (isMarked(mark, lock)) return true
  if (!(await isRegistryThere(folder))) return false
  return withLock(join(directory, '.installing'), async () => {
    if (isMarked(mark, lock)) return true
    await using install = startChild('npm', ['ci', '--no-audit', '--no-fund'], { cwd: directory })
    if ((await install.ended) !== 0) throw new Error(`npm ci failed in ${folder}:\n${install.output()}`)
    writeFileSync(mark, lock)
    return true
  })
}

function isMarked(mark: string, lock: string): boolean {
  try {
    return readFileSync(mark, 'utf8') === lock
  } catch {
    return false
  }
}

/**
 * Whether the npm registry answers. When it does not, a line says what is left out for that; in continuous integration,
 * where nothing may be left out, it is an error.
 */
export async function isRegistryThere(what: string): Promise<boolean> {
  await using view = startChild('npm', [
    ...['view', 'tweetnacl', 'name', '--prefer-online'],
    ...['--fetch-retries=0', '--fetch-timeout=10000'],
  ])
  if ((await view.ended) === 0) return true
  const line = `The npm registry cannot be reached, which the tests of ${what} need.`
  if (process.env.CI) throw new Error(line)
  writeSync(2, `${line} They are left out.\n`)
  return false
}
