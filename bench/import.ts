/**
 * What an import costs a fresh process: `npm run bench:import`, with `--runs 15` and `--json`. Hono itself is imported
 * before and not counted: whoever needs either has it. README.md says what the numbers mean.
 */
import { execFileSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { installPeers } from './install.ts'
import { median, rounded } from './measure.ts'

const { values: options } = parseArgs({
  options: { runs: { type: 'string', default: '15' }, json: { type: 'boolean', default: false } },
})

const here = (path: string) => new URL(path, import.meta.url)
const MODULES = {
  nothing: 'data:text/javascript,',
  'nano402/hono': here('../dist/node/adapters/hono.js').href,
  '@x402/hono': '@x402/hono',
}
type Module = keyof typeof MODULES

const program = (specifier: string) => `
  import 'hono'
  const [cpu, startMs] = [process.cpuUsage(), performance.now()]
  await import(${JSON.stringify(specifier)})
  const [wallMs, { user, system }] = [performance.now() - startMs, process.cpuUsage(cpu)]
  console.log(JSON.stringify([(user + system) / 1000, wallMs]))
  process.exit(0)
`

/** CPU and clock, in milliseconds, of one import in a process of its own. */
function importOnce(module: Module): readonly [cpuMs: number, wallMs: number] {
  const args = ['--input-type=module', '--eval', program(MODULES[module])]
  return JSON.parse(execFileSync(process.execPath, args, { cwd: fileURLToPath(here('.')), encoding: 'utf8' }))
}

installPeers()
const names = Object.keys(MODULES) as Module[]
const samples = Array.from({ length: Number(options.runs) }, () => names.map(importOnce))
const rows = names.map((module, i) => ({
  module,
  cpuMs: rounded(median(samples.map((round) => round[i]?.[0] ?? Number.NaN))),
  wallMs: rounded(median(samples.map((round) => round[i]?.[1] ?? Number.NaN))),
}))
if (options.json) console.log(JSON.stringify(rows, undefined, 2))
else for (const { module, cpuMs, wallMs } of rows) console.log(`${module.padEnd(14)} ${cpuMs} ms CPU, ${wallMs} ms`)
