/** Offers for a resource server that has no secret to seal them with. */
import { openPayment } from '../core/check.ts'
import { makeOffers, offersOf } from '../core/till.ts'
import { InvalidValueError } from '../errors.ts'
import { parsePayTo } from '../pay-to.ts'
import { parsePrice } from '../pricing.ts'
import { type BoundRequest, type Order, readOrder, readPresented } from '../remote/wire.ts'
import type { PaymentRequirements } from '../x402/shapes.ts'
import { boundAs, type Counter } from './counter.ts'

/** A longer one would make a header too long to be sent: such an offer can be claimed, and not settled. */
const MAX_CARRIED_URL = 2_048

/** Offers for one request. @throws `InvalidValueError`, `AmountError`, `PriceError` for an order that cannot be sealed. */
export async function makeRequirements(unread: Order, counter: Counter): Promise<readonly PaymentRequirements[]> {
  const order = readOrder(unread)
  if (!order) {
    throw new InvalidValueError('The order is not { method, url, price, payTo, ... } as docs/protocol_rev1.md has it.')
  }
  const { method, url, inputs, realm, maxTimeoutSeconds = 300 } = order
  const [price, payTo] = [parsePrice(order.price), parsePayTo(order.payTo)]
  const till = await counter.till(order, {
    price: () => price,
    payTo: () => payTo,
    maxTimeoutMs: maxTimeoutSeconds * 1000,
  })
  const request = boundAs(order)
  const presented = readPresented(order.paymentPayload)
  const known = presented && (await openPayment(presented, request, till))
  const isGood =
    known?.kind === 'opened' && (Date.now() <= known.quote.expiresAtMs || price <= known.quote.resourceAmount)
  const { accepts } = isGood ? offersOf(known.quote, till) : await makeOffers(request, till)
  if (url.length > MAX_CARRIED_URL) return accepts
  const boundTo: BoundRequest = { method, url, ...(inputs && { inputs }), ...(realm !== undefined && { realm }) }
  return accepts.map((offer) => ({ ...offer, extra: { ...offer.extra, boundTo } }))
}
