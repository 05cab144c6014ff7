/**
 * What servers do with a payment, ours and its neighbours', for docs/neighbours.md: `npm run bench:neighbours`, with `--json`.
 * Each is asked over Hono, with its own middleware and its own form of payment. Of the neighbours' chains there is as much as
 * matters here: a payment is genuine, and is taken once.
 */
import { parseArgs } from 'node:util'
import { Hono, type MiddlewareHandler } from 'hono'
import { paywall } from 'nano402/hono'
import { createTestPaywall } from 'nano402/testing'
import { installPeers } from './install.ts'

/** A way to charge for a route, and to pay for it. */
export interface Neighbour {
  readonly name: string
  readonly charge: MiddlewareHandler
  /** Headers that show a payment for this 402, which was never shown before. */
  pay(bill: Response): Promise<Record<string, string>>
}

interface Findings {
  readonly name: string
  /** After an answer of 500, whether the same payment is taken once more. */
  readonly goodAfterAFailure: boolean
  /** Of twenty copies of a request with one payment, at once: handler runs, and answers with the content. */
  readonly handlerRuns: number
  readonly served: number
  /** Whether a payment for one route is taken at another one of the same price. */
  readonly takenElsewhere: boolean
  /** Whether the first byte of an answer leaves before the last one is made. */
  readonly streams: boolean
}

const COPIES = 20
const TAKES_MS = 300

async function look({ name, charge, pay }: Neighbour): Promise<Findings> {
  const app = new Hono()
  const answers = { fails: true, runs: 0 }
  app.get('/one', charge, async (c) => {
    answers.runs++
    await new Promise((resolve) => setTimeout(resolve, 20))
    return c.text('one')
  })
  app.get('/other', charge, (c) => c.text('other'))
  app.get('/failing', charge, (c) => (answers.fails ? c.text('failed', 500) : c.text('done')))
  app.get('/slow', charge, () => new Response(slowly()))
  const ask = async (path: string, headers: Record<string, string> = {}) =>
    app.request(`http://api.example${path}`, { headers })
  const paidFor = async (path: string) => pay(await ask(path))

  const failed = await paidFor('/failing')
  await ask('/failing', failed)
  answers.fails = false
  const again = await ask('/failing', failed)

  const copied = await paidFor('/one')
  const copies = await Promise.all(Array.from({ length: COPIES }, () => ask('/one', copied)))
  const { runs } = answers

  const elsewhere = await ask('/other', await paidFor('/one'))

  const slow = await paidFor('/slow')
  const startedAt = performance.now()
  await (await ask('/slow', slow)).body?.getReader().read()
  return {
    name,
    goodAfterAFailure: again.status === 200,
    handlerRuns: runs,
    served: copies.filter(({ status }) => status === 200).length,
    takenElsewhere: elsewhere.status === 200,
    streams: performance.now() - startedAt < TAKES_MS,
  }
}

/** A body of two pieces, with a pause between them. */
function slowly(): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder()
  return new ReadableStream({
    async start(controller) {
      controller.enqueue(encoder.encode('first'))
      await new Promise((resolve) => setTimeout(resolve, TAKES_MS))
      controller.enqueue(encoder.encode('last'))
      controller.close()
    },
  })
}

async function ours(): Promise<Neighbour> {
  const { options, pay } = await createTestPaywall()
  return { name: 'nano402', charge: paywall(options), pay: async (bill) => ({ ...(await pay(bill)) }) }
}

installPeers()
const theirs = await Promise.all(
  ['x402', 'mppx'].map(async (file) => (await import(`./peers/${file}.ts`)) as { neighbour(): Neighbour }),
)
const findings: Findings[] = []
for (const one of [await ours(), ...theirs.map(({ neighbour }) => neighbour())]) findings.push(await look(one))
const { values: options } = parseArgs({ options: { json: { type: 'boolean', default: false } } })
if (options.json) console.log(JSON.stringify(findings, undefined, 2))
else console.table(findings)
process.exit(0)
