import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { frameworks } from '../support/frameworks.ts'
import { refusedAtOnce, watch } from '../support/outcome.ts'
import { disposable, until } from '../support/wait.ts'
import { createWorld, freshAccount, offerOf, proofHeader, type World } from '../support/world.ts'

let world: World
beforeAll(async () => {
  world = await createWorld()
})
afterAll(() => world.close())

describe.each(frameworks)('B7 over $name', ({ serve }) => {
  test('a stranger who read the block from the ledger gets nothing, and holds nobody up', async () => {
    await using app = disposable(await serve({ ...world.options, confirmTimeoutMs: 15_000 }))
    const attempt = watch(world, app)
    const ask = (headers: Record<string, string> = {}) => fetch(`${app.url}/report`, { headers })
    const victims = offerOf(await ask())
    world.devnet.hold()
    const hash = await world.buyer.pay(victims)
    const asked = world.devnet.asked('blocks_info')
    const waiting = ask(proofHeader(victims, hash))
    await until(() => world.devnet.asked('blocks_info') > asked)

    // Sessions are free: the stranger takes a few, and tries each again and again while the victim waits.
    const stolen = await Promise.all(Array.from({ length: 5 }, async () => proofHeader(offerOf(await ask()), hash)))
    for (const headers of [...stolen, ...stolen, ...stolen]) {
      const outcome = await attempt(() => ask(headers))
      expect(outcome).toMatchObject({ status: 402, code: 'amount_mismatch', ran: 0 })
      expect(outcome.asked).toBeLessThanOrEqual(4) // the block, the one before it, and as much for the victim's wait
    }
    world.devnet.release()
    expect((await waiting).status).toBe(200)

    for (const headers of stolen) {
      expect(await attempt(() => ask(headers))).toEqual(refusedAtOnce(402, 'amount_mismatch'))
    }
    expect(app.runs()).toBe(1)
  })

  test('a stranger who presents the block before its owner does takes nothing from the owner', async () => {
    await using app = disposable(await serve(world.options))
    const ask = (headers: Record<string, string> = {}) => fetch(`${app.url}/report`, { headers })
    const [victims, strangers] = [offerOf(await ask()), offerOf(await ask())]
    const hash = await world.buyer.pay(victims)
    const attempt = watch(world, app)
    expect(await attempt(() => ask(proofHeader(strangers, hash)))).toMatchObject({ code: 'amount_mismatch', ran: 0 })
    const swapped = { ...victims, extra: strangers.extra ?? {} }
    expect(await attempt(() => ask(proofHeader(swapped, hash)))).toMatchObject({ status: 400, ran: 0, asked: 0 })
    expect((await ask(proofHeader(victims, hash))).status).toBe(200)
  })

  test('a block that pays somebody else is not ours, whatever its amount', async () => {
    await using app = disposable(await serve(world.options))
    const ask = (headers: Record<string, string> = {}) => fetch(`${app.url}/report`, { headers })
    const offer = offerOf(await ask())
    const hash = await world.buyer.send(freshAccount(), BigInt(offer.amount))
    const outcome = await watch(world, app)(() => ask(proofHeader(offer, hash)))
    expect(outcome).toMatchObject({ status: 402, code: 'recipient_mismatch', ran: 0 })
  })
})
