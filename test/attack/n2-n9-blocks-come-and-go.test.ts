import { blockHash, blockToJson, type StateBlock, ZERO_HASH } from 'nano402/nano'
import { accountInfo } from 'nano402/rpc'
import { afterAll, afterEach, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { publish } from '../devnet/wallet.ts'
import { frameworks } from '../support/frameworks.ts'
import { watch } from '../support/outcome.ts'
import { until } from '../support/wait.ts'
import { buy, createWorld, offerOf, proofHeader, type World } from '../support/world.ts'

let world: World
beforeAll(async () => {
  world = await createWorld()
})
afterEach(() => {
  world.devnet.faults.lost.clear()
  world.devnet.release()
})
afterAll(() => world.close())

const sockets = frameworks.filter(({ name }) => name === 'Express 5' || name === 'Hono')
const pending = { status: 503, code: 'settlement_pending', ran: 0 }

describe.each(sockets)('over $name', ({ serve }) => {
  async function open(confirmTimeoutMs: number) {
    const app = await serve({ ...world.options, confirmTimeoutMs })
    onTestFinished(() => app.close())
    const url = `${app.url}/report`
    const present = (headers: Record<string, string>) => watch(world, app)(() => fetch(url, { headers }))
    /** Settles once the node was asked so often from now on. */
    const asked = (times: number) => {
      const before = world.devnet.asked('blocks_info')
      return until(() => world.devnet.asked('blocks_info') >= before + times)
    }
    return { app, url, present, asked }
  }

  test('N2: a payment that a fork replaces while the request waits buys nothing, and the session can be paid again', async () => {
    const { url, present, asked } = await open(300)
    const payer = await world.purse()
    world.devnet.hold()
    const info = await accountInfo(world.devnet, payer.account)
    const { headers, offer } = await buy(payer, url)
    const seen = asked(2)
    const waiting = present(headers)
    await seen
    const previous = info?.frontier ?? ZERO_HASH
    const rival = await publish(world.devnet, payer, { link: ZERO_HASH, amount: 0n, previous, force: true })
    world.devnet.confirm(rival)
    expect(await waiting).toMatchObject(pending)
    const again = await present(headers)
    expect(again).toMatchObject(pending)
    expect(again.asked).toBeGreaterThan(0)
    expect(again.asked).toBeLessThan(8)
    world.devnet.release()
    const paid = await payer.pay(offer)
    world.devnet.confirm(paid)
    expect(await present(proofHeader(offer, paid))).toMatchObject({ status: 200, ran: 1 })
    expect(await present(headers)).toMatchObject({ code: 'settlement_pending', ran: 0 })
  })

  test('N2: a payment that vanished and is published again is as good as before, for one answer', async () => {
    const { url, present } = await open(50)
    world.devnet.hold()
    const offer = offerOf(await fetch(url))
    const block = await world.buyer.sign(offer.payTo, BigInt(offer.amount))
    const { hash } = await publishSigned(block)
    const headers = proofHeader(offer, hash)
    expect(await present(headers)).toMatchObject(pending)
    expect(world.devnet.vanish(hash)).toBe(true)
    expect(await present(headers)).toMatchObject(pending)
    await publishSigned(block)
    expect(await present(headers)).toMatchObject(pending)
    world.devnet.confirm(hash)
    expect(await present(headers)).toMatchObject({ status: 200, ran: 1 })
    expect(await present(headers)).toMatchObject({ status: 402, code: 'payment_already_spent', ran: 0, asked: 0 })
  })

  test('N9: a block that the node does not find at first is waited for, and buys one answer', async () => {
    const { url, present, asked } = await open(15_000)
    const { headers, hash } = await buy(world.buyer, url)
    world.devnet.faults.lost.add(hash)
    const lookedTwice = asked(2)
    const waiting = present(headers)
    await lookedTwice
    world.devnet.faults.lost.delete(hash)
    const outcome = await waiting
    expect(outcome).toMatchObject({ status: 200, ran: 1 })
    expect(outcome.asked).toBeLessThan(10)
  })

  test('N9: a block that stays unfound for longer than a request waits is told to come again, and is good then', async () => {
    const { url, present, app } = await open(20)
    const { headers, hash } = await buy(world.buyer, url)
    world.devnet.faults.lost.add(hash)
    for (let i = 0; i < 4; i++) expect(await present(headers)).toMatchObject(pending)
    const told = await fetch(url, { headers })
    expect([told.status, told.headers.get('retry-after'), told.headers.get('payment-required')]).toEqual([
      503,
      '1',
      null,
    ])
    world.devnet.faults.lost.delete(hash)
    expect(await present(headers)).toMatchObject({ status: 200, ran: 1 })
    expect(app.runs()).toBe(1)
  })
})

const publishSigned = async (block: StateBlock) => {
  const { hash } = await world.devnet.call('process', { json_block: true, block: blockToJson(block) })
  return { hash: blockHash(hash) }
}
