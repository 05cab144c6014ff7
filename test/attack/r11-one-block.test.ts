import type { Mechanism, Proof, Quote } from 'nano402'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { frameworks } from '../support/frameworks.ts'
import { watch } from '../support/outcome.ts'
import { stores } from '../support/stores.ts'
import { disposable } from '../support/wait.ts'
import { createWorld, offerOf, proofHeader, type World } from '../support/world.ts'

const cases = frameworks.flatMap((framework) => stores.map((store) => ({ ...framework, ...store })))

let world: World
beforeAll(async () => {
  world = await createWorld()
})
afterAll(() => world.close())

/**
 * A mechanism that believes every proof, for any session: what is left to stop a second use is the claim on the block.
 * With real sessions, tags make two sessions with one amount all but impossible.
 */
const gullible: Mechanism<Proof & { readonly hash: string }> = {
  scheme: 'exact',
  offer: ({ amount, network, payTo, sessionId, issuedAtMs, expiresAtMs }: Quote) => ({
    scheme: 'exact',
    network,
    amount: amount.toString(),
    asset: 'XNO',
    payTo,
    maxTimeoutSeconds: Math.floor((expiresAtMs - issuedAtMs) / 1000),
    extra: { nanoSession: { id: sessionId } },
  }),
  read: ({ payload }) => ({ sessionId: String(payload.sessionId), hash: String(payload.proof) }),
  async verify({ hash }, { id, amount, network }) {
    return {
      kind: 'verified',
      ids: [`session:${id}`, `block:${hash}`],
      settle: async () => ({
        kind: 'settled',
        settlement: { success: true, transaction: hash, network, amount: amount.toString() },
        async commit() {},
        async release() {},
      }),
    }
  },
}

describe.each(cases)('R11 over $name with $store', ({ serve, open }) => {
  test('a block counts for the one session whose amount it carries, on the one route of that session', async () => {
    await using app = disposable(await serve({ ...world.options, store: await open() }))
    const ask = (path: string, headers: Record<string, string> = {}) => fetch(app.url + path, { headers })
    const [first, second] = [offerOf(await ask('/a')), offerOf(await ask('/a'))]
    const elsewhere = offerOf(await ask('/b'))
    const hash = await world.buyer.pay(first)
    const attempt = watch(world, app)
    expect(await attempt(() => ask('/a', proofHeader(second, hash)))).toMatchObject({ code: 'amount_mismatch', ran: 0 })
    expect(await attempt(() => ask('/b', proofHeader(elsewhere, hash)))).toMatchObject({
      code: 'amount_mismatch',
      ran: 0,
    })
    expect(await attempt(() => ask('/b', proofHeader(first, hash)))).toMatchObject({
      code: 'resource_mismatch',
      ran: 0,
    })
    expect(await attempt(() => ask('/a', proofHeader(first, hash)))).toMatchObject({ status: 200, ran: 1 })
    expect(await attempt(() => ask('/a', proofHeader(second, hash)))).toEqual({
      status: 402,
      code: 'amount_mismatch',
      ran: 0,
      asked: 0,
    })
  })

  test('a session counts for one block, though it be paid twice', async () => {
    await using app = disposable(await serve({ ...world.options, store: await open() }))
    const offer = offerOf(await fetch(`${app.url}/a`))
    const [one, two] = [await world.buyer.pay(offer), await world.buyer.pay(offer)]
    const attempt = watch(world, app)
    const present = (hash: string) => attempt(() => fetch(`${app.url}/a`, { headers: proofHeader(offer, hash) }))
    expect(await present(one)).toMatchObject({ status: 200, ran: 1 })
    expect(await present(two)).toMatchObject({ status: 402, code: 'payment_already_spent', ran: 0 })
  })

  test('were two sessions to match one block, it would still buy one answer, also at once', async () => {
    await using app = disposable(await serve({ ...world.options, store: await open(), mechanisms: [gullible] }))
    const hash = 'A'.repeat(64)
    const offers = await Promise.all(Array.from({ length: 20 }, async () => offerOf(await fetch(`${app.url}/a`))))
    const present = (offer: (typeof offers)[number]) => fetch(`${app.url}/a`, { headers: proofHeader(offer, hash) })
    const statuses = (await Promise.all(offers.map(present))).map(({ status }) => status)
    expect(statuses.filter((status) => status === 200)).toHaveLength(1)
    for (const offer of offers) {
      expect(await watch(world, app)(() => present(offer))).toEqual({
        status: 402,
        code: 'payment_already_spent',
        ran: 0,
        asked: 0,
      })
    }
    expect(app.runs()).toBe(1)
  })

  test('a session that waited for a block which another one spent may still be paid by a block of its own', async () => {
    await using app = disposable(await serve({ ...world.options, store: await open(), mechanisms: [gullible] }))
    const [first, second] = [offerOf(await fetch(`${app.url}/a`)), offerOf(await fetch(`${app.url}/a`))]
    const present = (offer: typeof first, proof: string) =>
      watch(world, app)(() => fetch(`${app.url}/a`, { headers: proofHeader(offer, proof) }))
    expect(await present(first, 'A'.repeat(64))).toMatchObject({ status: 200 })
    expect(await present(second, 'A'.repeat(64))).toMatchObject({ code: 'payment_already_spent', ran: 0 })
    expect(await present(second, 'B'.repeat(64))).toMatchObject({ status: 200, ran: 1 }) // its claim was given back
  })
})
