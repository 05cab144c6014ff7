/** The sessions that browsers show, and what has become of their payments. Looked up here, or by a facilitator. */
import type { Arrivals, Sight } from '../arrivals/index.ts'
import type { Offers } from '../core/cashier.ts'
import type { Route } from '../core/guard.ts'
import type { Pricing, Quote } from '../core/quote.ts'
import type { PaywallRequest } from '../core/request.ts'
import { nanoAddress } from '../nano/index.ts'
import type { PaymentRequirements } from '../x402/shapes.ts'
import type { KeptSession } from './cookies.ts'

/** A session whose seal is genuine, for this very request, and which may still be paid or presented. */
export interface PageSession {
  readonly quote: Quote
  /** As they were made. Undefined: it can be presented, and is not to be shown any more. */
  readonly offers: Offers | undefined
  /** Tells what is known of its payment now, and each change. Gives back the way to stop. */
  watch(listener: (sight: Sight) => void): () => void
  /** Looks for its payment once. */
  look(timeoutMs: number): Promise<Sight>
}

/** Where a session is shown. */
export interface PageRoute {
  readonly route: Route
  readonly pricing: Pricing
}

export interface Sessions {
  /** Looks nothing up. Rejects when it cannot be said now whether the session is genuine. */
  reopen(kept: KeptSession, request: PaywallRequest, at: PageRoute): Promise<PageSession | undefined>
  /** What the browser is to keep beside the id of a session that is offered so. */
  noteOf(offer: PaymentRequirements): string
  close(): void
}

/** Those that this process has sealed, or one that has its secret. */
export const ownSessions = (arrivals: Arrivals): Sessions => ({
  noteOf: () => '',
  async reopen({ id }, request, { route: { cashier } }) {
    const reopened = await cashier.reopen?.(id, request).catch(() => undefined)
    if (!reopened) return undefined
    const { payTo, amount, issuedAtMs } = reopened.quote
    const wanted = { account: nanoAddress(payTo), amount, issuedAtMs }
    return {
      ...reopened,
      watch: (listener) => arrivals.watch(wanted, listener),
      look: (timeoutMs) => arrivals.look(wanted, timeoutMs),
    }
  },
  close: () => arrivals.close(),
})
