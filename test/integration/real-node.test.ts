/** The whole way with a real node and real money: an Express API, and a payer that pays it. */
import express from 'express'
import { createPaywall } from 'nano402'
import { createPayer } from 'nano402/client'
import { paywall } from 'nano402/express'
import { afterAll, expect, test } from 'vitest'
import { listen } from '../support/frameworks.ts'
import { challengeOf } from '../support/world.ts'
import { readSettings } from './settings.ts'

const { network, rpc, ws, seed, work, account, payTo, price, total } = readSettings()
const deployment = { network, rpc, payTo, ...(ws && { ws }) }
const shop = createPaywall({ ...deployment, secret: crypto.randomUUID() + crypto.randomUUID() })
const api = express()
api.get('/report', paywall(shop, { price }), (req, res) => void res.json({ paidBy: req.payment?.payer }))
const server = await listen(api)

let proof = ''
const payer = createPayer({
  ...{ seed, network, rpc, work },
  ...(ws && { ws }),
  budget: { perRequest: total, total },
  fetch: (request) => {
    proof = request.headers.get('PAYMENT-SIGNATURE') ?? proof
    return fetch(request)
  },
})
afterAll(async () => {
  payer.close()
  await server.close()
  await shop.close()
})

test('an unpaid request is told what it costs', async () => {
  const response = await fetch(`${server.url}/report`)
  expect(response.status).toBe(402)
  expect(challengeOf(response).accepts[0]).toMatchObject({ network, payTo, asset: 'XNO' })
})

test('a paid request is served once, and so is the one after it', async () => {
  for (const _ of ['first', 'second']) {
    const response = await payer.fetch(`${server.url}/report`)
    expect([response.status, await response.json()]).toEqual([200, { paidBy: account }])
    const again = await fetch(`${server.url}/report`, { headers: { 'PAYMENT-SIGNATURE': proof } })
    expect([again.status, challengeOf(again).error]).toEqual([402, 'payment_already_spent'])
  }
})
