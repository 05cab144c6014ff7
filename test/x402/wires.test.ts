import { PaymentPayloadV1Schema, PaymentRequiredV1Schema } from '@x402/core/schemas'
import { createPaywall, type PaywallOptions, type WireName } from 'nano402'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { CLIENT_WIRES } from '../../src/x402/client-wires.ts'
import { decodeSettlementResponse } from '../../src/x402/headers.ts'
import { startFacilitator } from '../support/facilitator.ts'
import { EVERY_FORM, type Form, forms, settle } from '../support/forms.ts'
import { openShop } from '../support/shop.ts'
import { createWorld, offerOf, randomHash, sessionIdOf, type World } from '../support/world.ts'

let world: World
beforeAll(async () => {
  world = await createWorld()
})
afterAll(() => world.close())

const shopFor = (wire: readonly WireName[], options: PaywallOptions = {}) =>
  openShop({ ...world.options, ...options, wire })
const named = (wanted: WireName): Form => forms.find(({ name }) => name === wanted) as Form
const errorIn = async (response: Response) => (await response.json()).error

describe.each(forms)('$name alone', ({ name, read }) => {
  test('an offer is made, paid exactly, and served once', async () => {
    const { ask, runs } = shopFor([name])
    const bill = await read(await ask())
    const headers = bill.present(await settle(world.buyer, bill))
    expect((await ask(headers)).status).toBe(200)
    const again = await ask(headers)
    expect([again.status, await errorIn(again), runs()]).toEqual([402, 'payment_already_spent', 1])
  })

  test('a 402 says nothing in the headers of other forms', async () => {
    const { ask } = shopFor([name])
    const answer = await ask()
    const own = answer.headers.get('access-control-expose-headers')?.toLowerCase().split(', ') ?? []
    const spoken = [...answer.headers.keys()].filter((header) => /^(x-)?payment-/.test(header))
    expect(spoken.filter((header) => !own.includes(header))).toEqual([])
  })

  test('caches and scripts are told of its headers, unpaid and paid', async () => {
    const { ask } = shopFor([name])
    const unpaid = await ask()
    const bill = await read(unpaid)
    const headers = bill.present(await settle(world.buyer, bill))
    for (const answer of [unpaid, await ask(headers)]) {
      const varied = answer.headers.get('vary')?.toLowerCase().split(', ') ?? []
      const exposed = answer.headers.get('access-control-expose-headers')?.toLowerCase().split(', ') ?? []
      expect(Object.keys(headers).filter((header) => !varied.includes(header.toLowerCase()))).toEqual([])
      const spoken = [...answer.headers.keys()].filter((header) => /^(x-)?payment-/.test(header))
      expect(spoken.filter((header) => !exposed.includes(header))).toEqual([])
    }
  })
})

describe('every form at once', () => {
  test.each(forms)('one 402 speaks $name, and its payment is served', async ({ read }) => {
    const { ask, runs } = shopFor(EVERY_FORM)
    const bill = await read(await ask())
    expect((await ask(bill.present(await settle(world.buyer, bill)))).status).toBe(200)
    expect(runs()).toBe(1)
  })

  test('all of them ask for the same amount, for the same session', async () => {
    const answer = await shopFor(EVERY_FORM).ask()
    const bills = await Promise.all(forms.map(({ read }) => read(answer)))
    expect(new Set(bills.map(({ amount, sessionId, payTo }) => `${amount} ${sessionId} ${payTo}`)).size).toBe(1)
  })

  test('what became of a payment is said in the words of both versions of x402', async () => {
    const { ask } = shopFor(['x402', 'x402-v1'])
    const bill = await named('x402').read(await ask())
    const hash = await settle(world.buyer, bill)
    const answer = await ask(bill.present(hash))
    const common = { success: true, transaction: hash, network: 'nano:devnet', payer: world.buyer.account }
    expect(decodeSettlementResponse(answer.headers.get('payment-response') ?? '')).toMatchObject(common)
    const v1 = JSON.parse(atob(answer.headers.get('x-payment-response') ?? ''))
    expect(v1).toEqual(common)
  })
})

test('x402 alone is the default, and a payment in another form is not read', async () => {
  const { ask, runs } = openShop(world.options)
  const answer = await ask()
  expect([...answer.headers.keys()].filter((header) => header.includes('payment'))).toEqual(['payment-required'])
  const everywhere = await shopFor(EVERY_FORM).ask()
  for (const { name, read } of forms.filter(({ name }) => name !== 'x402' && name !== 'nanosession-7')) {
    const bill = await read(everywhere)
    const refused = await ask(bill.present(randomHash()))
    expect([name, refused.status, await errorIn(refused)]).toEqual([name, 402, 'payment_required'])
  }
  expect(runs()).toBe(0)
})

test.each(forms)(
  'a paywall that leaves node and store to a facilitator speaks $name as well',
  async ({ name, read }) => {
    await using served = await startFacilitator(world)
    const { ask, runs } = openShop({ ...served.options, wire: [name] })
    const bill = await read(await ask())
    const headers = bill.present(await settle(world.buyer, bill))
    expect((await ask(headers)).status).toBe(200)
    expect([await errorIn(await ask(headers)), runs()]).toEqual(['payment_already_spent', 1])
  },
)

