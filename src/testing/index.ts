/** For tests: a devnet under an app's own paywall, and contract suites for implementations of this package's interfaces. */
export { billOf, receiptOf, type TestAnswer, type TestBill } from './answer.ts'
export type { ContractCase } from './contract.ts'
export { type MechanismFixture, mechanismContract, sampleQuote } from './mechanism.ts'
export { type NodeUnderTest, nodeContract } from './node.ts'
export { createTestPaywall, type PaymentHeaders, type TestPaywall, type TestPaywallOptions } from './paywall.ts'
export { type StoreContractOptions, storeContract } from './store.ts'
