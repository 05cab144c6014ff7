/**
 * A real Nano ledger in memory, for development and tests: blocks, signatures, work, forks and confirmation are checked
 * as a node checks them, and it answers like one. Its network is `nano:devnet`; its coins are worth nothing.
 */
export { createDevnet, type Devnet, type FundedSeed } from './devnet.ts'
export type { Call, DevnetOptions } from './engine.ts'
export type { Faults, Outage } from './faults.ts'
export { DEVNET_GENESIS_ACCOUNT, DEVNET_GENESIS_HASH, DEVNET_GENESIS_KEY } from './genesis.ts'
export type { Entry } from './ledger.ts'
export type { Confirmation } from './node.ts'
