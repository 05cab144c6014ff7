import { createDevnet } from 'nano402/devnet'
import { blockToJson, raw } from 'nano402/nano'
import type { NanoNode, NodeAnswer } from 'nano402/rpc'
import { afterAll, afterEach, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { NodeRefusedError, NodeUnavailableError } from '../../src/errors.ts'
import { watch } from '../support/outcome.ts'
import { openShop } from '../support/shop.ts'
import { createWorld, freshAccount, offerOf, proofHeader, randomHash, SECRET, type World } from '../support/world.ts'

type Fields = Readonly<Record<string, unknown>>
/** What a node makes of its entry about a block; undefined: it hides the block. */
type Lie = (entry: Fields, hash: string) => Fields | undefined

let world: World
beforeAll(async () => {
  world = await createWorld()
})
afterEach(() => world.devnet.release())
afterAll(() => world.close())

/** The same node, with each of its entries about blocks rewritten. */
const lying = (node: NanoNode, lie: Lie): NanoNode => ({
  async call(action, parameters, signal) {
    const answer = await node.call(action, parameters, signal)
    if (action !== 'blocks_info' || typeof answer.blocks !== 'object') return answer
    const told = Object.entries(answer.blocks as Record<string, Fields>).map(([hash, entry]) => [
      hash,
      lie(entry, hash),
    ])
    const hidden = told.flatMap(([hash, entry]) => (entry === undefined ? [hash] : []))
    const shown = Object.fromEntries(told.filter(([, entry]) => entry !== undefined))
    return { ...answer, blocks: shown, blocks_not_found: hidden }
  },
})

const failing = (fail: () => Promise<NodeAnswer>): NanoNode => ({ call: fail })
const contentsOf = (entry: Fields) => entry.contents as Fields

/** A shop that asks three nodes, of which one is not honest, and believes what two say. */
function openCounter(liar: NanoNode, at: number, confirmTimeoutMs = 1) {
  const rpc: NanoNode[] = [world.devnet, world.devnet, world.devnet]
  rpc[at] = liar
  const shop = openShop({ ...world.options, rpc, quorum: 2, confirmTimeoutMs })
  return { shop, present: (headers: Record<string, string>) => watch(world, shop)(() => shop.ask(headers)) }
}
const atMost = (questions: number) => expect.toSatisfy((asked: number) => asked <= questions)

describe.each([0, 1, 2])('N8: with node %i of three lying and two that must agree', (at) => {
  const lies: Readonly<Record<string, Lie>> = {
    'shows another block under the hash': (entry) => ({
      ...entry,
      contents: { ...contentsOf(entry), balance: '0' },
    }),
    'shows contents that are none': (entry) => ({ ...entry, contents: 'contents' }),
    'says that it moved something else': (entry) => ({ ...entry, amount: '1', balance: '0', subtype: 'receive' }),
    'says that it is not confirmed': (entry) => ({ ...entry, confirmed: 'false' }),
    'hides it': () => undefined,
    'shows a false signature': (entry) => ({
      ...entry,
      contents: { ...contentsOf(entry), signature: '0'.repeat(128) },
    }),
  }
  test.each(Object.entries(lies))('a payment is good although one %s', async (_name, lie) => {
    const { shop, present } = openCounter(lying(world.devnet, lie), at)
    const offer = offerOf(await shop.ask())
    const headers = proofHeader(offer, await world.buyer.pay(offer))
    expect(await present(headers)).toEqual({ status: 200, ran: 1, asked: atMost(6) })
    expect(await present(headers)).toMatchObject({ status: 402, code: 'payment_already_spent', ran: 0, asked: 0 })
  })

  const outages: Readonly<Record<string, NanoNode>> = {
    'is down': failing(() => Promise.reject(new NodeUnavailableError('down'))),
    'refuses everything': failing(() => Promise.reject(new NodeRefusedError('blocks_info', 'Access denied'))),
    'answers an empty object': failing(() => Promise.resolve({})),
    'throws what no node throws': failing(() => Promise.reject(new TypeError('fetch failed'))),
  }
  test.each(Object.entries(outages))('a payment is good although one %s', async (_name, node) => {
    const { shop, present } = openCounter(node, at)
    const offer = offerOf(await shop.ask())
    expect(await present(proofHeader(offer, await world.buyer.pay(offer)))).toMatchObject({ status: 200, ran: 1 })
  })

  test('an unconfirmed payment is not confirmed because one says so', async () => {
    const { shop, present } = openCounter(
      lying(world.devnet, (entry) => ({ ...entry, confirmed: 'true' })),
      at,
    )
    world.devnet.hold()
    const offer = offerOf(await shop.ask())
    const hash = await world.buyer.pay(offer)
    const headers = proofHeader(offer, hash)
    for (let i = 0; i < 3; i++) {
      expect(await present(headers)).toEqual({ status: 503, code: 'settlement_pending', ran: 0, asked: atMost(9) })
    }
    world.devnet.confirm(hash)
    expect(await present(headers)).toMatchObject({ status: 200, ran: 1 })
  })

  test('a payment of one raw is not the price because one says so', async () => {
    const { shop, present } = openCounter(
      lying(world.devnet, (entry) => ({ ...entry, amount: offer.amount, subtype: 'send' })),
      at,
    )
    const offer = offerOf(await shop.ask())
    const hash = await world.buyer.send(offer.payTo, 1n)
    const refused = { status: 402, code: 'amount_mismatch', ran: 0, asked: atMost(6) }
    expect(await present(proofHeader(offer, hash))).toEqual(refused)
  })

  test('a payment of one raw is not the price because one shows a richer block before it', async () => {
    const hash = await world.buyer.send(world.seller.account, 1n)
    const { contents } = await world.devnet.call('block_info', { hash, json_block: true })
    const { previous, balance } = contents as Fields
    const { shop, present } = openCounter(
      lying(world.devnet, (entry, of) =>
        of === previous
          ? {
              ...entry,
              contents: { ...contentsOf(entry), balance: String(BigInt(String(balance)) + BigInt(offer.amount)) },
            }
          : entry,
      ),
      at,
    )
    const offer = offerOf(await shop.ask())
    expect(await present(proofHeader(offer, hash))).toMatchObject({ status: 402, code: 'amount_mismatch', ran: 0 })
  })

  test('a block that does not exist is not made by one that shows it', async () => {
    const made: Record<string, Fields> = {}
    const { shop, present } = openCounter(
      {
        async call(action, parameters, signal) {
          const answer = await world.devnet.call(action, parameters, signal)
          return action === 'blocks_info' ? { ...answer, blocks: { ...(answer.blocks as object), ...made } } : answer
        },
      },
      at,
    )
    const offer = offerOf(await shop.ask())
    const block = await world.buyer.sign(offer.payTo, BigInt(offer.amount))
    const known = await world.devnet.call('block_hash', { json_block: true, block: blockToJson(block) })
    for (const hash of [String(known.hash), randomHash()]) {
      made[hash] = { contents: blockToJson(block), amount: offer.amount, confirmed: 'true', subtype: 'send' }
      expect(await present(proofHeader(offer, hash))).toMatchObject({ status: 503, ran: 0 })
    }
  })
})

describe('N8: the first block after one from before 2018, which carries no balance', () => {
  async function pay(sent: 'one raw' | 'the price', liars: number) {
    const devnet = createDevnet({ confirmMs: 0, bareGenesis: true })
    onTestFinished(() => devnet.close())
    let amount = ''
    const liar = lying(devnet, (entry) => ({ ...entry, amount, subtype: 'send' }))
    const rpc = [0, 1, 2].map((i) => (i < liars ? liar : devnet))
    const options = { network: 'nano:devnet', payTo: freshAccount(), price: '0.001', secret: SECRET } as const
    const shop = openShop({ ...options, rpc, quorum: 2, confirmTimeoutMs: 1 })
    const offer = offerOf(await shop.ask())
    amount = offer.amount
    const hash = await devnet.faucet(offer.payTo, raw(sent === 'one raw' ? 1n : BigInt(amount)))
    return watch({ devnet }, shop)(() => shop.ask(proofHeader(offer, hash)))
  }

  test('is worth what two of three say', async () => {
    expect(await pay('the price', 0)).toMatchObject({ status: 200, ran: 1 })
  })
  test('is not worth what one of three says', async () => {
    expect(await pay('one raw', 1)).toMatchObject({ status: 402, code: 'amount_mismatch', ran: 0 })
  })
})
