import { memoryStore } from 'nano402/stores/memory'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { frameworks, type Served } from '../support/frameworks.ts'
import { refusedAtOnce, watch } from '../support/outcome.ts'
import { disposable } from '../support/wait.ts'
import {
  createWorld,
  offerOf,
  paymentHeader,
  paymentOf,
  proofHeader,
  SECRET,
  sessionIdOf,
  type World,
} from '../support/world.ts'
import { forgeries } from './list/wrong-values.ts'

let world: World
beforeAll(async () => {
  world = await createWorld()
})
afterAll(() => world.close())

describe.each(frameworks)('B6 over $name', ({ serve }) => {
  let app: Served
  let payment: ReturnType<typeof paymentOf>
  beforeAll(async () => {
    app = await serve(world.options)
    const offer = offerOf(await fetch(`${app.url}/report`))
    payment = paymentOf(offer, await world.buyer.pay(offer)) // a payment that the genuine id would be served for
  })
  afterAll(() => app.close())
  const present = (sessionId: string) => {
    const headers = paymentHeader({ ...payment, payload: { ...payment.payload, sessionId } })
    return watch(world, app)(() => fetch(`${app.url}/report`, { headers }))
  }

  test.each(Object.entries(forgeries))('%s is not a session of ours', async (_name, forge) => {
    expect(await present(forge(payment.payload.sessionId))).toEqual(refusedAtOnce(402, 'invalid_session'))
  })

  test('a session with one bit flipped, in any byte, is not a session of ours', async () => {
    const genuine = Buffer.from(payment.payload.sessionId, 'base64url')
    for (let at = 0; at < genuine.length; at++) {
      const flipped = Buffer.from(genuine)
      flipped[at] = (flipped[at] ?? 0) ^ (1 << (at % 8))
      const outcome = await present(flipped.toString('base64url'))
      expect(outcome, `byte ${at}`).toMatchObject({ status: 402, ran: 0, asked: 0 })
      expect(outcome.code, `byte ${at}`).toMatch(/^(invalid_session|resource_mismatch)$/)
    }
  })

  test.each([
    ['another secret', { secret: `${SECRET}-of-somebody-else` }],
    ['another realm', { realm: 'another tenant' }],
  ])('a session of a deployment with %s and the same account buys nothing here', async (_name, difference) => {
    await using theirs = disposable(await serve({ ...world.options, ...difference }))
    const offer = offerOf(await fetch(`${theirs.url}/report`))
    const headers = proofHeader(offer, await world.buyer.pay(offer))
    const outcome = await watch(world, app)(() => fetch(`${app.url}/report`, { headers }))
    expect(outcome).toMatchObject({ status: 402, ran: 0, asked: 0 })
    expect(outcome.code).toMatch(/^(invalid_session|resource_mismatch)$/)
    expect((await fetch(`${theirs.url}/report`, { headers })).status).toBe(200)
  })

  test('a session from before a secret was rotated is good, and one of a secret that was dropped is not', async () => {
    const [old, current] = [`${SECRET}-old-${Math.random()}`, `${SECRET}-new-${Math.random()}`]
    const options = { ...world.options, store: memoryStore() }
    await using before = disposable(await serve({ ...options, secret: old }))
    await using during = disposable(await serve({ ...options, secret: [current, old] }))
    await using after = disposable(await serve({ ...options, secret: current }))
    const offer = offerOf(await fetch(`${before.url}/report`))
    const headers = proofHeader(offer, await world.buyer.pay(offer))
    const dropped = await watch(world, after)(() => fetch(`${after.url}/report`, { headers }))
    expect(dropped).toEqual(refusedAtOnce(402, 'invalid_session'))
    expect((await fetch(`${during.url}/report`, { headers })).status).toBe(200)
  })

  test('an id is never the same twice, and says nothing that the offer does not', async () => {
    const ids = new Set<string>()
    for (let i = 0; i < 50; i++) ids.add(sessionIdOf(offerOf(await fetch(`${app.url}/report`))))
    expect(ids.size).toBe(50)
  })
})
