/** What docs/neighbours.md says that servers do with a payment is what they do. */
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'
import { readPage } from '../docs/pages.ts'
import { plainEnvironment, ROOT } from '../support/child.ts'
import { installOnce } from '../support/registry.ts'

const isInstalled = await installOnce('bench')

test.runIf(isInstalled)('docs/neighbours.md has what the neighbours were seen to do', async () => {
  const args = ['--import', 'tsx', 'bench/neighbours.ts', '--json']
  const env = { ...plainEnvironment(), TSX_TSCONFIG_PATH: 'bench/tsconfig.json' }
  const { stdout } = await promisify(execFile)(process.execPath, args, { cwd: ROOT, env })
  const findings = JSON.parse(stdout) as Record<string, string | number | boolean>[]

  const [, head = '', body = ''] =
    /^\| \| (nano402 \| @x402\/hono .*) \|\n\|[-|]+\n((?:\| .*\n)+)/m.exec(readPage('docs/neighbours.md')) ?? []
  const cells = body
    .trim()
    .split('\n')
    .map((row) =>
      row
        .split(' | ')
        .slice(1)
        .map((cell) => cell.replace(/ \|$/, '')),
    )
  const said = head.split(' | ').map((name, i) => [name, ...cells.map((row) => row[i])])
  const asSaid = (value: string | number | boolean) =>
    typeof value === 'boolean' ? (value ? 'yes' : 'no') : String(value)
  expect(said).toEqual(findings.map((finding) => Object.values(finding).map(asSaid)))
})
