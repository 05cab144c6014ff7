import { createTestPaywall } from 'nano402/testing'
import request from 'supertest'
import { expect, test } from 'vitest'
import { createShop } from '../src/shop.ts'

test('the report is sold', async () => {
  const { options, buy } = await createTestPaywall()
  const shop = createShop(options)
  const answer = await buy((headers) => request(shop).get('/report').set(headers))
  expect(answer.body.report).toBe('Sunny.')
})
