/** Express: a free route, a paid one, and a folder in which everything is paid for. Who is paid, the environment says. */
import type { AddressInfo } from 'node:net'
import express from 'express'
import { paywall } from 'nano402/express'

const app = express()

app.get('/free', (_req, res) => {
  res.json({ price: 'nothing' })
})

app.get('/report', paywall({ price: '0.001', description: 'The report of the day' }), (req, res) => {
  res.json({ report: 'Sunny.', paidBy: req.payment?.payer })
})

app.use('/premium', paywall({ price: '0.002' }))
app.get('/premium/:name', (req, res) => {
  res.json({ name: req.params.name, paidBy: req.payment?.payer })
})

const server = app.listen(Number(process.env.PORT ?? 3000), () => {
  console.log(`Listening on http://localhost:${(server.address() as AddressInfo).port}`)
})
