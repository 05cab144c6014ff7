/** An issuer's ledger for tests: accounts, configs, and a book over a real account on a devnet. */
import type { Store } from 'nano402'
import { createDevnet, type Devnet } from 'nano402/devnet'
import { derivePrivateKey, type NanoAddress, type PrivateKey, raw, WORK_THRESHOLDS } from 'nano402/nano'
import { onTestFinished } from 'vitest'
import type { ChannelConfig, PayWordConfig } from '../../src/channel/config.ts'
import { randomHex } from '../../src/core/bytes.ts'
import { createPayouts, type Payouts } from '../../src/custody/payouts.ts'
import { type Audit, audit } from '../../src/issuer/audit.ts'
import { type Book, createBook } from '../../src/issuer/book.ts'
import { createWorkSource } from '../../src/wallet/work.ts'
import { accountOf, NOW_MS, paywordConfig } from '../channel/support.ts'

export const ISSUER_SEED = '9'.repeat(64)
export const ISSUER_KEY: PrivateKey = derivePrivateKey(ISSUER_SEED, 0)
export const [ALICE, BOB, SHOP] = ['1', '2', '3'].map(accountOf) as [NanoAddress, NanoAddress, NanoAddress]

/** Of a channel that no other test has. */
export const issuedConfig = (change: Partial<PayWordConfig> = {}): ChannelConfig =>
  paywordConfig({
    ...{ custodian: 'issuer', issuer: 'F'.repeat(64), payer: ALICE, payee: SHOP, refundTo: ALICE },
    ...{ root: randomHex(32).toUpperCase(), nonce: randomHex(16), ...change },
  })

/** What one process has. */
export interface Process {
  readonly book: Book
  readonly payouts: Payouts
}

export function startBook(options: {
  readonly store: Store
  readonly devnet: Devnet
  readonly now: () => number
  /** The store that payouts are kept in. */
  readonly payoutStore?: Store
}): Process {
  const { store, devnet, now, payoutStore = store } = options
  const work = createWorkSource('cpu', devnet, WORK_THRESHOLDS['nano:devnet'])
  const payouts = createPayouts({ key: ISSUER_KEY, node: devnet, work, store: payoutStore, leaseMs: 1_000 })
  return { book: createBook({ store, payouts, now }), payouts }
}

export interface Bank extends Process {
  readonly devnet: Devnet
  readonly clock: { nowMs: number }
  /** Sends to the issuer, and has it credited. */
  deposit(address: NanoAddress, amount: bigint): Promise<void>
  audit(): Promise<Audit>
}

/** An issuer's ledger on a devnet of its own, with a clock that a test moves. */
export function openBank(store: Store, clock = { nowMs: NOW_MS }): Bank {
  const devnet = createDevnet({ confirmMs: 0 })
  onTestFinished(() => devnet.close())
  const process = startBook({ store, devnet, now: () => clock.nowMs })
  return {
    ...process,
    devnet,
    clock,
    async deposit(address, amount) {
      const block = await devnet.faucet(process.payouts.address, raw(amount))
      await process.book.deposit(address, { block, amount })
    },
    audit: () => audit({ ...process, node: devnet }),
  }
}
