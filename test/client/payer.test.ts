import { parseXno } from 'nano402/nano'
import { expect, test } from 'vitest'
import { buyerFor, devnetForTest, openShop, SHOP, sentBy } from './support.ts'

test('a 402 is paid, and the resource is what comes back', async () => {
  const devnet = devnetForTest()
  const shop = await openShop(devnet)
  const { payer, events, types } = await buyerFor(devnet)

  const response = await payer.fetch(shop.url)

  expect(response.status).toBe(200)
  expect(await response.text()).toBe('paid GET /report ')
  expect(types()).toEqual(['challenged', 'paying', 'work', 'work', 'published', 'confirmed', 'presenting', 'paid'])
  const [challenged] = events
  if (challenged?.type !== 'challenged') throw new Error('no challenge')
  expect(challenged.price).toBe(parseXno('0.001'))
  expect(challenged.offer.payTo).toBe(SHOP)
  expect(await sentBy(devnet, payer.address)).toEqual([challenged.amount])
})
