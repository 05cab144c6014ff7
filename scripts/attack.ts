/**
 * Attacks servers as test/attack/list has it, over sockets, and prints a line for each attack: what was tried, the status it
 * got, how often the handler ran and the Nano node was asked for it. Ends with 1 when one got through. `npm run attack`
 *
 *   --json               prints the result as JSON, and nothing else on stdout
 *   --only R2,I5         runs these alone
 *   --without next       leaves adapters out
 *   --url https://...    attacks a paid URL of any server, of which only the answers are seen
 *   --seed <64 digits>   and pays it: NANO402_SEED. With NANO402_RPC_URL, and NANO402_NETWORK (nano:mainnet), NANO402_WORK (node)
 *   --budget 0.1         at most so many XNO
 */
import { parseArgs } from 'node:util'
import type { Network } from 'nano402/rpc'
import type { Attack } from '../test/attack/list/attack.ts'
import { ATTACKS } from '../test/attack/list/index.ts'
import { applies, type Result, runAttack } from '../test/attack/list/trial.ts'
import { adapters, type OpenTarget, openTarget, type Seed, strangeTarget } from '../test/attack/targets.ts'

const { values: options } = parseArgs({
  options: {
    json: { type: 'boolean', default: false },
    only: { type: 'string', default: '' },
    without: { type: 'string', default: '' },
    url: { type: 'string' },
    seed: { type: 'string', default: process.env.NANO402_SEED ?? '' },
    budget: { type: 'string', default: '0.1' },
  },
})

const say = (line: string) => options.json || console.log(line)
const listOf = (text: string) => text.split(',').filter((item) => item !== '')

/** The names that were asked for, or an error that says which there are. */
function known(names: readonly string[], there: readonly string[], option: string): readonly string[] {
  const stranger = names.find((name) => !there.includes(name))
  if (stranger !== undefined) throw new Error(`--${option} ${stranger}: there are ${there.join(', ')}.`)
  return names
}

function chosenAttacks(): readonly Attack[] {
  const ids = ATTACKS.map(({ id }) => id)
  const only = known(listOf(options.only), ids, 'only')
  return ATTACKS.filter(({ id }) => only.length === 0 || only.includes(id))
}

function seed(): Seed | undefined {
  if (!options.seed) return undefined
  const { NANO402_RPC_URL: rpc, NANO402_NETWORK: network = 'nano:mainnet', NANO402_WORK: work = 'node' } = process.env
  if (!rpc) throw new Error('Set NANO402_RPC_URL, a Nano node, to pay with the seed.')
  return { seed: options.seed, rpc, network: network as Network, work, budget: options.budget }
}

/** One after another: what they cost is counted. */
async function* openTargets(): AsyncGenerator<OpenTarget> {
  if (options.url) {
    yield strangeTarget(options.url, seed())
    return
  }
  const without = known(listOf(options.without), adapters, 'without')
  for (const adapter of without) say(`${adapter} is left out, as --without says.`)
  for (const adapter of adapters) {
    const target = without.includes(adapter) ? undefined : await openTarget(adapter)
    if (target) yield target
  }
}

const WIDTHS = [5, 11, 58, 7, 8, 5]
const printLine = (...cells: readonly (string | number | null)[]) =>
  say(
    cells
      .map((cell, i) => String(cell ?? '-').padEnd(WIDTHS[i] ?? 0))
      .join(' ')
      .trimEnd(),
  )

function print({ id, adapter, title, status, handlerRuns, nodeCalls, passed, problem }: Result): void {
  printLine(id, adapter, title, status, handlerRuns, nodeCalls, passed ? 'ok' : `FAILED: ${problem}`)
}

/** Runs what applies to a target, and says what does not. */
async function attack(target: OpenTarget, attacks: readonly Attack[]): Promise<readonly Result[]> {
  const results: Result[] = []
  for (const attack of attacks.filter((one) => applies(one, target))) {
    const result = await runAttack(attack, target)
    results.push(result)
    print(result)
  }
  const rest = attacks.length - results.length
  const need = target.pay ? 'a server of our own' : 'a seed to pay with, or a server of our own'
  if (rest > 0) say(`${rest} attacks are left out: they need ${need}.`)
  return results
}

async function main(): Promise<void> {
  const attacks = chosenAttacks()
  const results: Result[] = []
  printLine('id', 'adapter', 'what was tried', 'status', 'handler', 'node')
  for await (const target of openTargets()) {
    try {
      results.push(...(await attack(target, attacks)))
    } finally {
      await target.close()
    }
  }
  const failed = results.filter(({ passed }) => !passed).length
  const passed = results.length - failed
  say(`${passed} passed, ${failed} failed`)
  const rows = results.map(({ title, problem, ...row }) => row)
  if (options.json) console.log(JSON.stringify({ passed, failed, attacks: rows }, undefined, 2))
  process.exit(failed > 0 || results.length === 0 ? 1 : 0) // an attack that was given up may still be waiting
}

main().catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : error)
  process.exit(1)
})
