/** How much is deposited: what an offer suggests, as far as it and the budget go. What is decided on counts at once. */
import { type ChannelOffer, depositTag } from '../../channel/wire.ts'
import { type Raw, raw } from '../../nano/index.ts'
import { type Budget, overBudget } from '../budget.ts'
import { TAG_MODULUS } from '../offers.ts'
import type { ChannelBill } from './offers.ts'
import type { Tab } from './tab.ts'

export interface Sizing {
  /**
   * The suggested deposit, but not more than `most` or than the budget has left, and never less than is needed. With its tag.
   *
   * @throws `OverBudgetError` (`ERR_OVER_BUDGET`) when it may not be so much
   */
  size(bill: Pick<ChannelBill, 'terms'>, needed: bigint, most: bigint): Raw
  /** Counts a deposit until its channel does, which is when the answer is called. */
  decide(amount: Raw): () => void
}

/** @param tabs - All channels that are not closed. */
export function createSizing({
  budget,
  tabs,
}: {
  readonly budget: Pick<Budget, 'deposit'>
  readonly tabs: ReadonlySet<Tab>
}): Sizing {
  /** Deposits that are decided on, and not signed yet. */
  let pending = 0n

  /** What may still be deposited. */
  function left(): bigint {
    let sum = pending
    for (const tab of tabs) sum += tab.unspent()
    return (budget.deposit ?? 0n) - sum
  }

  return {
    size({ terms }, needed, most) {
      const tag = depositTag(terms.nonce)
      const down = (amount: bigint) => (amount < 0n ? 0n : amount - (amount % TAG_MODULUS))
      const lowest = leastDeposit(terms, needed)
      const wanted = lower(higher(BigInt(terms.suggestedDeposit), lowest), higher(down(most), lowest))
      const affordable = down(left() - tag)
      if (affordable < lowest) {
        throw overBudget({
          bound: 'deposit',
          asked: lowest + tag,
          left: higher(left(), 0n),
          limit: budget.deposit ?? 0n,
        })
      }
      return raw(lower(wanted, affordable) + tag)
    },
    decide(amount) {
      pending += amount
      let isPending = true
      return () => {
        if (isPending) pending -= amount
        isPending = false
      }
    },
  }
}

/** The least that can be deposited where so much is needed, without its tag. */
export function leastDeposit({ minDeposit, maxDeposit }: ChannelOffer, needed: bigint): bigint {
  const neat = ((needed + TAG_MODULUS - 1n) / TAG_MODULUS) * TAG_MODULUS
  return higher(BigInt(minDeposit), lower(neat, BigInt(maxDeposit)))
}

export const higher = (a: bigint, b: bigint) => (a > b ? a : b)
export const lower = (a: bigint, b: bigint) => (a < b ? a : b)
