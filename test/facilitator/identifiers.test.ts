/** Payment identifiers on a server whose claims a facilitator has: its answers stay in a store of its own. */
import type { PaywallOptions, Store } from 'nano402'
import { memoryStore } from 'nano402/stores/memory'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { StoreError } from '../../src/errors.ts'
import { type ServedFacilitator, startFacilitator } from '../support/facilitator.ts'
import { counted } from '../support/frameworks.ts'
import { codeIn } from '../support/raw.ts'
import { openShop } from '../support/shop.ts'
import { createWorld, offerOf, paymentHeader, paymentOf, type World } from '../support/world.ts'

const ID = 'an-id-of-a-client-0123456789'
const keys: string[] = []
let world: World
let facilitator: ServedFacilitator
beforeAll(async () => {
  world = await createWorld()
  facilitator = await startFacilitator(world, { store: watched(keys), mechanisms: ['session', 'signed-block'] })
})
afterAll(async () => {
  await facilitator.close()
  world.close()
})

/** A store that tells what is written to it, and fails when it is told to. */
function watched(written: string[], fails = () => false): Store {
  const inner = memoryStore()
  return {
    ...inner,
    async write(key, ...rest) {
      written.push(key)
      if (fails()) throw new StoreError('down')
      return inner.write(key, ...rest)
    },
  }
}

/** A server, and one payment to it under an id. The handler counts its runs. */
async function open(options: PaywallOptions = {}, status = () => 200) {
  const { paywall } = openShop({ ...facilitator.options, paymentIdentifier: true, ...options })
  let made = 0
  const { run, runs } = counted((body: string) => new Response(`order ${++made} of ${body}`, { status: status() }))
  const ask = async (body: string, headers: Record<string, string> = {}) => {
    const request = new Request('http://shop.example/orders', { method: 'POST', body, headers })
    const outcome = await paywall.guard(request)
    const answer = outcome.kind === 'refused' ? outcome.toResponse() : await outcome.deliver(() => run(body))
    const text = await answer.text()
    return answer.status < 400 ? [answer.status, text] : [answer.status, codeIn(text)]
  }
  const first = await paywall.guard(new Request('http://shop.example/orders', { method: 'POST', body: 'tea' }))
  if (first.kind !== 'refused') throw new Error('It is free.')
  const offer = offerOf(first.toResponse())
  const payment = paymentOf(offer, await world.buyer.pay(offer))
  const under = (id: string) =>
    paymentHeader({ ...payment, extensions: { 'payment-identifier': { info: { id }, schema: {} } } })
  /** Until the answer is stored, or known not to be. */
  const insist = async (body: string, headers: Record<string, string>) => {
    for (;;) {
      const answer = await ask(body, headers)
      if (answer[1] !== 'payment_in_progress') return answer
    }
  }
  return { ask, insist, under, runs, plain: paymentHeader(payment) }
}

test('the same request under the same id gets the answer that it got, of which the facilitator has nothing', async () => {
  const own: string[] = []
  const { ask, insist, under, runs, plain } = await open({ store: watched(own) })
  const sold = [200, 'order 1 of tea']
  expect(await ask('tea', under(ID))).toEqual(sold)
  expect(await insist('tea', under(ID))).toEqual(sold)
  expect(await ask('coffee', under(ID))).toEqual([409, 'payment_identifier_conflict'])
  for (const headers of [plain, under(`${ID}x`)]) {
    expect(await ask('tea', headers)).toEqual([402, 'payment_already_spent'])
  }
  expect(runs()).toBe(1)
  expect(own.map((key) => key.split(':')[0])).toEqual(['identifier', 'answer'])
  expect(keys.join()).not.toMatch(/identifier|answer/)
})

test('a run that failed keeps nothing, and binds the id to its body', async () => {
  let status = 500
  const { ask, under, runs } = await open({}, () => status)
  expect((await ask('tea', under(ID)))[0]).toBe(500)
  status = 200
  expect(await ask('coffee', under(ID))).toEqual([409, 'payment_identifier_conflict'])
  expect(await ask('tea', under(ID))).toEqual([200, 'order 2 of tea'])
  expect(runs()).toBe(2)
})

test('a store that is down before the handler is 503, and the payment is free again at once', async () => {
  let down = true
  const { ask, under, runs } = await open({ store: watched([], () => down) })
  expect(await ask('tea', under(ID))).toEqual([503, 'store_unavailable'])
  expect(runs()).toBe(0)
  down = false
  expect(await ask('tea', under(ID))).toEqual([200, 'order 1 of tea'])
})

test('another server of the same facilitator, and another process without this store, give nothing away', async () => {
  const { ask, insist, under, runs } = await open()
  await ask('tea', under(ID))
  await insist('tea', under(ID))
  const { paywall } = openShop({ ...facilitator.options, paymentIdentifier: true })
  const request = new Request('http://shop.example/orders', { method: 'POST', body: 'tea', headers: under(ID) })
  const outcome = await paywall.guard(request)
  expect([outcome.kind, outcome.kind === 'refused' && outcome.code]).toEqual(['refused', 'payment_already_spent'])
  expect(runs()).toBe(1)
})

test('of fifty requests at once under one id one is run, and all get its answer', async () => {
  const { insist, under, runs } = await open()
  const answers = await Promise.all(Array.from({ length: 50 }, () => insist('tea', under(ID))))
  expect(new Set(answers.map(String))).toEqual(new Set(['200,order 1 of tea']))
  expect(runs()).toBe(1)
})
