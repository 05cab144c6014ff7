/**
 * The issuer's ledger: accounts in a store, and money that moves between them. Every step is one atomic write of one record.
 *
 * Where two records are concerned, what moves is named in the first one, then in the second, then its end is filed in a
 * record of its own, and only then the first one forgets its name, and the second one last. So a process that is killed
 * anywhere leaves a name behind, and whoever comes next goes on from there. And nothing moves twice: whoever adds a name
 * looks first where it would be if it had been there before, and its write succeeds only if nothing changed meanwhile.
 */
import type { Store } from '../core/store.ts'
import type { Payouts } from '../custody/payouts.ts'
import type { NanoAddress } from '../nano/index.ts'
import * as step from './account.ts'
import { type Collected, createAccounts } from './book/accounts.ts'
import { createLocks, type Locks } from './book/locks.ts'
import { createStatements, type Statement } from './book/statements.ts'
import { createTransfers, type Transfers } from './book/transfers.ts'

export interface BookOptions {
  readonly store: Store
  /** Pays out of the account that the deposits went to. */
  readonly payouts: Pick<Payouts, 'pay'>
  /** The clock: Unix time in ms. */
  readonly now?: () => number
}

/** Each rejects with `StoreError` when the store does not answer. Asked again, it goes on from there. */
export interface Book extends Omit<Locks, 'finish'>, Omit<Transfers, 'fileDeposit'> {
  account(address: NanoAddress): Promise<step.Account | undefined>
  /** Says which keys may act for the account beside its own, and nothing else does from then on. */
  register(address: NanoAddress, keys: readonly step.SessionKey[]): Promise<step.Account>
  /** Carries on with whatever a process left behind, and gives back what nobody redeemed. */
  tidy(address: NanoAddress): Promise<void>
  /** Every account that ever held money. */
  addresses(): AsyncIterable<NanoAddress>
  statement(address: NanoAddress, before?: number): Promise<Statement>
  collect(): Promise<Collected>
}

export function createBook({ store, payouts, now = Date.now }: BookOptions): Book {
  const accounts = createAccounts(store, now)
  const statements = createStatements(store, accounts)
  const { finish, ...locks } = createLocks({ store, accounts, statements, now })
  const { fileDeposit, ...transfers } = createTransfers({ store, accounts, statements, payouts, now })
  const { alter } = accounts

  return {
    account: accounts.read,
    register: (address, keys) => alter(address, (account) => step.setKeys(account, keys)),
    ...locks,
    ...transfers,
    async tidy(address) {
      if (!(await accounts.read(address))) return
      const { deposits, locks: begun, credits } = await alter(address, (account) => step.returnExpired(account, now()))
      for (const block of deposits) await fileDeposit(address, block)
      for (const lock of begun) if (lock.state !== 'open') await finish(address, lock)
      for (const { channelId: id, payer } of credits) {
        const lock = step.lockIn(await accounts.read(payer), id)
        if (lock) await finish(payer, lock)
        else await alter(address, (account) => step.forgetCredit(account, id))
      }
      await statements.file(address)
    },

    addresses: accounts.addresses,
    statement: statements.read,
    collect: accounts.collect,
  }
}
