/** Compiled against the packed package by check-package.ts, as somebody's own project would be. Never run. */
import express from 'express'
import { Hono } from 'hono'
import { createPaywall, type Mechanism, type Payment, type Store } from 'nano402'
import { createPayer } from 'nano402/client'
import { createDevnet } from 'nano402/devnet'
import { paywall as sellOnExpress } from 'nano402/express'
import { paywall as sellOnHono } from 'nano402/hono'
import { formatXno, type Raw } from 'nano402/nano'
import { paywall as sellOnNext } from 'nano402/next'
import { createRpc } from 'nano402/rpc'
import { memoryStore } from 'nano402/stores/memory'
import { sqliteStore } from 'nano402/stores/sqlite'
import { createTestPaywall, mechanismContract, storeContract } from 'nano402/testing'

const app = express()
app.use(sellOnExpress())
app.get('/report', sellOnExpress({ price: '0.001' }), (req, res) => {
  const payment: Payment | undefined = req.payment
  res.json({ paidBy: payment?.payer, amount: payment?.amount.toString() })
})

const hono = new Hono()
hono.get('/report', sellOnHono({ price: { raw: 10n ** 27n } }), (c) => {
  const payment: Payment = c.get('payment')
  return c.json({ paidBy: payment.payer })
})

interface Context {
  params: Promise<{ id: string }>
}
export const GET = sellOnNext<Context>({ price: '0.001' }, async (_request, { params, payment }) =>
  Response.json({ id: (await params).id, paidBy: payment.payer }),
)

// @ts-expect-error an option that does not exist
createPaywall({ prize: '0.001' })
// @ts-expect-error a number cannot hold most prices
createPaywall({ price: 0.001 })
// @ts-expect-error a bigint is no amount before it was checked
formatXno(1n)

export const payer = createPayer({
  seed: '',
  rpc: createRpc({ endpoints: [''] }),
  budget: { perRequest: '1', total: '1' },
})
export const balance: Promise<Raw> = payer.balance().then((held) => held.balance)
export const stores: Promise<Store>[] = [Promise.resolve(memoryStore()), sqliteStore('claims.sqlite')]
export const suites = [storeContract(async () => memoryStore()), mechanismContract]
export const devnet = createDevnet()
export const bought: Promise<Response> = createTestPaywall().then(({ options, buy }) => {
  const app = new Hono().get('/report', sellOnHono(options))
  return buy((headers) => app.request('/report', { headers }))
})
export type Own = Mechanism
