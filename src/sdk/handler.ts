/** The client half of Faremeter and of NanoSession: shown the offers of a 402, a handler says which it can pay. */
import type { Payer } from '../client/index.ts'
import type { PaymentRequirements } from '../x402/shapes.ts'
import { isNano } from './offers.ts'

/** An entry of `accepts`, as Faremeter types it. */
export type Offered = Omit<PaymentRequirements, 'extra'> & { readonly extra?: object }

/** One offer that can be paid. */
export interface PaymentExecer<O extends Offered = Offered> {
  readonly requirements: O
  /** Pays, and gives what goes into the payment beside `accepted`. @throws what `payer.pay` throws */
  exec(): Promise<{ payload: object }>
}

/** Faremeter's: which of these offers can be paid, and how. */
export type PaymentHandler = <O extends Offered>(
  context: { readonly request: RequestInfo | URL },
  accepts: readonly O[],
) => Promise<PaymentExecer<O>[]>

/**
 * Pays for `@faremeter/fetch`: `wrap(fetch, { handlers: [paymentHandler(payer)], retryCount: 0 })`.
 *
 * Budget, journal and rules for offers are the payer's; one offer is paid once. Leave `retryCount` at 0: Faremeter's retry is
 * a new request, which a server answers with a new offer. It does not tell what came of a payment, so `payer.unfinished()`
 * lists all that were made for it.
 *
 * @example
 * const payer = createPayer({ seed: '0'.repeat(64), rpc: 'http://127.0.0.1:7076', budget: { perRequest: '0.01', perDay: '1' } })
 * const handlers = [paymentHandler(payer)] // wrap(fetch, { handlers, retryCount: 0 })
 */
export function paymentHandler(payer: Payer): PaymentHandler {
  return async ({ request }, accepts) =>
    accepts
      .filter((offer) => isNano(offer) && offer.network === payer.network)
      .map((requirements) => ({
        requirements,
        exec: async () => ({
          payload: { ...(await payer.pay(requirements as PaymentRequirements, asked(request))).payload },
        }),
      }))
}

/** Where the request went. A relative URL is the page's own business, and tells us nothing. */
function asked(request: RequestInfo | URL): { url?: string; method?: string } {
  if (typeof request === 'object' && 'method' in request) return { url: request.url, method: request.method }
  const url = String(request)
  return URL.canParse(url) ? { url } : {}
}
