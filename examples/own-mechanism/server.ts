/** A shop that is paid in Nano by whoever comes, and on account by those it knows. */
import { serve } from '@hono/node-server'
import { Hono } from 'hono'
import { createPaywall } from 'nano402'
import { paywall } from 'nano402/hono'
import { formatXno, raw } from 'nano402/nano'
import { invoiceMechanism } from './mechanism.ts'

const bills = new Map<string, bigint>()
const invoice = invoiceMechanism({
  keys: new Map([['alice', process.env.ALICES_KEY ?? 'a key that alice and we know']]),
  bill: (customer, amount) => void bills.set(customer, (bills.get(customer) ?? 0n) + amount),
})
const shop = createPaywall({ mechanisms: ['session', invoice] })

const app = new Hono()
app.get('/report', paywall(shop, { price: '0.001' }), (c) =>
  c.json({ report: 'Sunny.', paidBy: c.get('payment').payer, by: c.get('payment').scheme }),
)
app.get('/bills', (c) => c.json(Object.fromEntries([...bills].map(([name, sum]) => [name, formatXno(raw(sum))]))))

serve({ fetch: app.fetch, port: Number(process.env.PORT ?? 3000) }, ({ port }) => {
  console.log(`Listening on http://localhost:${port}`)
})
