/**
 * A mechanism of one's own: customers who are known sign for a request, and get a bill at the end of the month. What the
 * guard does for every mechanism it does for this one: an offer that is sealed and bound to its request, one answer for
 * each, and nothing charged for a handler that fails. The test suite runs `mechanismContract` over it.
 */
import { createHmac, timingSafeEqual } from 'node:crypto'
import { type Mechanism, type PaymentPayload, type PaymentRequirements, type Proof, refusal } from 'nano402'

interface SignedOrder extends Proof {
  readonly customer: string
  readonly signature: string
}

export interface InvoiceOptions {
  /** The key of each customer, by name. */
  readonly keys: ReadonlyMap<string, string>
  /** Puts an amount, in raw, on a customer's bill. */
  readonly bill: (customer: string, amount: bigint) => void
}

export function invoiceMechanism({ keys, bill }: InvoiceOptions): Mechanism<SignedOrder> {
  return {
    scheme: 'invoice',

    offer: (quote) => ({
      scheme: 'invoice',
      network: quote.network,
      amount: quote.amount.toString(),
      asset: 'XNO',
      payTo: quote.payTo,
      maxTimeoutSeconds: (quote.expiresAtMs - quote.issuedAtMs) / 1000,
      extra: { sessionId: quote.sessionId },
    }),

    read({ payload: { customer, sessionId, signature } }) {
      const isText = typeof customer === 'string' && typeof sessionId === 'string' && typeof signature === 'string'
      return isText ? { customer, sessionId, signature } : undefined
    },

    async verify({ customer, signature }, quote) {
      const key = keys.get(customer)
      const { sessionId, amount, network, id } = quote
      // What we sealed is what must be signed: neither amount nor session is taken from the client.
      if (!key || !isSame(signature, sign(key, sessionId, amount.toString()))) return refusal('invalid_payload')
      return {
        kind: 'verified',
        ids: [`session:${id}`],
        async settle() {
          return {
            kind: 'settled',
            settlement: { success: true, transaction: `order ${id}`, network, payer: customer, amount: `${amount}` },
            commit: async () => bill(customer, amount),
            release: async () => {},
          }
        },
      }
    },
  }
}

/** The customer's half: accepts an offer in writing. */
export function signOrder(offer: PaymentRequirements, customer: string, key: string): PaymentPayload {
  const sessionId = String(offer.extra?.sessionId)
  const signature = sign(key, sessionId, offer.amount)
  return { x402Version: 2, accepted: offer, payload: { customer, sessionId, signature } }
}

const sign = (key: string, sessionId: string, amount: string) =>
  createHmac('sha256', key).update(`order ${sessionId} ${amount}`).digest('hex')

function isSame(given: string, right: string): boolean {
  const [one, other] = [Buffer.from(given), Buffer.from(right)]
  return one.length === other.length && timingSafeEqual(one, other)
}
