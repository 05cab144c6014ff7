/** Who makes a route's offers and takes its payments: this process (`ownCashier` of take.ts), or a facilitator. */
import type { PaymentRequirements, SettlementResponse } from '../x402/shapes.ts'
import type { PresentedPayment } from '../x402/wire.ts'
import type { HeldClaims } from './claims.ts'
import type { Use } from './extension.ts'
import type { Settled } from './mechanism.ts'
import type { Meter } from './meter.ts'
import type { Quote } from './quote.ts'
import type { Refusal } from './refusal.ts'
import type { PaywallRequest } from './request.ts'

/** Trouble is thrown: the guard answers it with a 5xx, and the proof stays good. */
export interface Cashier {
  /**
   * A fresh offer for each way to pay, priced for this request. `price`: what another cashier asks for it already, in raw;
   * one that seals what its price was made from makes its own all the same.
   */
  offer(request: PaywallRequest, price?: bigint): Promise<Offers>
  /** Verifies, claims and settles what was presented with this request. */
  take(payment: PresentedPayment, request: PaywallRequest): Promise<Refusal | Taken | Replied>
  /**
   * The offers of a session as they were made: if its seal is genuine, for this very request, and it may still be paid or
   * presented. Asks nobody. A facilitator's cashier cannot.
   */
  reopen?(sessionId: string, request: PaywallRequest): Promise<Reopened | undefined>
}

/** A session that goes on. */
export interface Reopened {
  readonly quote: Quote
  readonly offers: Offers
}

/** What was presented was about the payment alone (a top-up, a close): it is answered with 204, and the handler never runs. */
export interface Replied {
  readonly kind: 'replied'
  readonly settlement: SettlementResponse & { readonly success: true }
}

/** What a 402 offers. */
export interface Offers {
  /** What is asked, tag included, in raw. */
  readonly amount: bigint
  /** The same without tag, where there is one. */
  readonly price?: bigint
  readonly accepts: readonly PaymentRequirements[]
}

/** A payment that is claimed and settled: its handler may run. */
export interface Taken<C extends HeldClaims = HeldClaims> {
  readonly kind: 'taken'
  readonly settled: Settled
  readonly scheme: string
  /** What was paid, tag included, in raw. */
  readonly amount: bigint
  readonly claims: C
  /** What it will cost, where that is less than `amount`. Without it, it was paid before. */
  readonly meter?: Meter
  /** What extensions have to do with it. */
  readonly uses?: readonly Use[]
  /** How long settling took. */
  readonly ms: number
}

/** One of several. `seals`: what its price was made from, so that it has to be the one that makes it. */
export interface NamedCashier {
  readonly scheme: string
  readonly cashier: Cashier
  readonly seals?: true
}

/**
 * Asks each cashier for its offers, at one price that is made once, and gives a payment to the one whose scheme it names;
 * otherwise to the first.
 */
export function joinCashiers(cashiers: readonly NamedCashier[]): Cashier {
  const [first] = cashiers
  if (first === undefined) throw new TypeError('There must be a way to pay.')
  if (cashiers.length === 1) return first.cashier
  const sealing = cashiers.find(({ seals }) => seals)
  return {
    async offer(request) {
      const sealed = await sealing?.cashier.offer(request)
      const [own, ...others] = await Promise.all(
        cashiers.map((one) => (one === sealing ? sealed : one.cashier.offer(request, sealed?.price))),
      )
      const accepts = [own, ...others].flatMap((offers) => offers?.accepts ?? [])
      return { amount: own?.amount ?? 0n, accepts }
    },
    take(payment, request) {
      const named = cashiers.find(({ scheme }) => scheme === payment.accepted.scheme)
      return (named ?? first).cashier.take(payment, request)
    },
    async reopen(sessionId, request) {
      for (const { cashier } of cashiers) {
        const reopened = await cashier.reopen?.(sessionId, request)
        if (reopened) return reopened
      }
      return undefined
    },
  }
}
