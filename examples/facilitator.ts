/** A facilitator: servers that know its URL and their token sell through it, without a node, a store and a secret. */
import { serve } from '@hono/node-server'
import { createFacilitator, facilitatorApp, parseTokens } from 'nano402/facilitator'

const facilitator = createFacilitator() // node, store and secret from the environment
const tokens = process.env.NANO402_FACILITATOR_TOKENS // such as shop:...,blog:...
const app = facilitatorApp(facilitator, tokens ? { tokens: parseTokens(tokens) } : {})

serve({ fetch: app.fetch, port: Number(process.env.PORT ?? 4020) }, ({ port }) => {
  console.log(`Listening on http://localhost:${port}`)
})
