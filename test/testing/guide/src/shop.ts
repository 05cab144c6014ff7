import express from 'express'
import type { PaywallOptions } from 'nano402'
import { paywall } from 'nano402/express'

export function createShop(options: PaywallOptions = {}) {
  const app = express()
  app.get('/report', paywall({ ...options, price: '0.01' }), (req, res) => {
    res.json({ report: 'Sunny.', paidBy: req.payment?.payer })
  })
  return app
}
