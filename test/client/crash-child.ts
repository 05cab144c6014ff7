/** Pays for one request and prints each step: started by recovery.test.ts, which kills it on the way. */
import { createPayer } from '../../src/client/index.ts'

const { NODE_URL = '', SHOP_URL = '', PRIVATE_KEY = '', JOURNAL = '', DEPOSIT } = process.env
const say = (line: string) => process.stdout.write(`${line}\n`)

const payer = createPayer({
  privateKey: PRIVATE_KEY,
  rpc: NODE_URL,
  network: 'nano:devnet',
  budget: { perRequest: '0.01', total: '0.0015', ...(DEPOSIT && { deposit: DEPOSIT }) },
  work: 'cpu',
  journal: JOURNAL,
  onEvent: ({ type }) => say(type),
})
const response = await payer.fetch(SHOP_URL, { method: 'POST', body: 'report' })
say(`${response.status} ${await response.text()}`)
await payer.close()
