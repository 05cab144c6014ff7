import { billOf, createTestPaywall, receiptOf } from 'nano402/testing'
import request from 'supertest'
import { expect, test, vi } from 'vitest'
import { createShop } from '../src/shop.ts'

const { options, pay, payer, devnet } = await createTestPaywall()
const shop = createShop(options)
const ask = (headers = {}) => request(shop).get('/report').set(headers)

test('it costs what it should', async () => {
  expect(billOf(await ask()).price).toBe('0.01')
})

test('one payment buys one answer, and the answer says who paid', async () => {
  const headers = await pay(await ask())
  expect(receiptOf(await ask(headers)).payer).toBe(payer.address)
  expect(billOf(await ask(headers)).code).toBe('payment_already_spent')
})

test('a payment that the network has not confirmed buys nothing yet, and stays good', async () => {
  const bill = await ask()
  devnet.hold()
  const headers = await pay(bill)
  const early = await ask(headers)
  expect([early.status, early.body.error]).toEqual([503, 'settlement_pending'])
  devnet.release()
  await ask(headers).expect(200)
})

test('while the node is down, nothing is served and nothing is lost', async () => {
  const headers = await pay(await ask())
  devnet.faults.down = 'reset'
  const answer = await ask(headers)
  expect([answer.status, answer.body.error]).toEqual([503, 'node_unavailable'])
  devnet.faults.down = undefined
  await ask(headers).expect(200)
})

test('an offer that is over is taken all the same, as long as the price is', async () => {
  const headers = await pay(await ask())
  vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 600_000 })
  await ask(headers).expect(200)
  vi.useRealTimers()
})
