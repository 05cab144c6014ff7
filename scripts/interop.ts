/**
 * Runs the official clients and servers of x402 and Faremeter against ours, both ways, and ours against ours, on a devnet, and
 * prints a line for each pair. Ends with 1 when a pair fails. `npm run interop`
 *
 *   --json                      prints the result as JSON, and nothing else on stdout
 *   --only '@x402/fetch;...'    runs the pairs of these clients alone
 *   --against '@x402/next;...'  runs the pairs of these servers alone
 */
import { parseArgs } from 'node:util'
import type { PairResult } from '../test/interop/pair.ts'
import { installOnce } from '../test/support/registry.ts'

const { values: options } = parseArgs({
  options: {
    json: { type: 'boolean', default: false },
    only: { type: 'string', default: '' },
    against: { type: 'string', default: '' },
  },
})
const say = (line: string) => options.json || console.log(line)

const WIDTHS = [23, 34, 13, 12]
const lineOf = ({ client, server, wire, mechanism, passed, detail }: PairResult) =>
  [
    ...[client, server, wire, mechanism].map((cell, i) => cell.padEnd(WIDTHS[i] ?? 0)),
    passed ? 'ok' : `FAILED: ${detail}`,
  ].join(' ')

interface Named {
  readonly name: string
}
type Wanted = (name: string) => boolean
interface Runner {
  readonly clients: readonly Named[]
  readonly servers: readonly Named[]
  runPairs(wanted: { client: Wanted; server: Wanted }): AsyncIterable<PairResult>
}

/** Those that an option names; all without it. */
function wanted(option: 'only' | 'against', all: readonly Named[]): Wanted {
  const names = options[option].split(';').filter((name) => name !== '')
  const stranger = names.find((name) => !all.some((one) => one.name === name))
  if (stranger !== undefined) {
    throw new Error(`--${option} ${stranger}: there are ${all.map(({ name }) => name).join('; ')}.`)
  }
  return (name) => names.length === 0 || names.includes(name)
}

async function main(): Promise<void> {
  if (!(await installOnce('test/interop'))) process.exit(1)
  // Not by its name: it imports packages that are there only now.
  const { clients, servers, runPairs }: Runner = await import(`${'../test/interop/'}run.ts`)
  const chosen = { client: wanted('only', clients), server: wanted('against', servers) }
  const pairs: PairResult[] = []
  for await (const pair of runPairs(chosen)) {
    pairs.push(pair)
    say(lineOf(pair))
  }
  const failed = pairs.filter((pair) => !pair.passed).length
  const passed = pairs.length - failed
  say(`${passed} passed, ${failed} failed`)
  if (options.json) console.log(JSON.stringify({ passed, failed, pairs }, undefined, 2))
  process.exit(failed > 0 || pairs.length === 0 ? 1 : 0)
}

main().catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : error)
  process.exit(1)
})
