/** Who makes a route's offers and takes its payments: this process (`ownCashier` of take.ts), or a facilitator. */
import type { PaymentRequirements } from '../x402/shapes.ts'
import type { PresentedPayment } from '../x402/wire.ts'
import type { HeldClaims } from './claims.ts'
import type { Use } from './extension.ts'
import type { Settled } from './mechanism.ts'
import type { Refusal } from './refusal.ts'
import type { PaywallRequest } from './request.ts'

/** Trouble is thrown: the guard answers it with a 5xx, and the proof stays good. */
export interface Cashier {
  /** A fresh offer for each way to pay, priced for this request. */
  offer(request: PaywallRequest): Promise<Offers>
  /** Verifies, claims and settles what was presented with this request. */
  take(payment: PresentedPayment, request: PaywallRequest): Promise<Refusal | Taken>
}

/** What a 402 offers. */
export interface Offers {
  /** What is asked, tag included, in raw. */
  readonly amount: bigint
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
  /** What extensions have to do with it. */
  readonly uses?: readonly Use[]
  /** How long settling took. */
  readonly ms: number
}
