/** The exchanges that docs/protocol_rev1.md shows: the offer and payment of its session example, in each form's own code. */
import type { WireName } from 'nano402'
import { answerFor } from '../../src/core/refusal.ts'
import { decodeBase64 } from '../../src/x402/base64.ts'
import { CLIENT_WIRES } from '../../src/x402/client-wires.ts'
import { encodeHeader } from '../../src/x402/headers.ts'
import type { PaymentPayload, PaymentRequired, SettlementResponse } from '../../src/x402/shapes.ts'
import type { Header } from '../../src/x402/wire.ts'
import { joinWires, WIRE_NAMES } from '../../src/x402/wires.ts'
import { receiptFor } from '../support/world.ts'
import { examples, payer } from './mechanism-examples.ts'

const { offer, payload } = examples.session as NonNullable<(typeof examples)['session']>
const { network, amount } = offer

const required: PaymentRequired = {
  x402Version: 2,
  error: 'payment_required',
  message: answerFor('payment_required').message,
  resource: { url: 'https://api.example.com/report' },
  accepts: [offer],
}
const payment: PaymentPayload = { x402Version: 2, resource: required.resource, accepted: offer, payload }
const transaction = String(payload.proof)
const settlement: SettlementResponse = { success: true, transaction, network, payer: payer.account, amount }

/** Headers as lines, with base64 as what it says. */
const lines = (headers: Iterable<Header>): string =>
  [...headers].map(([name, value]) => `${name}: ${shown(value)}\n`).join('')

function shown(value: string): string {
  const text = /^[A-Za-z0-9+/]{40,}=*$/.test(value) ? decodeBase64(value) : undefined
  return text?.startsWith('{') ? `base64 of ${pretty(text)}` : value
}
const pretty = (json: string) => JSON.stringify(JSON.parse(json), null, 2)

/**
 * What goes back and forth in one form. Headers that every answer has are left out; so is what revision 7 has in common with
 * x402.
 */
function exchange(name: WireName): string {
  const wire = joinWires([name])
  const paid = `GET /report HTTP/1.1\n${lines(Object.entries(CLIENT_WIRES[name].present(payment)))}`
  if (name === 'nanosession-7') return paid
  const { headers, body } = wire.offer(required)
  const isInHeader = headers.some(([, value]) => decodeBase64(value) === body)
  const bill = `HTTP/1.1 402 Payment Required\n${lines(headers)}`
  const said = body === undefined || isInHeader ? '' : `Content-Type: application/json\n\n${pretty(body)}\n`
  const marks = lines(wire.settled(settlement))
  return `${bill}${said}\n${paid}${marks === '' ? '' : `\nHTTP/1.1 200 OK\n${marks}`}`
}

export const exchanges: Readonly<Record<string, string>> = Object.fromEntries(
  WIRE_NAMES.map((name) => [name, exchange(name)]),
)

/** What a server reads from the payment that a client of this form makes. */
export const readBack = (name: WireName) => {
  const presented = new Map(Object.entries(CLIENT_WIRES[name].present(payment)))
  return joinWires([name]).read({ get: (header) => presented.get(header) })
}

const signatureOffer = () => (examples.signature as NonNullable<(typeof examples)['signature']>).offer

/** The stateless variant of revision 7: the terms as its wire writes them, and a payment as another client makes it. */
export function receiptExample() {
  const wire = joinWires(['nanosession-7'])
  const [[, header] = ['', '']] = wire.offer({ ...required, accepts: [signatureOffer()] }).headers
  const [accepted] = (JSON.parse(decodeBase64(header) ?? '') as PaymentRequired).accepts
  if (!accepted) throw new Error('No offer.')
  const made = receiptFor(accepted, transaction, payer)
  const presented = wire.read({ get: (name) => (name === 'PAYMENT-SIGNATURE' ? encodeHeader(made) : null) })
  const { url, messageToSign } = { ...(accepted.extra?.nanoSignature as Readonly<Record<string, string>> | undefined) }
  return { terms: { url, messageToSign }, payload: made.payload, presented }
}

/** The payment as every form has it in the end. */
export const sessionPayload = payload
