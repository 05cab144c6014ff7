/** A shop that remembers payments in a store of its own: stop it, start it again, and what was used is still used. */
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { serve } from '@hono/node-server'
import { Hono } from 'hono'
import { createPaywall } from 'nano402'
import { paywall } from 'nano402/hono'
import { fileStore } from './store.ts'

const path = process.env.CLAIMS_FILE ?? join(tmpdir(), 'nano402-claims.jsonl')
const shop = createPaywall({ store: await fileStore(path) })

const app = new Hono()
app.get('/report', paywall(shop, { price: '0.001' }), (c) => c.json({ report: 'Sunny.' }))

serve({ fetch: app.fetch, port: Number(process.env.PORT ?? 3000) }, ({ port }) => {
  console.log(`Listening on http://localhost:${port}; claims are in ${path}`)
})
