/** Builds dist once before the tests: some run what is published. Type errors are `npm run lint`'s to report. */
import { spawnSync } from 'node:child_process'
import { ROOT } from './child.ts'

export function setup(): void {
  const { status, stdout } = spawnSync('npm', ['run', '--silent', 'build'], { cwd: ROOT, encoding: 'utf8' })
  if (status !== 0) process.stderr.write(`dist was built in spite of type errors:\n${stdout}`)
}
