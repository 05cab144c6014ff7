/** Pays for requests: a fetch that sees a 402, pays it within a budget, and asks again. */

export {
  ChannelError,
  InsufficientFundsError,
  JournalError,
  NoPayableOfferError,
  NotApprovedError,
  OverBudgetError,
  type PaymentProof,
  RefusedAfterPaymentError,
  SendUncertainError,
} from '../errors.ts'
export type { Balance, Received } from '../wallet/wallet.ts'
export type { WorkFunction, WorkOption } from '../wallet/work.ts'
export type { WireName } from '../x402/wires.ts'
export type { BudgetOptions } from './budget.ts'
export type { ChannelRefund, ClosedChannel } from './channel/closing.ts'
export type { ChannelInfo } from './channel/index.ts'
export type { PayerEvent } from './events.ts'
export { fileJournal } from './file-journal.ts'
export type { PaidOffer, PayOptions } from './handover.ts'
export type { ChannelNote, Journal, JournalEntry, PaymentState } from './journal.ts'
export { memoryJournal } from './memory-journal.ts'
export type { PayerChannelOptions, PayerNode, PayerOptions } from './options.ts'
export { createPayer, type Payer } from './payer.ts'
export type { Bill } from './payment.ts'
export type { Transfer, TransferOrder } from './transfer.ts'
export type { Unfinished } from './unfinished.ts'
