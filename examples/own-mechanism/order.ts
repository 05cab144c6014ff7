/** Alice orders on account: `npm run example examples/own-mechanism/order.ts http://localhost:3000/report` */
import type { PaymentRequired } from 'nano402'
import { signOrder } from './mechanism.ts'

const [url = 'http://localhost:3000/report'] = process.argv.slice(2)

const { accepts } = (await (await fetch(url)).json()) as PaymentRequired
const offer = accepts.find(({ scheme }) => scheme === 'invoice')
if (!offer) throw new Error('Nothing is sold on account there.')

const order = signOrder(offer, 'alice', process.env.ALICES_KEY ?? 'a key that alice and we know')
const proof = Buffer.from(JSON.stringify(order)).toString('base64')
const response = await fetch(url, { headers: { 'PAYMENT-SIGNATURE': proof } })
console.log(response.status, await response.text())
process.exitCode = response.ok ? 0 : 1
