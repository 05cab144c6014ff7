/**
 * How long a purchase takes, from the first request to the last byte of the body, by each way to pay, on a devnet that
 * confirms after 200 ms: `npm run bench:end-to-end`, with `--json`, `--count 20`. One request after the other. With the
 * node's websocket server and payer hear of a confirmation; without it they look for it.
 */
import { parseArgs } from 'node:util'
import { createPaywall, type MechanismName } from 'nano402'
import { createPayer } from 'nano402/client'
import { serveDevnet } from 'nano402/devnet/server'
import { paywall } from 'nano402/express'
import { listen } from '../test/support/frameworks.ts'
import { createWorld } from '../test/support/world.ts'
import { median, rounded } from './measure.ts'

const CONFIRM_MS = 200
const MECHANISMS: readonly MechanismName[] = ['session', 'signed-block', 'signature']

const { values: options } = parseArgs({
  options: { json: { type: 'boolean', default: false }, count: { type: 'string', default: '20' } },
})

/** One line of the result. Times in ms. */
interface Row {
  readonly mechanism: MechanismName
  readonly websocket: boolean
  readonly count: number
  readonly medianMs: number
  readonly slowestMs: number
}

async function measure(mechanism: MechanismName, websocket: boolean, count: number): Promise<Row> {
  const served = await serveDevnet({ confirmMs: CONFIRM_MS })
  const world = await createWorld({ devnet: served.devnet })
  const ws = websocket && { ws: served.wsUrl }
  const shop = createPaywall({ ...world.options, ...ws, mechanisms: [mechanism] })
  const guard = paywall(shop)
  const { url, close } = await listen((req, res) => guard(req, res, () => res.end('content')))
  const { privateKey } = await world.devnet.fundedSeed()
  const budget = { perRequest: '0.01', total: '1' }
  const payer = createPayer({ privateKey, rpc: world.devnet, network: 'nano:devnet', work: 'cpu', budget, ...ws })
  const times: number[] = []
  for (let i = 0; i <= count; i++) {
    const startMs = performance.now()
    const response = await payer.fetch(`${url}/report?n=${i}`)
    if ((await response.text()) !== 'content') throw new Error(`A purchase was answered with ${response.status}.`)
    if (i > 0) times.push(performance.now() - startMs) // the first one compiles
  }
  payer.close()
  await close()
  await shop.close()
  await served.close()
  return { mechanism, websocket, count, medianMs: rounded(median(times)), slowestMs: rounded(Math.max(...times)) }
}

const rows: Row[] = []
for (const websocket of [false, true]) {
  for (const mechanism of MECHANISMS) rows.push(await measure(mechanism, websocket, Number(options.count)))
}
if (options.json) console.log(JSON.stringify(rows, undefined, 2))
else {
  console.log(
    `mechanism     websocket  median ms  slowest ms   (${options.count} purchases each, confirmed after ${CONFIRM_MS} ms)`,
  )
  for (const { mechanism, websocket, medianMs, slowestMs } of rows) {
    const name = mechanism.padEnd(14) + (websocket ? 'yes' : 'no').padEnd(9)
    console.log(`${name}${medianMs.toFixed(1).padStart(11)}${slowestMs.toFixed(1).padStart(12)}`)
  }
}
process.exit(0)
