/** The deposits of one channel: which were made, and which of them the payee has acknowledged. */
import { type BlockHash, hashBlock, parseBlock, type Raw, type StateBlock } from '../../nano/index.ts'
import type { PaymentRequirements } from '../../x402/shapes.ts'
import type { ChannelNote } from '../journal.ts'

export interface Deposit {
  readonly amount: bigint
  /** Undefined: it was locked out of what the account had with an issuer already. */
  readonly block: StateBlock | undefined
  readonly hash: BlockHash | undefined
  /** What an issuer asked for it. Undefined: the payee holds it. */
  readonly offer?: PaymentRequirements | undefined
  readonly credited: boolean
}

export interface NewDeposit {
  readonly amount: Raw
  readonly block?: StateBlock
  readonly offer?: PaymentRequirements | undefined
}

export function createDepositList(noted: ChannelNote['deposits'] = []) {
  const deposits: Deposit[] = noted.map(({ amount, block, offer, credited }) => {
    const parsed = block && (parseBlock(block) as StateBlock)
    return { amount: BigInt(amount), block: parsed, hash: parsed && hashBlock(parsed), offer, credited }
  })
  return {
    /** The first one opens the channel. */
    all: deposits as readonly Deposit[],
    credited: () => deposits.reduce((sum, { amount, credited }) => (credited ? sum + amount : sum), 0n),
    deposited: () => deposits.reduce((sum, { amount }) => sum + amount, 0n),
    add: ({ block, amount, offer }: NewDeposit) =>
      void deposits.push({ amount, block, hash: block && hashBlock(block), offer, credited: false }),
    drop(hash: BlockHash | undefined) {
      const at = deposits.findIndex((deposit) => deposit.hash === hash)
      if (at >= 0) deposits.splice(at, 1)
    },
    credit(hash: BlockHash | undefined) {
      for (const [at, one] of deposits.entries()) if (one.hash === hash) deposits[at] = { ...one, credited: true }
    },
  }
}
