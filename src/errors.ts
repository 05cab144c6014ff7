/**
 * Every error that this package throws, with its stable code. A refusal of a payment is not an error: it is a value
 * (see core/refusal.ts). Test `error.code`: it survives two copies of the package in one process, `instanceof` does not.
 */
export type ErrorCode =
  | 'ERR_INVALID_VALUE'
  | 'ERR_AMOUNT'
  | 'ERR_CONFIG'
  | 'ERR_STORE'
  | 'ERR_STORE_FULL'
  | 'ERR_LEASE_LOST'
  | 'ERR_NODE_UNAVAILABLE'
  | 'ERR_NODE_REFUSED'
  | 'ERR_PRICE'
  | 'ERR_WORK'
  | 'ERR_OVER_BUDGET'
  | 'ERR_NO_PAYABLE_OFFER'
  | 'ERR_INSUFFICIENT_FUNDS'
  | 'ERR_REFUSED_AFTER_PAYMENT'

/** Base of every error this package throws. */
export abstract class PaywallError extends Error {
  abstract readonly code: ErrorCode
  override readonly name: string = 'PaywallError'
}

/** A text or number that is not what it should be: a hash, an account, a key, a block. */
export class InvalidValueError extends PaywallError {
  override readonly code = 'ERR_INVALID_VALUE'
}

/** Not an amount: a sign, an exponent, too many decimals, or above 2^128 - 1 raw. */
export class AmountError extends PaywallError {
  override readonly code = 'ERR_AMOUNT'
}

/** An option or environment variable is missing or wrong. The message names it and the remedy. */
export class ConfigError extends PaywallError {
  override readonly code = 'ERR_CONFIG'
}

/** The store did not answer, so nobody can know whether the proof was spent. Nothing is served. */
export class StoreError extends PaywallError {
  override readonly code: 'ERR_STORE' | 'ERR_STORE_FULL' | 'ERR_LEASE_LOST' = 'ERR_STORE'
}

/** The store holds as many claims as it was allowed to. A claim is never evicted to make room. */
export class StoreFullError extends StoreError {
  override readonly code = 'ERR_STORE_FULL'
}

/** Another owner took the claim over because our lease ran out. Nothing more may be served under it. */
export class LeaseLostError extends StoreError {
  override readonly code = 'ERR_LEASE_LOST'
}

/** No Nano node gave a usable answer. What was asked is neither true nor false. */
export class NodeUnavailableError extends PaywallError {
  override readonly code = 'ERR_NODE_UNAVAILABLE'
}

/** The Nano node answered with an error text of its own, kept in `nodeError` (such as `Account not found`). */
export class NodeRefusedError extends PaywallError {
  override readonly code = 'ERR_NODE_REFUSED'
  readonly nodeError: string
  constructor(action: string, nodeError: string) {
    super(`The Nano node refused ${action}: ${nodeError}`)
    this.nodeError = nodeError
  }
}

/** The price function threw, did not settle in time, or gave something that is not a price. */
export class PriceError extends PaywallError {
  override readonly code = 'ERR_PRICE'
}

/** Proof of work could not be had. */
export class WorkError extends PaywallError {
  override readonly code = 'ERR_WORK'
}
