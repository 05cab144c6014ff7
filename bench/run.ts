/**
 * What a paywall costs a request: `npm run bench`, with `--json`, `--quick`, `--subjects bare,nano402,...`,
 * `--frameworks express,hono`, `--scenarios unpaid,...`. README.md says what the numbers mean.
 */
import { parseArgs } from 'node:util'
import { FRAMEWORKS } from './frameworks.ts'
import { installPeers } from './install.ts'
import { measure, type Row, type Size } from './measure.ts'
import { nano402 } from './nano402.ts'
import { bare, SCENARIOS, type Subject } from './subject.ts'

const PEERS = { '@x402': 'x402', '@faremeter': 'faremeter', mppx: 'mppx' } as const
const FULL: Size = { rounds: 9, warmUps: 20, counts: { unpaid: 2_000, 'paid-cached': 500, 'paid-lookup': 20 } }
const QUICK: Size = { rounds: 1, warmUps: 0, counts: { unpaid: 20, 'paid-cached': 5, 'paid-lookup': 3 } }

const { values: options } = parseArgs({
  options: {
    json: { type: 'boolean', default: false },
    quick: { type: 'boolean', default: false },
    subjects: { type: 'string', default: ['bare', 'nano402', ...Object.keys(PEERS)].join() },
    frameworks: { type: 'string', default: 'express,hono' },
    scenarios: { type: 'string', default: SCENARIOS.join() },
  },
})

async function subjectOf(name: string): Promise<Subject> {
  if (name === 'bare') return bare
  if (name === 'nano402') return nano402()
  const file = PEERS[name as keyof typeof PEERS]
  if (!file) throw new Error(`No subject ${name}. There are: bare, nano402, ${Object.keys(PEERS).join(', ')}.`)
  return ((await import(`./peers/${file}.ts`)) as { create(): Promise<Subject> }).create()
}

function printTable(rows: readonly Row[]): void {
  const line = (...cells: readonly (string | number)[]) =>
    console.log(cells.map((value, i) => (i < 3 ? String(value).padEnd(13) : String(value).padStart(11))).join(''))
  line('framework', 'scenario', 'subject', 'requests/s', 'CPU \u00b5s', 'added \u00b5s')
  for (const { framework, scenario, subject, requestsPerSecond, cpuMicros, addedCpuMicros } of rows) {
    line(framework, scenario, subject, requestsPerSecond, cpuMicros.toFixed(1), addedCpuMicros.toFixed(1))
  }
}

async function main(): Promise<void> {
  const names = options.subjects.split(',')
  if (names.some((name) => name in PEERS)) installPeers()
  const subjects = await Promise.all([...new Set(['bare', ...names])].map(subjectOf))
  const rows: Row[] = []
  for (const scenario of SCENARIOS.filter((name) => options.scenarios.split(',').includes(name))) {
    for (const framework of FRAMEWORKS.filter(({ name }) => options.frameworks.split(',').includes(name))) {
      rows.push(...(await measure(framework, scenario, subjects, options.quick ? QUICK : FULL)))
    }
  }
  if (options.json) console.log(JSON.stringify(rows, undefined, 2))
  else printTable(rows)
}

await main()
process.exit(0)
