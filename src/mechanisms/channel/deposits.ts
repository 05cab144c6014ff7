/** Deposits on the ledger: a confirmed send by the payer to the deposit account, within bounds, with the channel's tag. */
import type { Client } from '../../core/mechanism.ts'
import { TAG_MODULUS } from '../../core/quote.ts'
import { NodeUnavailableError } from '../../errors.ts'
import { addressToPublicKey, type BlockHash, type NanoAddress } from '../../nano/index.ts'
import type { Ledger, LedgerBlock } from '../../rpc/index.ts'
import { createLookupLimit, keyOf } from '../exact.ts'

/** What a deposit has to be. Amounts in raw. */
export interface DepositTerms {
  /** Whose lookups are counted: an offer's nonce, or a channel. */
  readonly asker: string
  readonly payer: NanoAddress
  readonly tag: bigint
  readonly min: bigint
  readonly max: bigint
}

export interface Deposits {
  /** What was deposited by this block, in raw, or why it is not one. Waits for its confirmation. */
  find(
    hash: BlockHash,
    terms: DepositTerms,
    client: Client,
  ): Promise<bigint | 'deposit_mismatch' | 'deposit_unconfirmed' | 'too_many_attempts'>
}

export function createDeposits(options: {
  readonly ledger: Ledger
  readonly account: NanoAddress
  readonly confirmTimeoutMs: number
}): Deposits {
  const { ledger, account, confirmTimeoutMs } = options
  const mayLookUp = createLookupLimit()

  /** Undefined: it is not a deposit. */
  function amountOf({ block, sent }: LedgerBlock, { payer, tag, min, max }: DepositTerms): bigint | undefined {
    if (block.type !== 'state' || sent === undefined || block.link !== keyOf(account)) return undefined
    if (addressToPublicKey(block.account) !== addressToPublicKey(payer)) return undefined
    const base = sent - tag
    return sent % TAG_MODULUS === tag && base >= min && base <= max ? sent : undefined
  }

  return {
    async find(hash, terms, client) {
      let found = ledger.peek(hash)
      if (found === undefined && !mayLookUp(terms.asker, hash)) return 'too_many_attempts'
      found ??= await ledger.find(hash, client.signal)
      if (!found?.confirmed && !(found && amountOf(found, terms) === undefined)) {
        const { signal } = client
        found = await ledger.waitConfirmed(hash, { timeoutMs: confirmTimeoutMs, ...(signal && { signal }) })
      }
      if (!found) return 'deposit_unconfirmed'
      const amount = amountOf(found, terms)
      if (amount === undefined) return 'deposit_mismatch'
      if (!found.confirmed) return 'deposit_unconfirmed'
      // Last, because it costs milliseconds, and anybody can present any public block.
      if (!found.isSigned())
        throw new NodeUnavailableError('The Nano node showed a deposit that its account did not sign.')
      return amount
    },
  }
}
