/** What became of each payment: an account's sends against the store's claims. And what is to be decided about channels. */

export {
  type ChannelDeskOptions,
  type ChannelReconciliation,
  type ChannelReview,
  type ConfirmOptions,
  type RecoveringChannel,
  reconcileChannels,
  type SentBlock,
} from './channels.ts'
export { type Hint, type ReconciledSend, type Reconciliation, type SendState, STATES } from './judge.ts'
export { type ReconcileOptions, reconcile } from './reconcile.ts'
