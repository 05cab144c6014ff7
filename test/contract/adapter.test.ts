/** What every adapter does, over a real socket. */

import type { PaywallOptions, Store } from 'nano402'
import { memoryStore } from 'nano402/stores/memory'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { decodeSettlementResponse } from '../../src/x402/headers.ts'
import { type ServedFacilitator, startFacilitator } from '../support/facilitator.ts'
import { frameworks } from '../support/frameworks.ts'
import { disposable, until } from '../support/wait.ts'
import { buy, challengeOf, createWorld, offerOf, proofHeader, type World } from '../support/world.ts'

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

/** What takes the payments: the paywall's own process, or a facilitator that has the node, the store and the secret. */
const takers: readonly { taker: string; options(): PaywallOptions; over(store: Store): Promise<PaywallOptions> }[] = [
  {
    taker: 'the paywall itself',
    options: () => world.options,
    over: async (store) => ({ ...world.options, store }),
  },
  {
    taker: 'a facilitator',
    options: () => facilitator.options,
    async over(store) {
      const other = await startFacilitator(world, { store })
      onTestFinished(() => other.close())
      return other.options
    },
  },
]
const cases = takers.flatMap((taker) => frameworks.map((framework) => ({ ...taker, ...framework })))

describe.each(cases)('$name, paid through $taker', ({ serve, options, over }) => {
  test('an unpaid request gets a 402 whose header and body make the same offer, and no handler runs', async () => {
    await using app = disposable(await serve(options()))
    const response = await fetch(`${app.url}/report?day=1`)
    expect(response.status).toBe(402)
    const challenge = challengeOf(response)
    expect(await response.json()).toEqual(challenge)
    expect(challenge).toMatchObject({ x402Version: 2, error: 'payment_required', resource: { url: '/report?day=1' } })
    expect(challenge.accepts[0]).toMatchObject({
      scheme: 'exact',
      network: 'nano:devnet',
      asset: 'XNO',
      payTo: world.seller.account,
    })
    expect(response.headers.get('cache-control')).toBe('no-store')
    expect(app.runs()).toBe(0)
  })

  test('a paid request is served once, with a receipt that only this client may keep', async () => {
    await using app = disposable(await serve(options(), ({ payment }) => ({ body: payment.payer })))
    const { headers, hash } = await buy(world.buyer, `${app.url}/report`)
    const paid = await fetch(`${app.url}/report`, { headers })
    expect([paid.status, await paid.text()]).toEqual([200, world.buyer.account])
    expect(decodeSettlementResponse(paid.headers.get('payment-response') ?? '')).toMatchObject({
      success: true,
      transaction: hash,
      network: 'nano:devnet',
      payer: world.buyer.account,
    })
    expect(paid.headers.get('cache-control')).toBe('private')
    expect(paid.headers.get('vary')).toContain('PAYMENT-SIGNATURE')
    const again = await fetch(`${app.url}/report`, { headers })
    expect([again.status, challengeOf(again).error]).toEqual([402, 'payment_already_spent'])
    expect(app.runs()).toBe(1)
  })

  test('an answer of 400 or more costs nothing: the same proof is good again', async () => {
    let fail = true
    await using app = disposable(
      await serve(options(), () => (fail ? { status: 500, body: 'broken' } : { body: 'better' })),
    )
    const { headers } = await buy(world.buyer, `${app.url}/report`)
    const failed = await fetch(`${app.url}/report`, { headers })
    expect([failed.status, failed.headers.get('payment-response')]).toEqual([500, null])
    fail = false
    const served = await fetch(`${app.url}/report`, { headers })
    expect([served.status, await served.text()]).toEqual([200, 'better'])
  })

  test('a handler that throws costs nothing', async () => {
    let fail = true
    await using app = disposable(
      await serve(options(), () => {
        if (fail) throw new Error('broken')
        return { body: 'better' }
      }),
    )
    const { headers } = await buy(world.buyer, `${app.url}/report`)
    expect((await fetch(`${app.url}/report`, { headers })).status).toBe(500)
    fail = false
    expect((await fetch(`${app.url}/report`, { headers })).status).toBe(200)
  })

  test('no byte leaves before the store has made the payment final', async () => {
    const events: string[] = []
    let acknowledge: () => void = () => {}
    const acknowledged = new Promise<void>((resolve) => {
      acknowledge = resolve
    })
    const inner = memoryStore()
    const slow: Store = {
      ...inner,
      async commit(...args) {
        events.push('commit asked')
        await acknowledged
        events.push('commit done')
        return inner.commit(...args)
      },
    }
    await using app = disposable(await serve(await over(slow)))
    const { headers } = await buy(world.buyer, `${app.url}/report`)
    const answer = fetch(`${app.url}/report`, { headers }).then((response) => {
      events.push('first byte')
      return response
    })
    await until(() => events.includes('commit asked'))
    await (await fetch(`${app.url}/other`)).text() // the server has had every chance to send
    acknowledge()
    expect(await (await answer).text()).toBe('paid content')
    expect(events.indexOf('first byte')).toBeGreaterThan(events.indexOf('commit done'))
  })

  test('HEAD is paid for like GET', async () => {
    await using app = disposable(await serve(options()))
    const head = await fetch(`${app.url}/report`, { method: 'HEAD' })
    expect([head.status, await head.text()]).toEqual([402, ''])
    const offer = offerOf(head)
    const headers = proofHeader(offer, await world.buyer.pay(offer))
    const paid = await fetch(`${app.url}/report`, { method: 'HEAD', headers })
    expect([paid.status, await paid.text()]).toEqual([200, ''])
  })

  test("a browser's preflight is answered without payment and without content", async () => {
    await using app = disposable(await serve(options()))
    const headers = { Origin: 'https://elsewhere.example', 'Access-Control-Request-Method': 'GET' }
    const preflight = await fetch(`${app.url}/report`, { method: 'OPTIONS', headers })
    expect([preflight.status, await preflight.text()]).toEqual([204, ''])
    expect((await fetch(`${app.url}/report`, { method: 'OPTIONS' })).status).toBe(402)
    expect(app.runs()).toBe(0)
  })
})
