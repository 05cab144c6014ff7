/** `npm run attack`, as it is started: against our own servers, and against some that let things through. */
import { createPaywall } from 'nano402'
import { serveDevnet } from 'nano402/devnet/server'
import { paywall } from 'nano402/express'
import { expect, test } from 'vitest'
import type { Result } from '../attack/list/trial.ts'
import { type Child, startChild, startExample } from '../support/child.ts'
import { listen } from '../support/frameworks.ts'
import { disposable } from '../support/wait.ts'
import { createWorld } from '../support/world.ts'

type Row = Omit<Result, 'title' | 'problem'>
interface Report {
  readonly passed: number
  readonly failed: number
  readonly attacks: readonly Row[]
}

const TIMEOUT = { timeout: 120_000 } // a program takes a while to start where many do

const attack = (args: readonly string[], env: Readonly<Record<string, string>> = {}) =>
  outcomeOf(startExample('scripts/attack.ts', env, ...args))

async function outcomeOf(child: Child) {
  await using running = child
  return { status: await running.ended, output: running.output() }
}

/** A shop on a devnet that can be reached, and what it takes to pay it. */
async function openShop() {
  const { url: rpc, devnet, close } = await serveDevnet({ confirmMs: 20 })
  const { options } = await createWorld({ devnet })
  const { seed } = await devnet.fundedSeed()
  const NANO402 = { NANO402_SEED: seed, NANO402_RPC_URL: rpc, NANO402_NETWORK: 'nano:devnet', NANO402_WORK: 'cpu' }
  return { guard: paywall(createPaywall(options)), env: NANO402, close }
}

/** The ids of those that passed, and of those that did not. */
const idsIn = ({ attacks }: Report, passed: boolean) =>
  attacks.filter((row) => row.passed === passed).map(({ id }) => id)

test('nothing gets through our servers, and the report says what was seen of each attack', TIMEOUT, async () => {
  const { status, output } = await outcomeOf(
    startChild('npm', ['run', '--silent', 'attack', '--', '--json', '--without', 'next']),
  )
  const { passed, failed, attacks }: Report = JSON.parse(output)
  expect([status, failed, passed], output).toEqual([0, 0, attacks.length])
  expect(new Set(attacks.map(({ id }) => id)).size).toBeGreaterThanOrEqual(40)
  expect([...new Set(attacks.map(({ adapter }) => adapter))]).toEqual(['express', 'hono', 'node:http', 'proxy'])
  expect(new Set(attacks.map(({ id, adapter }) => `${id} ${adapter}`)).size).toBe(attacks.length)
  for (const row of attacks) {
    expect(row).toEqual({
      ...{ id: expect.any(String), adapter: expect.any(String), passed: true },
      ...{ status: expect.any(Number), handlerRuns: expect.any(Number), nodeCalls: expect.any(Number) },
    })
  }
})

test('a server that gives everything away fails', TIMEOUT, async () => {
  await using free = disposable(await listen((_req, res) => res.end('content')))
  const { status, output } = await attack(['--url', `${free.url}/report`])
  expect(status).toBe(1)
  expect(output).toMatch(/^H1 +url +HEAD on a route for GET +200 +- +- +FAILED: /m)
  expect(output).toMatch(/^0 passed, \d\d failed$/m)
})

test('a server that believes every proof fails where a proof is shown, and nowhere else', TIMEOUT, async () => {
  await using shop = disposable(await openShop())
  await using credulous = disposable(
    await listen((req, res) => {
      if (req.headers['payment-signature'] === undefined) return void shop.guard(req, res, () => {})
      res.end('content')
    }),
  )
  const { status, output } = await attack(['--json', '--url', `${credulous.url}/report`], shop.env)
  const report: Report = JSON.parse(output)
  expect(status).toBe(1)
  expect(idsIn(report, false)).toEqual(expect.arrayContaining(['R1', 'R2', 'R8', 'B3', 'B6', 'B7', 'I1', 'I5', 'S4']))
  expect(idsIn(report, true)).toEqual(expect.arrayContaining(['H1', 'H2', 'H15', 'P1', 'P6', 'S1']))
})

test('any server can be attacked by its URL, and paid with a seed', TIMEOUT, async () => {
  await using shop = disposable(await openShop())
  await using guarded = disposable(await listen((req, res) => shop.guard(req, res, () => res.end('content'))))
  const { status, output } = await attack(['--json', '--url', `${guarded.url}/report?day=1`], shop.env)
  const report: Report = JSON.parse(output)
  expect([status, report.failed], output).toEqual([0, 0])
  expect(idsIn(report, true)).toEqual(expect.arrayContaining(['R1', 'R2b', 'R8', 'B7', 'I1', 'S4']))
  for (const row of report.attacks) expect([row.handlerRuns, row.nodeCalls]).toEqual([null, null])
})

test('what there is not is said, and nothing is run', TIMEOUT, async () => {
  expect(await attack(['--only', 'R1,Z9'])).toEqual({
    status: 1,
    output: expect.stringMatching(/^--only Z9: there are G1, R1, /),
  })
  expect(await attack(['--url', 'http://127.0.0.1:9/', '--only', 'S1'])).toMatchObject({ status: 1 })
})
