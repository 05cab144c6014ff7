/** Hono on Node. Anywhere else, such as a worker, `app.fetch` is all there is to it. */
import { serve } from '@hono/node-server'
import { Hono } from 'hono'
import { paywall } from 'nano402/hono'

const app = new Hono()

app.get('/free', (c) => c.json({ price: 'nothing' }))

app.get('/report', paywall({ price: '0.001', description: 'The report of the day' }), (c) =>
  c.json({ report: 'Sunny.', paidBy: c.get('payment').payer }),
)

app.use('/premium/*', paywall({ price: '0.002' }))
app.get('/premium/:name', (c) => c.json({ name: c.req.param('name'), paidBy: c.get('payment').payer }))

serve({ fetch: app.fetch, port: Number(process.env.PORT ?? 3000) }, ({ port }) => {
  console.log(`Listening on http://localhost:${port}`)
})
