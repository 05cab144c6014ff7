/** Sends for no request: what a wallet does. */
import { NodeUnavailableError, SendUncertainError } from '../errors.ts'
import { type BlockHash, nanoAddress, type Raw, raw } from '../nano/index.ts'
import type { Ledger } from '../rpc/index.ts'
import type { Wallet } from '../wallet/wallet.ts'
import type { PayerEvent } from './events.ts'

/** What to send, and to whom. */
export interface TransferOrder {
  /** An account. */
  readonly to: string
  /** In raw. */
  readonly amount: bigint
  /** Gives up, but only until the block is signed. */
  readonly signal?: AbortSignal
}

/** A send that the network has. `amount` in raw. */
export interface Transfer {
  readonly hash: BlockHash
  readonly amount: Raw
  /** Whether it was confirmed in the time that was given to it. It can still be later. */
  readonly confirmed: boolean
}

export interface TransferOptions {
  readonly wallet: Wallet
  readonly ledger: Ledger
  readonly confirmTimeoutMs: number
  readonly emit: (event: PayerEvent) => void
}

export function createTransfers({ wallet, ledger, confirmTimeoutMs, emit }: TransferOptions) {
  return {
    async send({ to, amount, signal = new AbortController().signal }: TransferOrder): Promise<Transfer> {
      const sending = { to: nanoAddress(to), amount: raw(amount), signal }
      const sent = await wallet.send({ ...sending, beforeSigning: () => {}, onSigned: async () => {} })
      const { block, hash, failure } = sent
      if (failure !== undefined) {
        const fate = await wallet.recover(block, { mayPublish: false }).catch(() => 'undecided' as const)
        if (fate === 'void') {
          throw new NodeUnavailableError(
            'Another wallet used the account at the same moment: nothing was sent. Try again.',
          )
        }
        // A refusal proves nothing either: another node may have taken the block before this one was asked.
        if (fate !== 'published' && fate !== 'confirmed') {
          throw new SendUncertainError(
            `A send was signed, and it is not known whether the network has it. Look block ${hash} up before you send again.`,
            hash,
            { cause: failure },
          )
        }
      }
      emit({ type: 'published', hash })
      const startMs = performance.now()
      const seen = await ledger.waitConfirmed(hash, { timeoutMs: confirmTimeoutMs }).catch(() => undefined)
      const confirmed = seen?.confirmed ?? false
      if (confirmed) emit({ type: 'confirmed', hash, ms: Math.round(performance.now() - startMs) })
      return { hash, amount: sending.amount, confirmed }
    },
  }
}
