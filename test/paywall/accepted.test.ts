/** A payment that is something else than what is taken: 400 with x402's code and a list of what is, in every form. */
import type { WireName } from 'nano402'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { encodeBase64 } from '../../src/x402/base64.ts'
import { type ServedFacilitator, startFacilitator } from '../support/facilitator.ts'
import { forms } from '../support/forms.ts'
import { listenFetch } from '../support/frameworks.ts'
import { openShop } from '../support/shop.ts'
import { createWorld, randomHash, type World } from '../support/world.ts'

let world: World
let facilitator: ServedFacilitator
beforeAll(async () => {
  world = await createWorld()
  facilitator = await startFacilitator(world)
})
afterAll(async () => {
  await facilitator.close()
  world.close()
})

type Payment = { x402Version: unknown; accepted?: object }
type Case = readonly [code: string, change: (payment: Payment) => object]
const version2: readonly Case[] = [
  ['invalid_x402_version', (payment) => ({ ...payment, x402Version: 3 })],
  ['invalid_scheme', ({ accepted, ...payment }) => ({ ...payment, accepted: { ...accepted, scheme: 'upto' } })],
  ['invalid_network', ({ accepted, ...payment }) => ({ ...payment, accepted: { ...accepted, network: 'eip155:1' } })],
  [
    'invalid_payment_requirements',
    ({ accepted, ...payment }) => ({ ...payment, accepted: { ...accepted, asset: 'USDC' } }),
  ],
  ['invalid_payload', (payment) => ({ ...payment, payload: [] })],
]
const version1: readonly Case[] = [
  ['invalid_x402_version', (payment) => ({ ...payment, x402Version: 2 })],
  ['invalid_scheme', (payment) => ({ ...payment, scheme: 'upto' })],
  ['invalid_network', (payment) => ({ ...payment, network: 'base' })],
  ['invalid_payload', (payment) => ({ ...payment, payload: [] })],
]
const cases: readonly (readonly [WireName, Case])[] = [
  ...version2.map((one) => ['x402', one] as const),
  ...version2.map((one) => ['nanosession-7', one] as const),
  ...version1.map((one) => ['x402-v1', one] as const),
]

describe.each(['itself', 'through a facilitator'])('a paywall that takes payments %s', (how) => {
  const open = (wire: WireName) =>
    openShop({ ...(how === 'itself' ? world.options : facilitator.options), wire: [wire] })
  const rest = { schemes: ['exact'], networks: ['nano:devnet'], assets: ['XNO'] }

  test.each(cases)('by %s says %s, and what it takes', async (wire, [code, change]) => {
    const shop = open(wire)
    const bill = await forms.find(({ name }) => name === wire)?.read(await shop.ask())
    const [[name = '', value = ''] = []] = Object.entries(bill?.present(randomHash()) ?? {})
    const answer = await shop.ask({ [name]: encodeBase64(JSON.stringify(change(JSON.parse(atob(value))))) })
    const accepted = { x402Versions: [wire === 'x402-v1' ? 1 : 2], ...rest }
    expect([answer.status, await answer.json()]).toEqual([400, { error: code, message: expect.any(String), accepted }])
    expect(shop.runs()).toBe(0)
  })

  test.each<[WireName, Record<string, string>]>([
    ['nanosession-3', { 'X-Payment-Response': '{"blockHash":"none","sessionId":"none"}' }],
    ['nanosession-5', { 'X-PAYMENT-BLOCK': 'none', 'X-PAYMENT-SESSION': 'none' }],
  ])('by %s, which says no version, scheme or network, it says what it takes all the same', async (wire, headers) => {
    const answer = await open(wire).ask(headers)
    expect([answer.status, await answer.json()]).toMatchObject([400, { error: 'invalid_payload', accepted: rest }])
  })
})

describe('a paywall with a facilitator that offers something else', () => {
  const kind = (scheme: string, network = 'nano:devnet') => ({ x402Version: 2, scheme, network })

  test('describes, and lists, what that says it offers', async () => {
    const kinds = [kind('exact'), kind('batch-settlement'), kind('exact'), kind('upto', 'eip155:1')]
    const other = await listenFetch(() => Response.json({ kinds, extensions: [], signers: {} }))
    onTestFinished(() => other.close())
    const shop = openShop({ ...facilitator.options, facilitator: other.url })
    expect(await shop.paywall.describe()).toMatchObject({ schemes: ['exact', 'batch-settlement'], asset: 'XNO' })
    const { accepted } = await (await shop.ask({ 'PAYMENT-SIGNATURE': 'none' })).json()
    expect(accepted.schemes).toEqual(['exact', 'batch-settlement'])
  })

  test('or that is down does not make it up', async () => {
    const shop = openShop({ ...facilitator.options, facilitator: 'http://127.0.0.1:1' })
    await expect(shop.paywall.describe()).rejects.toMatchObject({ code: 'ERR_FACILITATOR' })
    const answer = await shop.ask({ 'PAYMENT-SIGNATURE': 'none' })
    expect([answer.status, (await answer.json()).error]).toEqual([503, 'facilitator_unavailable'])
  })
})
