/** No framework: Node's own server, and the guard that every adapter is made of. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createPaywall, holdResponse, nodeRequest, type Payment, type PaywallRoute, sendAnswer } from 'nano402'

const shop = createPaywall()
const report = shop.route({ price: '0.001', description: 'The report of the day' })

/** Answers with an offer, or runs the handler and holds its answer back until the payment is final. */
async function charge(
  route: PaywallRoute,
  req: IncomingMessage,
  res: ServerResponse,
  handler: (payment: Payment) => void,
) {
  const outcome = await route.guard(nodeRequest(req, res))
  if (outcome.kind === 'refused') return sendAnswer(res, outcome)
  holdResponse(res, outcome)
  handler(outcome.payment)
}

const server = createServer(async (req, res) => {
  const { pathname } = new URL(req.url ?? '/', 'http://localhost')
  const json = (status: number, body: object) =>
    res.writeHead(status, { 'Content-Type': 'application/json' }).end(JSON.stringify(body))

  if (pathname === '/free') return json(200, { price: 'nothing' })
  if (pathname === '/report') {
    return charge(report, req, res, ({ payer }) => json(200, { report: 'Sunny.', paidBy: payer }))
  }
  return json(404, { error: 'There is nothing here.' })
})

server.listen(Number(process.env.PORT ?? 3000), () => {
  console.log(`Listening on http://localhost:${(server.address() as AddressInfo).port}`)
})
