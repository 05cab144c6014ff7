import { afterAll, afterEach, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { frameworks } from '../support/frameworks.ts'
import { refusedAtOnce, watch } from '../support/outcome.ts'
import { openShop, purchase, type Shop } from '../support/shop.ts'
import { until } from '../support/wait.ts'
import { buy, createWorld, offerOf, proofHeader, randomHash, sessionIdOf, type World } from '../support/world.ts'

let world: World
beforeAll(async () => {
  world = await createWorld()
})
afterEach(() => {
  world.devnet.faults.lagMs = 0
  world.devnet.faults.lie = undefined
  world.devnet.release()
})
afterAll(() => world.close())

const lookups = () => world.devnet.asked('blocks_info')
const sockets = frameworks.filter(({ name }) => name === 'Express 5' || name === 'Hono')

describe.each(sockets)('S4 over $name', ({ serve }) => {
  test('random hashes without a genuine session are refused, all of them, without a lookup', async () => {
    const app = await serve(world.options)
    onTestFinished(() => app.close())
    const url = `${app.url}/report`
    const offer = offerOf(await fetch(url))
    const id = sessionIdOf(offer)
    const forged = { ...offer, extra: { nanoSession: { id: id.slice(0, -1) + (id.endsWith('A') ? 'B' : 'A') } } }
    const attempt = watch(world, app)
    const before = lookups()
    for (let i = 0; i < 300; i += 50) {
      const flood = Array.from({ length: 49 }, () => fetch(url, { headers: proofHeader(forged, randomHash()) }))
      expect(await attempt(() => fetch(url, { headers: proofHeader(forged, randomHash()) }))).toMatchObject({ ran: 0 })
      expect(new Set((await Promise.all(flood)).map(({ status }) => status))).toEqual(new Set([402]))
    }
    expect(lookups()).toBe(before)
    expect(app.runs()).toBe(0)
  })

  test('one genuine session looks up eight unknown hashes, and is then told to slow down', async () => {
    const app = await serve({ ...world.options, confirmTimeoutMs: 1 })
    onTestFinished(() => app.close())
    const url = `${app.url}/report`
    const { offer, headers } = await buy(world.buyer, url)
    const attempt = watch(world, app)
    const hashes = Array.from({ length: 8 }, randomHash)
    const present = (hash: string) => attempt(() => fetch(url, { headers: proofHeader(offer, hash) }))
    for (const hash of hashes) expect(await present(hash)).toMatchObject({ status: 503, code: 'settlement_pending' })
    for (let i = 0; i < 100; i++) expect(await present(randomHash())).toEqual(refusedAtOnce(429, 'too_many_attempts'))
    // What is counted can be asked again, and so can everything of another session.
    expect(await present(hashes[3] ?? '')).toMatchObject({ status: 503, code: 'settlement_pending', ran: 0 })
    const other = await buy(world.buyer, url)
    expect(await attempt(() => fetch(url, { headers: other.headers }))).toMatchObject({ status: 200, ran: 1 })
    expect(await attempt(() => fetch(url, { headers }))).toEqual(refusedAtOnce(429, 'too_many_attempts'))
  })
})

describe.each(sockets)('S5 over $name', ({ serve }) => {
  test('five hundred proofs of one unconfirmed payment are one question at a time, and one answer', async () => {
    const app = await serve({ ...world.options, confirmTimeoutMs: 15_000 })
    onTestFinished(() => app.close())
    const url = `${app.url}/report`
    world.devnet.hold()
    const { headers, hash } = await buy(world.buyer, url)
    const before = lookups()
    const startMs = performance.now()
    const answers = Array.from({ length: 500 }, () => fetch(url, { headers }).then(({ status }) => status))
    await until(() => lookups() >= before + 4)
    await new Promise((resolve) => setTimeout(resolve, 500))
    world.devnet.confirm(hash)
    const statuses = await Promise.all(answers)
    const polls = (performance.now() - startMs) / 250
    expect(statuses.filter((status) => status === 200)).toHaveLength(1)
    for (const status of statuses) expect([200, 402, 409]).toContain(status)
    expect(app.runs()).toBe(1)
    expect(lookups() - before).toBeLessThan(10 + 2 * polls)
  })
})

describe('S8: a flood of claims that never confirm', () => {
  /** So many sessions, each with a hash that nobody has seen, presented by and by so that they all come to wait. */
  async function flood(shop: Shop, claims: number): Promise<Promise<Response>[]> {
    const flooding: Promise<Response>[] = []
    while (flooding.length < claims) {
      const before = lookups()
      for (let i = 0; i < 100; i++) {
        const offer = offerOf(await shop.ask())
        flooding.push(shop.ask(proofHeader(offer, randomHash())))
      }
      await until(() => lookups() > before)
    }
    return flooding
  }

  test('leaves an honest payer who waits for a confirmation a place to wait', async () => {
    const shop = openShop({ ...world.options, confirmTimeoutMs: 4_000 })
    const flooding = await flood(shop, 1_500)
    world.devnet.hold()
    const { headers, hash } = await purchase(shop, world.buyer)
    const waiting = shop.ask(headers)
    const before = lookups()
    await until(() => lookups() > before + 2)
    world.devnet.confirm(hash)
    expect((await waiting).status).toBe(200)
    expect(shop.runs()).toBe(1)
    await shop.paywall.close({ timeoutMs: 1 }) // ends what still waits
    for (const answer of await Promise.all(flooding)) expect(answer.status).toBe(503)
  })

  test('that goes on and on delays an honest payer by a few tries, and costs few questions', async () => {
    const shop = openShop({ ...world.options, confirmTimeoutMs: 1 })
    world.devnet.faults.lagMs = 5
    const { headers } = await purchase(shop, world.buyer)
    const offers = await Promise.all(Array.from({ length: 300 }, async () => offerOf(await shop.ask())))
    let flooding = true
    const attackers = offers.map(async (first) => {
      let offer = first
      while (flooding) {
        const { status } = await shop.ask(proofHeader(offer, randomHash()))
        expect(status).not.toBe(200)
        if (status === 429) offer = offerOf(await shop.ask())
        await new Promise((resolve) => setImmediate(resolve))
      }
    })
    const before = lookups()
    const startMs = performance.now()
    let tries = 1
    while ((await shop.ask(headers)).status !== 200) {
      tries++
      await new Promise((resolve) => setTimeout(resolve, 10))
    }
    const elapsedMs = performance.now() - startMs
    flooding = false
    await Promise.all(attackers)
    expect(tries).toBeLessThan(200)
    expect(lookups() - before).toBeLessThan(10 + (4 * elapsedMs) / 5)
    expect(shop.runs()).toBe(1)
  })

  test('does not keep anybody from being told the price, or from using what is confirmed', async () => {
    const shop = openShop({ ...world.options, confirmTimeoutMs: 4_000 })
    const { headers } = await purchase(shop, world.buyer)
    const flooding = await flood(shop, 600)
    const attempt = watch(world, shop)
    expect(await attempt(() => shop.ask())).toMatchObject({ status: 402, code: 'payment_required' })
    expect(await attempt(() => shop.ask(headers))).toMatchObject({ status: 200, ran: 1 })
    await shop.paywall.close({ timeoutMs: 1 })
    await Promise.all(flooding)
  })
})
