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
  | 'ERR_FACILITATOR'
  | 'ERR_ISSUER'
  | 'ERR_PRICE'
  | 'ERR_ACCESS'
  | 'ERR_CHARGE'
  | 'ERR_WORK'
  | 'ERR_OVER_BUDGET'
  | 'ERR_NO_PAYABLE_OFFER'
  | 'ERR_NOT_APPROVED'
  | 'ERR_SEND_UNCERTAIN'
  | 'ERR_INSUFFICIENT_FUNDS'
  | 'ERR_REFUSED_AFTER_PAYMENT'
  | 'ERR_JOURNAL'
  | 'ERR_CHANNEL'

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

/** The facilitator gave no usable answer. What was asked of it is neither true nor false. */
export class FacilitatorError extends PaywallError {
  override readonly code = 'ERR_FACILITATOR'
}

/** The issuer of a channel refused, or gave no usable answer. */
export class IssuerError extends PaywallError {
  override readonly code = 'ERR_ISSUER'
  /** The issuer's own code, when it refused. */
  readonly reason: string | undefined
  constructor(message: string, { reason, ...options }: ErrorOptions & { readonly reason?: string | undefined } = {}) {
    super(message, options)
    this.reason = reason
  }
}

/** The price function threw, did not settle in time, or gave something that is not a price. */
export class PriceError extends PaywallError {
  override readonly code = 'ERR_PRICE'
}

/** A function that says who may pass (skip, validate, or a `by`) threw, did not settle in time, or gave what it may not give. */
export class AccessError extends PaywallError {
  override readonly code = 'ERR_ACCESS'
}

/** A handler charged more than was reserved, too late, or other than what was paid already. */
export class ChargeError extends PaywallError {
  override readonly code = 'ERR_CHARGE'
}

/** Proof of work could not be had. */
export class WorkError extends PaywallError {
  override readonly code = 'ERR_WORK'
}

/** A payment would go over one of the payer's budgets. Nothing was paid. Amounts in raw. */
export class OverBudgetError extends PaywallError {
  override readonly code = 'ERR_OVER_BUDGET'
  /** Which bound. */
  readonly bound: 'perRequest' | 'perHost' | 'perDay' | 'total' | 'deposit'
  /** What was to be paid. */
  readonly asked: bigint
  /** What the bound still allows. */
  readonly left: bigint
  constructor(message: string, details: Pick<OverBudgetError, 'bound' | 'asked' | 'left'>) {
    super(message)
    this.bound = details.bound
    this.asked = details.asked
    this.left = details.left
  }
}

/** A 402 holds no offer that the payer can or may pay. Nothing was paid. */
export class NoPayableOfferError extends PaywallError {
  override readonly code = 'ERR_NO_PAYABLE_OFFER'
  /** Why not, for each entry of `accepts` in its order. */
  readonly reasons: readonly string[]
  constructor(message: string, reasons: readonly string[] = []) {
    super(message)
    this.reasons = reasons
  }
}

/** Whoever is asked before a payment (option approve) did not say yes. Nothing was paid. */
export class NotApprovedError extends PaywallError {
  override readonly code = 'ERR_NOT_APPROVED'
}

/** A send was signed, and whether the network has it cannot be told now. To send again may be to send twice. */
export class SendUncertainError extends PaywallError {
  override readonly code = 'ERR_SEND_UNCERTAIN'
  /** Look this block up before sending again. */
  readonly hash: string
  constructor(message: string, hash: string, options?: ErrorOptions) {
    super(message, options)
    this.hash = hash
  }
}

/** The payer's account does not hold enough. Nothing was paid. Amounts in raw. */
export class InsufficientFundsError extends PaywallError {
  override readonly code = 'ERR_INSUFFICIENT_FUNDS'
  /** The account to send XNO to. */
  readonly address: string
  readonly needed: bigint
  readonly balance: bigint
  /** What waits to be received, which `payer.receive()` pockets. */
  readonly receivable: bigint
  constructor(message: string, details: Pick<InsufficientFundsError, 'address' | 'needed' | 'balance' | 'receivable'>) {
    super(message)
    this.address = details.address
    this.needed = details.needed
    this.balance = details.balance
    this.receivable = details.receivable
  }
}

/** What shows that a request was paid. Whoever has it can use the payment. */
export interface PaymentProof {
  /** 64 upper-case hex digits. */
  readonly blockHash: string
  readonly sessionId: string
  /** The headers that present it: `PAYMENT-SIGNATURE`, or those of an older form. */
  readonly headers: Readonly<Record<string, string>>
  /** Where it was presented. */
  readonly url: string
  readonly method: string
}

/**
 * A payment was made, or may have been, and the resource was not given for it. `retryable`: the same payment is still
 * good, and is presented when the same request is made again. `proof` does not show when the error is logged.
 */
export class RefusedAfterPaymentError extends PaywallError {
  override readonly code = 'ERR_REFUSED_AFTER_PAYMENT'
  declare readonly proof: PaymentProof
  /** The server's code, such as `payment_already_spent`; or ours: `unpublished`, `no_answer`, `aborted`. */
  readonly refusal: string
  readonly retryable: boolean
  constructor(
    message: string,
    details: Pick<RefusedAfterPaymentError, 'proof' | 'refusal' | 'retryable'>,
    options?: ErrorOptions,
  ) {
    super(message, options)
    this.refusal = details.refusal
    this.retryable = details.retryable
    // Not enumerable, so that it is in no log and no JSON: it is as good as the money.
    Object.defineProperty(this, 'proof', { value: details.proof })
  }
}

/** The payer's journal could not be read or written. Nothing is paid without it. */
export class JournalError extends PaywallError {
  override readonly code = 'ERR_JOURNAL'
}

/**
 * A channel could not be opened, topped up or closed; the deposit, if one was made, is in the journal, and the same call goes on
 * from there. `reason`: the server's code, or ours: what it says of the channel, and cannot be true.
 */
export class ChannelError extends PaywallError {
  override readonly code = 'ERR_CHANNEL'
  readonly channelId: string
  readonly reason: string
  constructor(message: string, details: Pick<ChannelError, 'channelId' | 'reason'>, options?: ErrorOptions) {
    super(message, options)
    this.channelId = details.channelId
    this.reason = details.reason
  }
}
