/** NanoSession's handlers, put into a server and a client as its documents show them. */
import { createPayer } from 'nano402/client'
import { createFacilitator, type FacilitatorService } from 'nano402/facilitator'
import { type NanoSessionFacilitator, nanoSessionFacilitator, nanoSessionPaymentHandler } from 'nano402/nanosession'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { PaymentRequirements } from '../../src/x402/shapes.ts'
import { listen } from '../support/frameworks.ts'
import { createWorld, randomHash, sessionIdOf, type World } from '../support/world.ts'

let world: World
let facilitator: FacilitatorService
let handler: NanoSessionFacilitator
beforeAll(async () => {
  world = await createWorld()
  const { rpc, network, secret } = world.options
  facilitator = createFacilitator({ rpc, network, secret })
  handler = nanoSessionFacilitator(facilitator, { network })
})
afterAll(async () => {
  await facilitator.close()
  world.close()
})

const AMOUNT = (10n ** 27n).toString()
const offered = (more: { url?: string; amount?: string } = {}) =>
  handler.getRequirements({ amount: AMOUNT, payTo: world.seller.account, maxTimeoutSeconds: 60, ...more })
/** What a client presents for an offer. */
const paid = async (offer: PaymentRequirements) => ({
  proof: await world.buyer.pay(offer),
  sessionId: sessionIdOf(offer),
})

test('a server and a client that speak HTTP by themselves trade, and the payment buys one answer', async () => {
  await using shop = await serve()
  const { privateKey } = await world.devnet.fundedSeed()
  const budget = { perRequest: '0.01', total: '1' }
  const payer = createPayer({ privateKey, rpc: world.devnet, network: 'nano:devnet', budget, work: 'cpu' })
  const client = nanoSessionPaymentHandler(payer)

  const bill = await fetch(shop.url)
  const requirements = JSON.parse(bill.headers.get('X-Payment-Required') ?? '')
  const [execer] = await client.handle({ request: shop.url }, [requirements])
  const { payload } = (await execer?.exec()) ?? {}
  const present = () => fetch(shop.url, { headers: { 'X-Payment-Response': JSON.stringify(payload) } })
  expect(await (await present()).text()).toBe('Premium content here!')
  expect((await present()).status).toBe(402)
  payer.close()
})

/** The documents' server, with the offer made before it is asked what was paid. */
async function serve() {
  const { url, close } = await listen(async (req, res) => {
    const payment = req.headers['x-payment-response']
    const requirements = await offered({ url: req.url ?? '/' })
    if (payment === undefined) {
      return void res.writeHead(402, { 'X-Payment-Required': JSON.stringify(requirements) }).end('Payment required')
    }
    const result = await handler.handleSettle(requirements, JSON.parse(String(payment)))
    if (result?.success) res.writeHead(200).end('Premium content here!')
    else res.writeHead(402).end('Payment verification failed')
  })
  return { url: `${url}/api/premium`, [Symbol.asyncDispose]: close }
}

test('what is supported is what is offered', async () => {
  const [kind] = await handler.getSupported()
  expect(await offered()).toMatchObject({ scheme: kind?.scheme, network: kind?.network, maxTimeoutSeconds: 60 })
})

test('verifying takes nothing, settling takes it once, and the answer names the block', async () => {
  const offer = await offered()
  const { proof: blockHash, sessionId } = await paid(offer)
  const payload = { blockHash, sessionId } // as revisions 3 and 5 call it
  expect(await handler.handleVerify(offer, payload)).toEqual({ isValid: true })
  expect(await handler.handleSettle(offer, payload)).toEqual({ success: true, transactionHash: blockHash })
  expect(await handler.handleSettle(offer, payload)).toEqual({ success: false, error: 'payment_already_spent' })
  expect(await handler.handleVerify(offer, payload)).toEqual({ isValid: false, error: 'payment_already_spent' })
})

test('what is paid for one URL buys no other, and no dearer one', async () => {
  const [cheap, dear] = [await offered({ url: '/cheap' }), await offered({ url: '/dear', amount: `${AMOUNT}0` })]
  const payload = await paid(cheap)
  expect(await handler.handleSettle(dear, payload)).toEqual({ success: false, error: 'resource_mismatch' })
  expect(await handler.handleSettle(cheap, payload)).toMatchObject({ success: true })
})

test('a block without the session that it pays buys nothing', async () => {
  const offer = await offered()
  const { proof } = await paid(offer)
  for (const payload of [{ proof }, { blockHash: proof }, { proof, sessionId: 'x' }, {}, null, 'text', 7]) {
    expect(await handler.handleSettle(offer, payload)).toMatchObject({ success: false, error: expect.any(String) })
  }
})

test('offers of another scheme, of another network, or that nobody here made are not taken', async () => {
  const offer = await offered()
  const payload = { proof: randomHash(), sessionId: sessionIdOf(offer) }
  expect(await handler.handleSettle({ ...offer, scheme: 'upto' }, payload)).toBeNull()
  expect(await handler.handleVerify({ ...offer, network: 'nano:mainnet' }, payload)).toBeNull()
  expect(await handler.handleSettle({ ...offer, extra: {} }, payload)).toMatchObject({ success: false })
})

test('while the node is down nothing is taken, and the proof stays good', async () => {
  const offer = await offered()
  const payload = await paid(offer)
  world.devnet.faults.down = 'reset'
  expect(await handler.handleSettle(offer, payload)).toEqual({ success: false, error: 'node_unavailable' })
  world.devnet.faults.down = undefined
  expect(await handler.handleSettle(offer, payload)).toMatchObject({ success: true })
})
