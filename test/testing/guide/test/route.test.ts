import { createTestPaywall } from 'nano402/testing'
import { afterAll, expect, test } from 'vitest'
import { GET } from '../app/report/route.ts'

const { buy, close, payer } = await createTestPaywall({ environment: process.env })
afterAll(close)

test('the report is sold', async () => {
  const answer = await buy((headers) => GET(new Request('http://localhost/report', { headers }), {}))
  expect(await answer.json()).toEqual({ report: 'Sunny.', paidBy: payer.address })
})
