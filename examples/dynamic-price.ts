/**
 * Prices that depend on the request: on its query, a header, or its body. What a price has read is sealed into the offer,
 * so an offer for one day cannot be used for a week.
 */
import type { AddressInfo } from 'node:net'
import express from 'express'
import { createPaywall } from 'nano402'
import { paywall } from 'nano402/express'
import { parseXno } from 'nano402/nano'

const shop = createPaywall()
const app = express()

/** From 1 to 14, whatever was asked. */
const daysOf = (text: unknown) => BigInt(Math.min(Math.max(Math.trunc(Number(text)) || 1, 1), 14))

app.get(
  '/forecast',
  paywall(shop, { price: (request) => ({ raw: daysOf(request.query('days')) * parseXno('0.0001') }) }),
  (req, res) => {
    res.json({ forecast: Array(Number(daysOf(req.query.days))).fill('Sunny.') })
  },
)

app.get(
  '/image',
  paywall(shop, { price: (request) => (request.header('x-quality') === 'best' ? '0.005' : '0.001') }),
  (req, res) => {
    res.json({ image: req.get('x-quality') === 'best' ? 'A sharp one.' : 'A blurred one.' })
  },
)

app.post(
  '/translate',
  paywall(shop, {
    price: async (request) => ({ raw: BigInt((await request.bytes()).length) * parseXno('0.00001') }),
    priceBodyLimit: 10_000,
  }),
  express.text(), // after the paywall, which leaves the body for it
  (req, res) => {
    res.json({ translation: String(req.body).toUpperCase() })
  },
)

const server = app.listen(Number(process.env.PORT ?? 3000), () => {
  console.log(`Listening on http://localhost:${(server.address() as AddressInfo).port}`)
})
