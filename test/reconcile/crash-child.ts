/** Takes one payment and dies once it is final, before its answer leaves: started by test/cli/reconcile.test.ts. */
import { createPaywall } from '../../src/index.ts'

const { NODE_URL = '', STORE = '', SECRET = '', PAY_TO = '', HEADERS = '' } = process.env

const paywall = createPaywall({
  network: 'nano:devnet',
  rpc: NODE_URL,
  store: STORE,
  secret: SECRET,
  payTo: PAY_TO,
  price: '0.001',
  onEvent: ({ type }) => type === 'delivered' && process.kill(process.pid, 'SIGKILL'),
})
const outcome = await paywall.guard(new Request('http://shop.example/report', { headers: JSON.parse(HEADERS) }))
if (outcome.kind === 'paid') await outcome.deliver(() => new Response('never seen'))
process.stdout.write(`${outcome.kind}, and still alive\n`)
