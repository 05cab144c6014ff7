import type { IncomingHttpHeaders } from 'node:http'
import type { Outage } from 'nano402/devnet'
import { type ServedDevnet, serveDevnet } from 'nano402/devnet/server'
import { derivePrivateKey } from 'nano402/nano'
import { createRpc, type NanoNode } from 'nano402/rpc'
import { afterAll, afterEach, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { NodeRefusedError } from '../../src/errors.ts'
import { frameworks, listen } from '../support/frameworks.ts'
import { watch } from '../support/outcome.ts'
import { openShop, purchase } from '../support/shop.ts'
import { until } from '../support/wait.ts'
import { createPurse, freshAccount, type Purse, SECRET } from '../support/world.ts'

const OUTAGES: readonly Outage[] = [
  'reset',
  'status-500',
  'html',
  'too-many-requests',
  'empty-object',
  'half-json',
  'silence',
  'redirect',
  'huge',
]

let served: ServedDevnet
let buyer: Purse
beforeAll(async () => {
  served = await serveDevnet({ confirmMs: 0 })
  const { seed, account } = await served.devnet.fundedSeed()
  buyer = createPurse(served.devnet, derivePrivateKey(seed, 0), account)
})
afterEach(() => {
  served.devnet.faults.down = undefined
  served.devnet.faults.lie = undefined
  served.devnet.release()
})
afterAll(() => served.close())

const optionsFor = (url: string) => ({
  network: 'nano:devnet' as const,
  rpc: createRpc({ endpoints: [url], timeoutMs: 250 }),
  payTo: freshAccount(),
  price: '0.001',
  secret: SECRET,
})

/** A shop that sees the node over HTTP only. */
function openCounter(confirmTimeoutMs = 1) {
  const shop = openShop({ ...optionsFor(served.url), confirmTimeoutMs })
  const attempt = watch(served, shop)
  return { shop, present: (headers: Record<string, string>) => attempt(() => shop.ask(headers)) }
}
const unavailable = { status: 503, code: 'node_unavailable', ran: 0, asked: 0 }

describe.each(OUTAGES)('N10: a node whose answer is %s', (outage) => {
  test('before it ever answered costs the payer a wait, and the proof is good afterwards', async () => {
    const { shop, present } = openCounter()
    const { headers } = await purchase(shop, buyer)
    served.devnet.faults.down = outage
    expect(await present(headers)).toEqual(unavailable)
    expect(await present(headers)).toEqual(unavailable)
    served.devnet.faults.down = undefined
    expect(await present(headers)).toMatchObject({ status: 200, ran: 1 })
    expect(await present(headers)).toMatchObject({ status: 402, code: 'payment_already_spent', ran: 0, asked: 0 })
  })

  test('while a request waits for its confirmation is no confirmation, and the proof is good afterwards', async () => {
    const { shop, present } = openCounter(600)
    served.devnet.hold()
    const { headers, hash } = await purchase(shop, buyer)
    const before = served.devnet.asked('blocks_info')
    const waiting = present(headers)
    await until(() => served.devnet.asked('blocks_info') >= before + 2)
    served.devnet.faults.down = outage
    const { status, code, ran } = await waiting
    expect([status, ran]).toEqual([503, 0])
    expect(['node_unavailable', 'settlement_pending']).toContain(code)
    served.devnet.faults.down = undefined
    served.devnet.confirm(hash)
    expect(await present(headers)).toMatchObject({ status: 200, ran: 1 })
  })
})

describe('N10: a node that answers', () => {
  const lies: Readonly<Record<string, (hash: string) => typeof served.devnet.faults.lie>> = {
    'about another block than it was asked': (hash) => (_action, answer) => {
      const blocks = answer.blocks as Record<string, unknown>
      return { ...answer, blocks: { ['5'.repeat(64)]: blocks[hash] }, blocks_not_found: '' }
    },
    'another block under the hash': (hash) => (_action, answer) => {
      const blocks = answer.blocks as Record<string, unknown>
      return { ...answer, blocks: { ...blocks, [hash]: Object.values(blocks).find((b) => b !== blocks[hash]) ?? {} } }
    },
    "the block with a signature that is not its account's": (hash) => (_action, answer) => {
      const blocks = answer.blocks as Record<string, { contents: object }>
      const { contents = {}, ...shown } = blocks[hash] ?? {}
      return {
        ...answer,
        blocks: { ...blocks, [hash]: { ...shown, contents: { ...contents, signature: '0'.repeat(128) } } },
      }
    },
    'a list where an object belongs': () => () => ({ blocks: [] }),
    null: () => () => ({ blocks: null }),
    'an error that is a number': () => () => ({ error: 500 }),
    'that it is busy': () => (action) => {
      throw new NodeRefusedError(action, 'Too many requests')
    },
    'that it does not exist': () => (action) => {
      throw new NodeRefusedError(action, 'Internal error at /home/nano/node.cpp')
    },
  }
  test.each(Object.entries(lies))('%s costs the payer a wait, and nothing of it is shown', async (_name, lie) => {
    const { shop, present } = openCounter()
    await present((await purchase(shop, buyer)).headers) // the node is known to be of this network
    const { headers, hash } = await purchase(shop, buyer)
    served.devnet.faults.lie = lie(hash)
    expect(await present(headers)).toMatchObject({ status: 503, code: 'node_unavailable', ran: 0 })
    const answer = await shop.ask(headers)
    const shown = JSON.stringify([...answer.headers]) + (await answer.text())
    for (const inner of [served.url, '127.0.0.1', 'node.cpp', 'Too many requests']) expect(shown).not.toContain(inner)
    served.devnet.faults.lie = undefined
    expect(await present(headers)).toMatchObject({ status: 200, ran: 1 })
  })
})

const sockets = frameworks.filter(({ name }) => name === 'Express 5' || name === 'Hono')
describe.each(sockets)('X3 over $name', ({ serve }) => {
  test.each([301, 302, 303, 307, 308])('a node that redirects (%i) has nobody else asked', async (status) => {
    const asked: IncomingHttpHeaders[] = []
    const stranger = await listen((req, res) => {
      asked.push(req.headers)
      res.end('{}')
    })
    const redirecting = await listen((_req, res) => {
      res.writeHead(status, { Location: stranger.url }).end()
    })
    onTestFinished(() => Promise.all([stranger.close(), redirecting.close()]).then(() => {}))
    const secrets = { headers: { 'x-token': 'node-token' }, key: 'node-key' }
    const [honest, hijacked] = [served.url, redirecting.url].map((url) =>
      createRpc({ endpoints: [{ url, ...secrets }] }),
    )
    let node = hijacked
    const rpc: NanoNode = { call: async (...question) => node?.call(...question) ?? {} }
    const app = await serve({ ...optionsFor(served.url), rpc })
    onTestFinished(() => app.close())
    const { headers } = await purchase({ ask: () => fetch(`${app.url}/report`) }, buyer)
    const present = () => watch(served, app)(() => fetch(`${app.url}/report`, { headers }))
    expect(await present()).toEqual(unavailable)
    expect(asked).toEqual([])
    node = honest
    expect(await present()).toMatchObject({ status: 200, ran: 1 })
  })
})
