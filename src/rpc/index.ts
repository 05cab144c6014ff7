/** How we see the Nano network: nodes over HTTP, typed questions, the ledger, and the confirmation feed. */
export {
  type AccountInfo,
  accountInfo,
  blocksInfo,
  generateWorkRemotely,
  type NodeBlock,
  publish,
  type Receivable,
  receivable,
  type Subtype,
} from './calls.ts'
export { createRpc, type RpcClient, type RpcOptions } from './client.ts'
export { type ConfirmationFeed, createFeed, type FeedListener, type FeedOptions } from './feed.ts'
export { accountHistory, type HistoryEntry, type HistoryPage } from './history.ts'
export type { Endpoint } from './http.ts'
export { createLedger, type Ledger, type LedgerOptions } from './ledger.ts'
export { GENESIS, type Network } from './networks.ts'
export type { NanoNode, NodeAnswer } from './node.ts'
export type { LedgerBlock } from './observe.ts'
export { type NodeSync, nodeSync } from './sync.ts'
