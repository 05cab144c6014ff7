/** The deposits of one channel: which were made, and which of them the payee has acknowledged. */
import { type BlockHash, hashBlock, parseBlock, type Raw, type StateBlock } from '../../nano/index.ts'
import type { PaymentRequirements } from '../../x402/shapes.ts'
import type { ChannelNote } from '../journal.ts'

export interface Deposit {
  readonly amount: bigint
  readonly block: StateBlock
  readonly hash: BlockHash
  /** What an issuer asked for it. Undefined: the payee holds it. */
  readonly offer?: PaymentRequirements | undefined
  readonly credited: boolean
}

export function createDepositList(noted: ChannelNote['deposits'] = []) {
  const deposits: Deposit[] = noted.map(({ amount, block, offer, credited }) => {
    const parsed = parseBlock(block) as StateBlock
    return { amount: BigInt(amount), block: parsed, hash: hashBlock(parsed), offer, credited }
  })
  return {
    /** The first one opens the channel. */
    all: deposits as readonly Deposit[],
    credited: () => deposits.reduce((sum, { amount, credited }) => (credited ? sum + amount : sum), 0n),
    deposited: () => deposits.reduce((sum, { amount }) => sum + amount, 0n),
    add: (block: StateBlock, amount: Raw, offer?: PaymentRequirements) =>
      void deposits.push({ amount, block, hash: hashBlock(block), offer, credited: false }),
    drop(hash: BlockHash) {
      const at = deposits.findIndex((deposit) => deposit.hash === hash)
      if (at >= 0) deposits.splice(at, 1)
    },
    credit(hash: BlockHash) {
      for (const [at, one] of deposits.entries()) if (one.hash === hash) deposits[at] = { ...one, credited: true }
    },
  }
}
