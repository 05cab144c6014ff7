import { Hono } from 'hono'
import { paywall } from 'nano402/hono'
import { createTestPaywall } from 'nano402/testing'
import { expect, test } from 'vitest'

test('the report is sold', async () => {
  const { options, buy } = await createTestPaywall()
  const app = new Hono().get('/report', paywall(options), (c) => c.json({ report: 'Sunny.' }))
  const answer = await buy((headers) => app.request('/report', { headers }))
  expect(await answer.json()).toEqual({ report: 'Sunny.' })
})
