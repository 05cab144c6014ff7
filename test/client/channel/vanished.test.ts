/** A payee that answers no more: where the money of its channel is, as far as the ledger tells. */
import { beforeAll, expect, onTestFinished, test, vi } from 'vitest'
import { createWorld, type World } from '../../support/world.ts'
import { type Between, openScene, PRICE, URL_ } from './support.ts'

let world: World
beforeAll(async () => {
  world = await createWorld()
})
const gone: Between = async () => new Response(null, { status: 404 })
const later = (ms: number) => {
  vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + ms })
  onTestFinished(() => void vi.useRealTimers())
}
const DAY_MS = 86_400_000

/** A shop with a purse on its account, by which it refunds unasked. */
async function openAndPay() {
  const purse = await world.purse()
  const wallet = { key: purse.key, work: 'cpu' } as const
  const scene = await openScene({ world, shop: { mechanisms: ['channel'], wallet } })
  for (let n = 0; n < 3; n++) await scene.payer.fetch(`${URL_}?n=${n}`)
  return { scene, send: (amount: bigint, to: string = scene.payer.address) => purse.send(to, amount) }
}

test('a channel is open, then awaited, then overdue; and its refund counts as soon as the ledger has it', async () => {
  const { scene, send } = await openAndPay()
  const { payer } = scene
  const [{ channelId, deposited = 0n } = {}] = await payer.channels()
  const amount = deposited - 3n * PRICE
  scene.between = gone
  expect(await payer.reconcile()).toMatchObject([{ channelId, state: 'open', amount }])
  await expect(payer.closeChannels()).rejects.toMatchObject({ code: 'ERR_CHANNEL', reason: 'http_404' })
  expect(await payer.reconcile()).toMatchObject([{ channelId, state: 'awaited', amount }])
  later(2 * DAY_MS)
  const [overdue] = await payer.reconcile()
  expect(overdue).toMatchObject({ channelId, state: 'overdue', amount })
  expect(overdue?.dueAtMs).toBeLessThan(Date.now())

  await send(amount + 1n) // more than is owed by 1 raw is a refund of it as well: something was not charged
  expect(await payer.reconcile()).toMatchObject([{ channelId, state: 'refunded', amount: amount + 1n }])
  expect(await payer.reconcile()).toEqual([])
  expect(await payer.channels()).toEqual([])
  expect(scene.events.at(-1)).toMatchObject({ type: 'channel-closed', charged: 3n * PRICE - 1n })
})

test('what is less than is owed, for another account, or from another one is no refund', async () => {
  const { scene, send } = await openAndPay()
  const { payer } = scene
  const [{ deposited = 0n } = {}] = await payer.channels()
  const amount = deposited - 3n * PRICE
  scene.between = gone
  await expect(payer.closeChannels()).rejects.toThrow()
  await send(amount - 1n)
  await send(amount, world.seller.account)
  await world.buyer.send(payer.address, amount)
  expect(await payer.reconcile()).toMatchObject([{ state: 'awaited' }])
  // One that was received already is found as well, by a close, which its payee does not answer.
  const refund = await send(amount)
  await payer.receive()
  expect(await payer.closeChannels()).toMatchObject([{ charged: 3n * PRICE, refund }])
})
