/** What is left with issuers when all channels are closed: too little for a withdrawal of its own, or of a channel that was lost. */
import { IssuerError } from '../../errors.ts'
import type { NanoAddress } from '../../nano/index.ts'
import type { PayerEvent } from '../events.ts'
import type { Balances } from './balances.ts'
import type { Issuing } from './issuing.ts'
import type { Refunds } from './refunds.ts'

export interface LeftoverOptions {
  readonly self: NanoAddress
  readonly issuing: Pick<Issuing, 'withdrawBalance' | 'accountOf'>
  readonly balances: Balances
  readonly refunds: Refunds
  readonly emit: (event: PayerEvent) => void
}

/** Has it paid out. Rejects with `IssuerError` (`ERR_ISSUER`) for the first issuer that does not. */
export function createLeftovers({ self, issuing, balances, refunds, emit }: LeftoverOptions) {
  async function withdraw(issuer: string): Promise<void> {
    const amount = await balances.spare(issuer)
    if (amount === 0n) return
    const block = await issuing.withdrawBalance(issuer, amount)
    if (block === undefined) return // too little beside what is about to be locked
    const way = { from: await issuing.accountOf(issuer), to: self }
    if ((await refunds.take(block, { ...way, amount })) !== 'taken') {
      throw new IssuerError('The issuer names a block for a withdrawal that the ledger does not have, or that is none.')
    }
    emit({ type: 'issuer-paid-out', issuer, amount, hash: block })
  }
  return async () => {
    const ended = await Promise.allSettled(balances.met().map(withdraw))
    const failed = ended.find((one) => one.status === 'rejected')
    if (failed) throw failed.reason
  }
}
