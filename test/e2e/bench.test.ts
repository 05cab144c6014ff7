/** The benchmark runs and says what it measured. What it measures is no test's business: no time is asserted here. */
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'
import { plainEnvironment, ROOT } from '../support/child.ts'

const run = promisify(execFile)
const FIELDS = ['framework', 'scenario', 'subject', 'requestsPerSecond', 'cpuMicros', 'addedCpuMicros']

test('the benchmark prints nothing but one JSON row for each framework, scenario and subject', async () => {
  const args = ['--import', 'tsx', 'bench/run.ts', '--quick', '--json', '--subjects', 'bare,nano402']
  const env = { ...plainEnvironment(), TSX_TSCONFIG_PATH: 'bench/tsconfig.json' }
  const { stdout } = await run(process.execPath, args, { cwd: ROOT, env })
  const rows = JSON.parse(stdout) as Record<string, string | number>[]

  expect(rows.map(({ framework, scenario, subject }) => `${framework} ${scenario} ${subject}`).sort()).toEqual([
    'express paid-cached bare',
    'express paid-cached nano402',
    'express paid-lookup bare',
    'express paid-lookup nano402',
    'express unpaid bare',
    'express unpaid nano402',
    'hono paid-cached bare',
    'hono paid-cached nano402',
    'hono paid-lookup bare',
    'hono paid-lookup nano402',
    'hono unpaid bare',
    'hono unpaid nano402',
  ])
  for (const row of rows) {
    expect(Object.keys(row)).toEqual(FIELDS)
    for (const field of FIELDS.slice(3)) expect(Number.isFinite(row[field])).toBe(true)
  }
})
