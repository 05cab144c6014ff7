import fc from 'fast-check'
import { createPaywall } from 'nano402'
import type { BlockHash, StateBlock } from 'nano402/nano'
import { createLedger, type NanoNode, type NodeAnswer } from 'nano402/rpc'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { NodeRefusedError, NodeUnavailableError } from '../../src/errors.ts'
import type { PaymentRequirements } from '../../src/x402/shapes.ts'
import { publish } from '../devnet/wallet.ts'
import { createWorld, freshAccount, offerOf, proofHeader, type World } from '../support/world.ts'
import { anyJson, bending, fuzz, type Json } from './fuzz.ts'

let world: World
let offer: PaymentRequirements
let block: StateBlock
let paid: BlockHash
/** Blocks that do not pay the offer, each nearly. */
let others: readonly BlockHash[]
beforeAll(async () => {
  world = await createWorld()
  const paywall = createPaywall(world.options)
  const outcome = await paywall.guard(new Request('http://shop.example/report'))
  if (outcome.kind !== 'refused') throw new Error('It was free.')
  offer = offerOf(outcome.toResponse())
  await paywall.close({ timeoutMs: 1 })
  const { buyer, seller } = world
  const amount = BigInt(offer.amount)
  block = await buyer.sign(offer.payTo, amount)
  paid = await buyer.pay(offer)
  const received = await publish(world.devnet, seller, { link: paid, amount: -amount })
  const less = await buyer.send(offer.payTo, amount - 1n)
  others = [less, await buyer.send(freshAccount(), amount), await buyer.send(offer.payTo, 1n), received]
})
afterAll(() => world.close())

type Bend = (value: Json) => Json

/** The devnet, with every answer bent, and perhaps one question at a time because it says not to know the other. */
const bentNode = (bend: Bend, oneByOne: boolean): NanoNode => ({
  async call(action, parameters, signal) {
    if (oneByOne && action === 'blocks_info') throw new NodeRefusedError(action, 'Unknown command')
    const answer = await world.devnet.call(action, parameters, signal)
    return bend(answer as Json) as NodeAnswer
  },
})

const isObject = (value: Json) => typeof value === 'object' && value !== null && !Array.isArray(value)

test('the ledger shows a block as it is or not at all, whatever the node makes of it', async () => {
  await fuzz(
    6,
    fc.asyncProperty(bending, fc.boolean(), async (bend, oneByOne) => {
      const onlyObjects = (value: Json) => {
        const bentValue = bend(value)
        return isObject(bentValue) ? bentValue : {}
      }
      const node = bentNode(onlyObjects, oneByOne)
      const ledger = createLedger({ node, nodes: [node] })
      try {
        const found = await ledger.find(paid)
        if (found === undefined) return
        const { signature: _, work: __, ...content } = block
        expect(found.block).toMatchObject({ ...content, hash: paid })
        expect(found.sent).toBe(BigInt(offer.amount))
        expect([true, false]).toContain(found.confirmed)
      } catch (error) {
        if (!(error instanceof NodeUnavailableError) && !(error instanceof NodeRefusedError)) throw error
      } finally {
        ledger.close()
      }
    }),
  )
})

test('no answer of a node has a block count that did not pay', async () => {
  await fuzz(
    4,
    fc.asyncProperty(bending, fc.boolean(), fc.nat({ max: 3 }), async (bend, oneByOne, which) => {
      await expectRefused(bentNode(bend, oneByOne), others[which] ?? paid)
    }),
  )
})

test('no error of a node, and nothing that it throws, is worth a payment, a bill of ours or a crash', async () => {
  const failure = fc.oneof(
    fc.string({ unit: 'binary' }).map((text) => new NodeRefusedError('blocks_info', text)),
    fc.constantFrom(new NodeRefusedError('blocks_info', 'Block not found'), new NodeUnavailableError('down')),
    fc.string().map((text) => new TypeError(text)),
    anyJson,
    fc.constant(undefined),
  )
  await fuzz(
    1,
    fc.asyncProperty(failure, fc.boolean(), async (thrown, answered) => {
      const node: NanoNode = {
        call: () => (answered ? (Promise.resolve(thrown) as Promise<NodeAnswer>) : Promise.reject(thrown)),
      }
      expect(await expectRefused(node, paid)).toBe(503)
    }),
  )
})

/** A shop that has seen nothing yet, asked to take this block for the offer. */
async function expectRefused(rpc: NanoNode, hash: BlockHash): Promise<number> {
  const paywall = createPaywall({ ...world.options, rpc, confirmTimeoutMs: 1 })
  const request = new Request('http://shop.example/report', { headers: proofHeader(offer, hash) })
  const outcome = await paywall.guard(request)
  await paywall.close({ timeoutMs: 1 })
  if (outcome.kind !== 'refused') throw new Error('It was served.')
  const allowed =
    outcome.status === 503
      ? ['settlement_pending', 'node_unavailable', 'unexpected_verify_error']
      : ['amount_mismatch', 'recipient_mismatch']
  expect(allowed).toContain(outcome.code)
  return outcome.status
}
