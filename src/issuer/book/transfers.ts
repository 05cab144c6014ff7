/** Money that comes into an issuer's ledger and leaves it: deposits, and withdrawals to the ledger of Nano. */
import type { Store, Versioned } from '../../core/store.ts'
import type { Payouts } from '../../custody/payouts.ts'
import { InvalidValueError } from '../../errors.ts'
import type { BlockHash, NanoAddress, Raw } from '../../nano/index.ts'
import * as step from '../account.ts'
import { type Accounts, FOREVER_MS } from './accounts.ts'
import type { Statements } from './statements.ts'

/** Each rejects with `StoreError` when the store does not answer. Asked again, it goes on from there. */
export interface Transfers {
  /** Credits a block that was sent to us for this account. The same block again credits nothing. */
  deposit(address: NanoAddress, sent: { readonly block: string; readonly amount: bigint }): Promise<step.Account>
  /** Has it known for good whose the block is. */
  fileDeposit(address: NanoAddress, block: string): Promise<step.Account>
  /** Debits what is to be paid out. The same again: what became of it. */
  withdraw(
    address: NanoAddress,
    order: step.Withdrawal,
  ): Promise<step.WithdrawRefusal | 'debited' | { readonly block: BlockHash }>
  withdrawal(
    address: NanoAddress,
    id: string,
  ): Promise<{ readonly amount: string; readonly block: BlockHash } | undefined>
  /** Makes the payments that the account waits for. False: some are not confirmed yet. */
  payOut(address: NanoAddress): Promise<boolean>
}

export interface TransfersOptions {
  readonly store: Store
  readonly accounts: Accounts
  readonly statements: Statements
  readonly payouts: Pick<Payouts, 'pay'>
  readonly now: () => number
}

const depositKey = (block: string) => `issuer-deposit:${block}`
const withdrawalKey = (address: NanoAddress, id: string) => `issuer-withdrawal:${address}:${id}`

/** What the payouts call a withdrawal. */
export const payoutName = (address: NanoAddress, id: string): string => `withdrawal:${address}:${id}`

export function createTransfers({ store, accounts, statements, payouts, now }: TransfersOptions): Transfers {
  const { read, change, alter, enlist } = accounts
  const readAs = <T>(found: Versioned | undefined): T | undefined => found && (JSON.parse(found.value) as T)
  async function fileDeposit(address: NanoAddress, block: string): Promise<step.Account> {
    await store.write(depositKey(block), 0, address, FOREVER_MS)
    return alter(address, (account) => step.forgetDeposit(account, block))
  }

  const withdrawal = async (address: NanoAddress, id: string) =>
    readAs<{ readonly amount: string; readonly block: BlockHash }>(await store.read(withdrawalKey(address, id)))

  return {
    async deposit(address, { block, amount }) {
      await enlist(address)
      const owner = await change(address, async (account) => {
        if (account.deposits.includes(block)) return step.stay(account, address)
        const filed = await store.read(depositKey(block))
        if (filed) return step.stay(account, filed.value)
        const { account: after } = step.deposit(account, { block, amount, atMs: now() })
        return step.stay<string>(after, address)
      })
      if (owner !== address) throw new InvalidValueError('This block was credited to another account.')
      const account = await fileDeposit(address, block)
      await statements.file(address)
      return account
    },

    fileDeposit,

    async withdraw(address, order) {
      const result = await change<Awaited<ReturnType<Transfers['withdraw']>>>(address, async (account) => {
        const filed = account.withdrawals.some(({ id }) => id === order.id)
          ? undefined
          : await withdrawal(address, order.id)
        if (filed === undefined) return step.withdraw(account, { ...order, atMs: now() })
        return step.stay(
          account,
          filed.amount === String(order.amount) ? { block: filed.block } : 'withdrawal_conflict',
        )
      })
      await statements.file(address)
      return result
    },
    withdrawal,

    async payOut(address) {
      const pay = async ({ id, amount }: step.Withdrawal) => {
        const paid = await payouts.pay({ id: payoutName(address, id), to: address, amount: amount as Raw })
        if (!paid.confirmed) return false
        const filed = { amount: String(amount), block: paid.hash }
        await store.write(withdrawalKey(address, id), 0, JSON.stringify(filed), FOREVER_MS)
        await alter(address, (account) => step.forgetWithdrawal(account, { id, block: paid.hash, atMs: now() }))
        return true
      }
      const arePaid = await Promise.all(((await read(address))?.withdrawals ?? []).map(pay))
      await statements.file(address)
      return arePaid.every((isPaid) => isPaid)
    },
  }
}
