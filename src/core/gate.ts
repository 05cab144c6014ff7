/**
 * What stands before payment: may the request be asked here at all, and may it pass without paying now? The guard asks the
 * gates in their order, before it makes an offer or reads a proof.
 */
import type { HeldClaims } from './claims.ts'
import type { Access } from './payment.ts'
import type { Refusal } from './refusal.ts'
import type { PaywallRequest } from './request.ts'

export interface Gate {
  /** It has a say about requests that bring a payment as well. Without it they go by: who pays is served for that, or not at all. */
  readonly asksPayers?: true
  /**
   * Undefined: it has nothing to say. A refusal with a 402 is why it does not let the request in, which a later gate still
   * may; with another status it is the answer. Trouble is thrown: the guard answers it with a 5xx.
   */
  ask(request: PaywallRequest): Promise<Admission | Refusal | undefined>
}

/** The request may pass. */
export interface Admission {
  readonly kind: 'admitted'
  readonly access: Access
  /** The account that paid, if one has. */
  readonly payer?: string
  /** What serving it uses up, which is held until it is known whether it was served. */
  readonly held?: Held
}

/** What a request has in hand while its handler runs: exactly one of `commit` and `release` is called, once. */
export type Held = Pick<HeldClaims, 'renew' | 'commit' | 'release' | 'noteDelivery'>
