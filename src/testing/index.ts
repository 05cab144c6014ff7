/** Contract suites: an implementation of an interface of this package is done when it passes the one of its interface. */
export type { ContractCase } from './contract.ts'
export { type MechanismFixture, mechanismContract, sampleQuote } from './mechanism.ts'
export { type NodeUnderTest, nodeContract } from './node.ts'
export { type StoreContractOptions, storeContract } from './store.ts'
