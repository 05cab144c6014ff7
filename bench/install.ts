/** The peers are installed on demand, from their own lock: they are no business of whoever uses or tests nano402. */
import { execFileSync } from 'node:child_process'
import { statSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url))
const changedAtMs = (path: string) => statSync(here(path), { throwIfNoEntry: false })?.mtimeMs ?? 0

/** Runs `npm ci` in this folder when it never ran, or the lock changed since. Speaks on stderr only. */
export function installPeers(): void {
  if (changedAtMs('node_modules/.package-lock.json') > changedAtMs('package-lock.json')) return
  execFileSync('npm', ['ci', '--no-audit', '--no-fund'], { cwd: here('.'), stdio: ['ignore', 2, 2] })
}
