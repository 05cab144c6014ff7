/** Every way in which a handler can write an answer, stored under a payment identifier and given again. */
import { memoryStore } from 'nano402/stores/memory'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { expressAnswers, nodeAnswers, type WayOfAnswering } from '../support/answers.ts'
import { compress } from '../support/compress.ts'
import { type NodeHandler, nodeServers } from '../support/frameworks.ts'
import { createWorld, offerOf, paymentHeader, paymentOf, type World } from '../support/world.ts'

let world: World
beforeAll(async () => {
  world = await createWorld()
})
afterAll(() => world.close())

/** Node's own decoders, which no other runtime has: such an answer is served, and not stored. */
const NOT_STORED = new Set(['end(text, encoding, callback)', 'write, with callbacks, over time'])
const CONTENT = ['content-type', 'content-encoding', 'content-disposition', 'etag', 'last-modified', 'location']

type Around = { readonly before?: readonly NodeHandler[]; readonly after?: readonly NodeHandler[] }

/** Buys an answer, and asks for it again. */
async function twice(
  { serve }: (typeof nodeServers)[number],
  { answer, method = 'GET' }: WayOfAnswering,
  around: Around = {},
) {
  const options = { ...world.options, store: memoryStore(), paymentIdentifier: { maxBytes: 1_000_000 } }
  const app = await serve(options, answer, around)
  onTestFinished(() => app.close())
  const offer = offerOf(await fetch(app.url, { method }))
  const payment = paymentOf(offer, await world.buyer.pay(offer))
  const headers = paymentHeader({
    ...payment,
    extensions: { 'payment-identifier': { info: { id: 'an-id-of-this-test' } } },
  })
  const ask = async () => {
    const response = await fetch(app.url, { method, headers, redirect: 'manual' })
    const body = Buffer.from(await response.arrayBuffer())
    const { status } = response
    return { status, body: body.toString('base64'), headers: CONTENT.map((name) => response.headers.get(name)) }
  }
  const isWaiting = ({ status, body }: { status: number; body: string }) =>
    status === 409 && Buffer.from(body, 'base64').toString().includes('payment_in_progress')
  const first = await ask()
  let again = await ask()
  while (isWaiting(again)) again = await ask()
  return { first, again, runs: app.runs() }
}

describe.each(nodeServers.map((server) => [server.name, server] as const))('%s', (_name, server) => {
  const ways = Object.entries({ ...nodeAnswers, ...(server.isExpress && expressAnswers) })

  test.each(ways)('%s', async (name, way) => {
    const { first, again, runs } = await twice(server, way)
    expect(runs).toBe(1)
    if (!NOT_STORED.has(name)) return expect(again).toEqual(first)
    expect([again.status, Buffer.from(again.body, 'base64').toString()]).toEqual([
      409,
      expect.stringContaining('answer_not_stored'),
    ])
  })

  test.each([
    ['around the paywall', { before: [compress] }],
    ['behind it', { after: [compress] }],
  ])('compression %s', async (_where, around) => {
    const answer: NodeHandler = (_req, res) => void res.end('content, content, content')
    const { first, again, runs } = await twice(server, { answer }, around)
    expect([again.status, again.body, runs]).toEqual([200, first.body, 1])
    expect(Buffer.from(again.body, 'base64').toString()).toBe('content, content, content')
  })

  test('an answer that its handler destroys is not stored', async () => {
    const answer: NodeHandler = (_req, res) => {
      res.write('a first piece')
      setTimeout(() => res.destroy(), 20)
    }
    const cut = twice(server, { answer })
    await expect(cut).rejects.toThrow(/terminated|fetch failed/)
  })
})
