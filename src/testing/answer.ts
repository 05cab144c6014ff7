/** What an answer says of payment, whichever client got it. */
import { TAG_MODULUS } from '../core/quote.ts'
import { formatXno, raw } from '../nano/index.ts'
import { readSettlement } from '../x402/client-wires.ts'
import { decodePaymentRequired, PAYMENT_REQUIRED } from '../x402/headers.ts'
import type { PaymentRequired, SettlementResponse } from '../x402/shapes.ts'
import type { HeaderReader } from '../x402/wire.ts'

/** An answer as `fetch`, Hono, Next.js, supertest or axios give it. */
export interface TestAnswer {
  readonly status: number
  /** With a `get`, or an object with lower-case names. */
  readonly headers: { get(name: string): unknown } | Readonly<Record<string, unknown>>
}

/** What a 402 asks. */
export interface TestBill {
  /** Why the request was not served, such as `payment_required`. */
  readonly code: string | undefined
  /** In XNO, without the tag: what the route's `price` says. */
  readonly price: string
  /** The account that is to be paid. */
  readonly payTo: string
  /** All of it. */
  readonly required: PaymentRequired
}

/**
 * What a 402 asks.
 *
 * @throws `Error`, in words, for an answer that is none.
 * @example
 * const { price, payTo } = billOf(await fetch('http://localhost:3000/report'))
 */
export function billOf(answer: TestAnswer): TestBill {
  const header = readerOf(answer).get(PAYMENT_REQUIRED)
  const required = typeof header === 'string' ? decodePaymentRequired(header) : undefined
  const [offer] = required?.accepts ?? []
  if (answer.status !== 402 || !required || !offer) {
    throw new Error(`Expected a 402 that says what to pay, but the answer has status ${answer.status}.`)
  }
  const amount = BigInt(offer.amount)
  return { code: required.error, price: formatXno(raw(amount - (amount % TAG_MODULUS))), payTo: offer.payTo, required }
}

/**
 * What a paid answer says of its payment: the block, who paid, and how much.
 *
 * @throws `Error`, in words, for an answer that was not paid for.
 * @example
 * const { pay } = await createTestPaywall()
 * const headers = await pay(await fetch('http://localhost:3000/report'))
 * const { payer } = receiptOf(await fetch('http://localhost:3000/report', { headers }))
 */
export function receiptOf(answer: TestAnswer): SettlementResponse {
  const settlement = readSettlement(readerOf(answer))
  if (settlement?.success) return settlement
  throw new Error(`Expected an answer that was paid for, but it has status ${answer.status} and no receipt.`)
}

const readerOf = ({ headers }: TestAnswer): HeaderReader => ({
  get(name) {
    const value = hasGet(headers) ? headers.get(name) : headers[name.toLowerCase()]
    return typeof value === 'string' ? value : undefined
  },
})

const hasGet = (headers: TestAnswer['headers']): headers is { get(name: string): unknown } =>
  typeof headers.get === 'function'
