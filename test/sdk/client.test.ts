/** What the plug-ins for clients pay, and what they leave. */
import { createPayer, type Payer } from 'nano402/client'
import { createFacilitator, type FacilitatorService } from 'nano402/facilitator'
import { paymentHandler } from 'nano402/faremeter'
import { nanoClient } from 'nano402/x402'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { PaymentRequirements } from '../../src/x402/shapes.ts'
import { createWorld, type World } from '../support/world.ts'

let world: World
let facilitator: FacilitatorService
let payer: Payer
let offer: PaymentRequirements
beforeAll(async () => {
  world = await createWorld()
  const { rpc, network, secret, payTo, price } = world.options
  facilitator = createFacilitator({ rpc, network, secret })
  const [made] = await facilitator.requirements({ method: 'GET', url: '/report', price, payTo })
  if (!made) throw new Error('No offer.')
  offer = made
  const budget = { perRequest: '0.01', total: '1' }
  payer = createPayer({ privateKey: world.buyer.key, rpc, network, budget, work: 'cpu' })
})
afterAll(async () => {
  payer.close()
  await facilitator.close()
  world.close()
})

test('the bound that the SDK names holds where it is paid, in both versions', async () => {
  const client = nanoClient(payer)
  const { amount: maxAmountRequired, ...v1 } = offer
  const below = { maxAmountPerPayment: `${BigInt(offer.amount) - 1n}` }
  for (const [version, asked] of [
    [2, offer],
    [1, { ...v1, maxAmountRequired }],
    [1, v1],
  ] as const) {
    const paying = client.createPaymentPayload(version, asked as PaymentRequirements, below)
    await expect(paying).rejects.toThrow(/spendControls/)
  }
  expect(await payer.unfinished()).toEqual([])
  const { payload } = await client.createPaymentPayload(2, offer, { maxAmountPerPayment: offer.amount })
  expect(await payer.unfinished()).toMatchObject([{ kind: 'payment', proof: { blockHash: payload.proof } }])
})

test('offers on the payer’s own network are taken, and no others: a client may pay the first that it is given', async () => {
  const strangers = [
    { ...offer, network: 'nano:mainnet' },
    { ...offer, network: 'eip155:8453' },
    { ...offer, scheme: 'batch-settlement' },
    { ...offer, asset: 'USDC' },
  ]
  const execers = await paymentHandler(payer)({ request: 'https://shop.example/report' }, [...strangers, offer])
  expect(execers.map(({ requirements }) => requirements)).toEqual([offer])
})
