/** What it takes to make offers and to take payments in this process, and the offers. */
import type { Offers } from './cashier.ts'
import type { EventListener } from './events.ts'
import type { Extension } from './extension.ts'
import type { Mechanism } from './mechanism.ts'
import { makeQuote, type Pricing, type Quote } from './quote.ts'
import type { PaywallRequest } from './request.ts'
import type { Seal } from './seal.ts'
import type { Store } from './store.ts'

export interface Till extends Pricing {
  /** Names the route in events. */
  readonly name: string
  /** Hears what happens, if anybody listens. Must not throw. */
  readonly emit?: EventListener | undefined
  readonly mechanisms: readonly Mechanism[]
  readonly seal: Seal
  readonly store: Store
  /** For how long after its expiry a session's payment is still taken. */
  readonly claimWindowMs: number
  /** Handler runs that one payment buys, at most. */
  readonly attempts: number
  readonly leaseMs: number
  /** What has to do with each use of a payment. */
  readonly extensions?: readonly Extension[]
}

/** A fresh offer for each way to pay. */
export async function makeOffers(request: PaywallRequest, till: Till): Promise<Offers> {
  return offersOf(await makeQuote(request, till, till.seal), till)
}

/** A quote as each way to pay offers it. */
export const offersOf = (quote: Quote, { mechanisms }: Till): Offers => ({
  amount: quote.amount,
  price: quote.resourceAmount,
  accepts: mechanisms.map((mechanism) => mechanism.offer(quote)),
})
