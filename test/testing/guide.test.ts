/** What docs/guide/testing.md shows is in the folder `guide`, where it is run. */
import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'
import { ROOT } from '../support/child.ts'

const page = readFileSync(join(ROOT, 'docs/guide/testing.md'), 'utf8')
const blocks = [...page.matchAll(/^```ts\n\/\/ (\S+)\n([\s\S]*?)^```$/gm)].map(([, path = '', code = '']) => ({
  path: join(ROOT, 'test/testing/guide', path),
  code,
}))

test('every block of the guide is a file that is run here, to the letter', () => {
  expect(blocks).toHaveLength(page.match(/^```ts/gm)?.length ?? 0)
  for (const { path, code } of blocks) expect(readFileSync(path, 'utf8')).toBe(code)
})

test('what is written for node:test passes there', async () => {
  const tsx = join(ROOT, 'node_modules/.bin/tsx')
  const file = join(ROOT, 'test/testing/guide/test/listening.spec.ts')
  const { stdout } = await promisify(execFile)(tsx, ['--tsconfig', join(ROOT, 'tsconfig.json'), file])
  expect(stdout).toMatch(/^# pass 1$/m)
})
