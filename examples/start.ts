/**
 * The whole thing on one screen: a devnet, an Express API with one free and two paid routes, and a payer that pays for one
 * of them. `npm start` keeps serving afterwards; `npm start -- --once` ends with 0 after the paid answer, or with 1 and the
 * reason. `--budget 0.0001` is one: the most XNO that the payer may pay for a request, and less than it is asked.
 */
import type { AddressInfo } from 'node:net'
import { parseArgs } from 'node:util'
import express from 'express'
import { createPaywall } from 'nano402'
import { createPayer } from 'nano402/client'
import { serveDevnet } from 'nano402/devnet/server'
import { paywall } from 'nano402/express'
import { formatXno } from 'nano402/nano'
import { storyteller } from './steps.ts'

const { say, tell } = storyteller(console.log)

async function main() {
  const { once, budget } = parseArgs({
    options: { once: { type: 'boolean' }, budget: { type: 'string', default: '0.01' } },
  }).values

  console.log('\nnano402: a devnet, an API and a payer. Nothing here is worth anything.\n')
  const { url: rpc, wsUrl: ws, devnet } = await serveDevnet()
  const [seller, buyer] = [await devnet.fundedSeed(), await devnet.fundedSeed()]
  say('devnet', `RPC ${rpc}, websocket ${ws}`)

  const secret = Buffer.from(crypto.getRandomValues(new Uint8Array(32))).toString('hex')
  const shop = createPaywall({ network: 'nano:devnet', rpc, ws, payTo: seller.account, secret })
  const api = express()
  api.get('/free', (_req, res) => {
    res.json({ price: 'nothing' })
  })
  api.get('/report', paywall(shop, { price: '0.001', description: 'The report of the day' }), (req, res) => {
    res.json({ report: 'Paid for, and confirmed by the network.', paidBy: req.payment?.payer })
  })
  api.get(
    '/quote',
    paywall(shop, { price: (request) => (request.query('depth') === 'full' ? '0.005' : '0.0001') }),
    (_req, res) => {
      res.json({ bid: '1.01', ask: '1.02' })
    },
  )
  const url = await listen(api)
  say('API', url)
  say('', '/free    costs nothing')
  say('', '/report  0.001 XNO')
  say('', '/quote   0.0001 XNO, or 0.005 XNO with ?depth=full')

  const payer = createPayer({
    seed: buyer.seed,
    network: 'nano:devnet',
    rpc,
    ws,
    work: 'cpu',
    budget: { perRequest: budget, perDay: '1' },
    onEvent: tell,
  })
  say('payer', payer.address)
  say('', `holds ${formatXno((await payer.balance()).balance)} XNO, and may pay ${budget} XNO for a request`)

  console.log(`\nThe payer asks for ${url}/report`)
  const answer = await payer.fetch(`${url}/report`)
  say('body', await answer.text())
  if (!answer.ok) throw new Error(`The paid request was answered with ${answer.status}.`)
  if (once) return process.exit(0)

  const seed = `NANO402_SEED=${buyer.seed} NANO402_NETWORK=nano:devnet NANO402_RPC_URL=${rpc}`
  console.log(`
The API keeps serving; Ctrl-C ends it. Try, in another terminal:

  curl -i ${url}/free
  curl -i ${url}/report
  ${seed} npm run example examples/pay.ts ${url}/report
  ${seed} npm run example examples/pay.ts '${url}/quote?depth=full'
`)
}

/** Port 3402, or any free one. */
async function listen(app: express.Express): Promise<string> {
  const on = (port: number) =>
    new Promise<AddressInfo>((resolve, reject) => {
      const server = app.listen(port, '127.0.0.1', (error) =>
        error ? reject(error) : resolve(server.address() as AddressInfo),
      )
    })
  const { port } = await on(3402).catch(() => on(0))
  return `http://127.0.0.1:${port}`
}

main().catch((error: unknown) => {
  console.error(`\nFailed: ${error instanceof Error ? error.message : error}`)
  process.exit(1)
})
