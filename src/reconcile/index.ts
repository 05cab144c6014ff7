/** What became of each payment: an account's sends against the store's claims. */
export { type Hint, type ReconciledSend, type Reconciliation, type SendState, STATES } from './judge.ts'
export { type ReconcileOptions, reconcile } from './reconcile.ts'
