/**
 * Runs the official clients and servers of x402 and Faremeter against ours, both ways, on a devnet, and prints a line for
 * each pair. Ends with 1 when a pair fails. `npm run interop`
 *
 *   --json                      prints the result as JSON, and nothing else on stdout
 *   --only @x402/fetch,...      runs the pairs of these clients alone
 */
import { parseArgs } from 'node:util'
import type { PairResult } from '../test/interop/pair.ts'
import { installOnce } from '../test/support/registry.ts'

const { values: options } = parseArgs({
  options: { json: { type: 'boolean', default: false }, only: { type: 'string', default: '' } },
})
const say = (line: string) => options.json || console.log(line)

const WIDTHS = [18, 34, 6, 10]
const lineOf = ({ client, server, wire, mechanism, passed, detail }: PairResult) =>
  [
    ...[client, server, wire, mechanism].map((cell, i) => cell.padEnd(WIDTHS[i] ?? 0)),
    passed ? 'ok' : `FAILED: ${detail}`,
  ].join(' ')

interface Runner {
  readonly clients: readonly { readonly name: string }[]
  runPairs(isWanted: (client: string) => boolean): AsyncIterable<PairResult>
}

async function main(): Promise<void> {
  if (!(await installOnce('test/interop'))) process.exit(1)
  // Not by its name: it imports packages that are there only now.
  const { clients, runPairs }: Runner = await import(`${'../test/interop/'}run.ts`)
  const only = options.only.split(',').filter((name) => name !== '')
  const stranger = only.find((name) => !clients.some((client) => client.name === name))
  if (stranger !== undefined) {
    throw new Error(`--only ${stranger}: there are ${clients.map(({ name }) => name).join(', ')}.`)
  }
  const pairs: PairResult[] = []
  for await (const pair of runPairs((client) => only.length === 0 || only.includes(client))) {
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
