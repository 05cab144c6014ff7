import assert from 'node:assert/strict'
import type { AddressInfo } from 'node:net'
import { after, test } from 'node:test'
import { createTestPaywall } from 'nano402/testing'
import { createShop } from '../src/shop.ts'

test('the report is sold', async () => {
  const { options, payer } = await createTestPaywall()
  const server = createShop(options).listen(0)
  after(() => server.close())
  const answer = await payer.fetch(`http://localhost:${(server.address() as AddressInfo).port}/report`)
  assert.deepEqual(await answer.json(), { report: 'Sunny.', paidBy: payer.address })
})
