import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { frameworks, type Served } from '../support/frameworks.ts'
import { refusedAtOnce, watch } from '../support/outcome.ts'
import { createWorld, offerOf, paymentHeader, paymentOf, randomHash, type World } from '../support/world.ts'
import { accounts, amounts, hashes, OTHER_OFFER, times, UNREADABLE } from './list/wrong-values.ts'

let world: World
beforeAll(async () => {
  world = await createWorld()
})
afterAll(() => world.close())

describe.each(frameworks)('I6 to I11 over $name', ({ serve }) => {
  let app: Served
  let payment: ReturnType<typeof paymentOf>
  beforeAll(async () => {
    app = await serve(world.options)
    payment = paymentOf(offerOf(await fetch(`${app.url}/report`)), randomHash())
  })
  afterAll(() => app.close())
  const present = (value: unknown) =>
    watch(world, app)(() => fetch(`${app.url}/report`, { headers: paymentHeader(value) }))
  const presentAccepted = (changes: object) => present({ ...payment, accepted: { ...payment.accepted, ...changes } })
  const presentPayload = (changes: object) => present({ ...payment, payload: { ...payment.payload, ...changes } })

  test.each(amounts)('I6: an echoed amount of %j is not the amount', async (amount, code) => {
    expect(await presentAccepted({ amount })).toEqual(refusedAtOnce(400, code))
  })

  test.each(Object.entries(accounts))('I8: an echoed account with %s is not the account', async (_name, change) => {
    const payTo = change(world.seller.account)
    expect(await presentAccepted({ payTo })).toEqual(refusedAtOnce(400, OTHER_OFFER))
  })

  test.each(Object.entries(hashes))('I9: a hash that is %s is unreadable', async (_name, proof) => {
    expect(await presentPayload({ proof })).toEqual(refusedAtOnce(400, UNREADABLE))
  })

  test('I9: a payload with anything beside proof and session is unreadable', async () => {
    expect(await presentPayload({ blockHash: randomHash() })).toEqual(refusedAtOnce(400, UNREADABLE))
    expect(await presentPayload({ sessionId: undefined })).toEqual(refusedAtOnce(400, UNREADABLE))
    expect(await presentPayload({ sessionId: 7 })).toEqual(refusedAtOnce(400, UNREADABLE))
    expect(await presentPayload({ sessionId: [payment.payload.sessionId] })).toEqual(refusedAtOnce(400, UNREADABLE))
    for (const payload of [null, [], 'x', 7]) {
      expect(await present({ ...payment, payload })).toEqual(refusedAtOnce(400, UNREADABLE))
    }
  })

  test.each([1, 3, '2', null, [2], 2.5])('I10: x402 version %j is not spoken', async (x402Version) => {
    expect(await present({ ...payment, x402Version })).toEqual(refusedAtOnce(400, 'invalid_x402_version'))
  })

  test('I10: a payment without a version is unreadable', async () => {
    const { x402Version: _, ...unversioned } = payment
    expect(await present(unversioned)).toEqual(refusedAtOnce(400, UNREADABLE))
  })

  test.each(['upto', 'EXACT', 'exact ', ''])('I10: the scheme %j is not offered', async (scheme) => {
    expect(await presentAccepted({ scheme })).toEqual(refusedAtOnce(400, 'invalid_scheme'))
  })

  test.each(['nano:mainnet', 'nano', 'NANO:DEVNET', 'eip155:8453', ''])(
    'I10: %j is another network',
    async (network) => {
      expect(await presentAccepted({ network })).toEqual(refusedAtOnce(400, 'invalid_network'))
    },
  )

  test.each(times)('I11: a timeout of %j is not the one that was offered', async (maxTimeoutSeconds, code) => {
    expect(await presentAccepted({ maxTimeoutSeconds })).toEqual(refusedAtOnce(400, code))
  })
})

describe.each(frameworks)('I10 between networks over $name', ({ serve }) => {
  test('a session of the devnet buys nothing on mainnet, though account, secret and store are the same', async () => {
    const devnet = await serve(world.options)
    const mainnet = await serve({ ...world.options, network: 'nano:mainnet' })
    try {
      const offer = offerOf(await fetch(`${devnet.url}/report`))
      const payment = paymentOf(offer, await world.buyer.pay(offer))
      const present = (value: unknown) =>
        watch(world, mainnet)(() => fetch(`${mainnet.url}/report`, { headers: paymentHeader(value) }))
      expect(await present(payment)).toEqual(refusedAtOnce(400, 'invalid_network'))
      const renamed = { ...payment, accepted: { ...payment.accepted, network: 'nano:mainnet' } }
      expect(await present(renamed)).toEqual(refusedAtOnce(402, 'resource_mismatch'))
    } finally {
      await Promise.all([devnet.close(), mainnet.close()])
    }
  })
})

describe.each(frameworks)('I8 over $name', ({ serve }) => {
  test('a seller who pays itself gets one answer for one payment, like everybody', async () => {
    const app = await serve(world.options)
    try {
      const offer = offerOf(await fetch(`${app.url}/report`))
      const headers = paymentHeader(paymentOf(offer, await world.seller.pay(offer)))
      const statuses = [await fetch(`${app.url}/report`, { headers }), await fetch(`${app.url}/report`, { headers })]
      expect(statuses.map(({ status }) => status)).toEqual([200, 402])
      expect(app.runs()).toBe(1)
    } finally {
      await app.close()
    }
  })
})
