import { createTestPaywall } from 'nano402/testing'
import request from 'supertest'
import { afterAll, expect, test } from 'vitest'

const { buy, close } = await createTestPaywall({ environment: process.env })
const { app } = await import('../src/server.ts')
afterAll(close)

test('the report is sold', async () => {
  const answer = await buy((headers) => request(app).get('/report').set(headers))
  expect(answer.body).toEqual({ report: 'Sunny.' })
})