describe('x402-v1', () => {
  test('the body is a 402 of version 1, and version 2 stays in its header', async () => {
    const { ask } = shopFor(['x402', 'x402-v1'], { description: 'A report', mimeType: 'text/plain' })
    const answer = await ask()
    const { amount, maxTimeoutSeconds, extra } = offerOf(answer)
    expect(await answer.json()).toEqual({
      x402Version: 1,
      error: 'payment_required',
      message: expect.any(String),
      accepts: [
        {
          scheme: 'exact',
          network: 'nano:devnet',
          maxAmountRequired: amount,
          asset: 'XNO',
          payTo: world.seller.account,
          resource: '/report',
          description: 'A report',
          mimeType: 'text/plain',
          maxTimeoutSeconds,
          extra,
        },
      ],
    })
  })

  test('its JSON is what the official schemas of version 1 take', async () => {
    const { ask } = shopFor(['x402-v1'])
    expect(PaymentRequiredV1Schema.safeParse(await (await ask()).json()).error).toBeUndefined()
    const payload = { proof: randomHash(), sessionId: 'AAAA' }
    const accepted = offerOf(await shopFor(['x402']).ask())
    const headers = CLIENT_WIRES['x402-v1'].present({ x402Version: 2, accepted, payload })
    expect(PaymentPayloadV1Schema.safeParse(JSON.parse(atob(headers['X-PAYMENT'] ?? ''))).error).toBeUndefined()
  })

  test.each<[string, object, number, string]>([
    ['of version 2', { x402Version: 2 }, 400, 'invalid_x402_version'],
    ['of version "1"', { x402Version: '1' }, 400, 'invalid_x402_version'],
    ['of no version', { x402Version: undefined }, 400, 'invalid_payload'],
    ['of another scheme', { scheme: 'upto' }, 400, 'invalid_scheme'],
    ['of no scheme', { scheme: undefined }, 400, 'invalid_payload'],
    ['on another network', { network: 'nano:mainnet' }, 400, 'invalid_network'],
    ['with a payload that is a list', { payload: [] }, 400, 'invalid_payload'],
    [
      'with more in its payload',
      { payload: { proof: randomHash(), sessionId: 'AAAA', amount: '1' } },
      400,
      'invalid_payload',
    ],
    ['with a session that is no text', { payload: { proof: randomHash(), sessionId: 7 } }, 400, 'invalid_payload'],
    ['that was forged', {}, 402, 'invalid_session'],
  ])('a payment %s is refused', async (_name, change, status, code) => {
    const { ask, runs } = shopFor(['x402-v1'])
    const payload = { proof: randomHash(), sessionId: 'A'.repeat(200) }
    const honest = { x402Version: 1, scheme: 'exact', network: 'nano:devnet', payload }
    const answer = await ask({ 'X-PAYMENT': btoa(JSON.stringify({ ...honest, ...change })) })
    expect([answer.status, await errorIn(answer), runs()]).toEqual([status, code, 0])
    expect(JSON.parse(atob(answer.headers.get('x-payment-response') ?? ''))).toMatchObject({ errorReason: code })
  })
})

test('nanosession-5: seven digits of tag, the other thirteen in a base that is a multiple of 10^7', async () => {
  const answer = await shopFor(['x402', 'nanosession-5']).ask()
  const { amount, maxTimeoutSeconds } = offerOf(answer)
  const [base, tag] = ['amount', 'tag'].map((part) => BigInt(answer.headers.get(`x-payment-${part}`) ?? '')) as [
    bigint,
    bigint,
  ]
  expect(base + tag).toBe(BigInt(amount))
  expect([base % 10_000_000n, tag < 10_000_000n]).toEqual([0n, true])
  expect(base % 10n ** 20n).not.toBe(0n)
  expect(answer.headers.get('x-payment-tag-modulus')).toBe('10000000')
  const leftMs = Date.parse(answer.headers.get('x-payment-expires') ?? '') - Date.now()
  expect(leftMs).toBeGreaterThan((maxTimeoutSeconds - 10) * 1_000)
  expect(leftMs).toBeLessThanOrEqual(maxTimeoutSeconds * 1_000)
})

test('nanosession-7: the payload of x402 and blockHash for proof are understood as well', async () => {
  const { ask } = shopFor(['nanosession-7'])
  for (const payload of ['proof', 'blockHash', 'with session']) {
    const offer = offerOf(await ask())
    const hash = await world.buyer.pay(offer)
    const chosen = payload === 'with session' ? { proof: hash, sessionId: sessionIdOf(offer) } : { [payload]: hash }
    const header = btoa(JSON.stringify({ x402Version: 2, accepted: offer, payload: chosen }))
    expect([payload, (await ask({ 'PAYMENT-SIGNATURE': header })).status]).toEqual([payload, 200])
  }
})

describe('the option wire', () => {
  test.each([[[]], [['x402-v3']], ['x402'], [['x402', 1]]])('%j is no list of forms', (wire) => {
    expect(() => createPaywall({ ...world.options, wire } as PaywallOptions)).toThrow(/Option wire .* x402-v1/)
  })

  test('NANO402_WIRE stands in for it, and is checked', async () => {
    process.env.NANO402_WIRE = 'x402, nanosession-5'
    try {
      const answer = await openShop(world.options).ask()
      expect(answer.headers.has('x-payment-address') && answer.headers.has('payment-required')).toBe(true)
      process.env.NANO402_WIRE = 'x402, nanosession-6'
      expect(() => createPaywall(world.options)).toThrow(/NANO402_WIRE must be a list of x402, /)
    } finally {
      delete process.env.NANO402_WIRE
    }
  })
})
