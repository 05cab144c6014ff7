/** Deposits: exact, in the journal before they are published, and made once, whatever happens in between. */
import { NodeUnavailableError } from '../../errors.ts'
import type { BlockHash, NanoAddress, Raw, StateBlock } from '../../nano/index.ts'
import type { Ledger } from '../../rpc/index.ts'
import { decidedFate } from '../../wallet/fate.ts'
import type { Wallet } from '../../wallet/wallet.ts'

export interface DepositOrder {
  readonly to: NanoAddress
  readonly amount: Raw
  readonly signal: AbortSignal
  /** Writes it to the journal. */
  readonly onSigned: (block: StateBlock) => Promise<void>
}

export interface Deposits {
  /** Sends it. Undefined: another wallet of the account took its place, and nothing was sent. */
  send(order: DepositOrder): Promise<BlockHash | undefined>
  /** Sees to it that one that was signed earlier is in the ledger. False: it never can be. */
  revive(block: StateBlock): Promise<boolean>
  /** Waits for its confirmation, but not for ever: the payee waits as well. */
  confirmed(hash: BlockHash, signal?: AbortSignal): Promise<void>
}

export function createDeposits(options: {
  readonly wallet: Wallet
  readonly ledger: Ledger
  readonly confirmTimeoutMs: number
}): Deposits {
  const { wallet, ledger, confirmTimeoutMs } = options

  async function revive(block: StateBlock): Promise<boolean> {
    const fate = await decidedFate(wallet, block, { mayPublish: true, timeoutMs: confirmTimeoutMs })
    if (fate === 'published' || fate === 'confirmed') return true
    if (fate === 'void') return false
    throw new NodeUnavailableError(
      'A deposit was signed, and the Nano node does not show what became of it. Try again.',
    )
  }

  return {
    revive,
    async send({ to, amount, signal, onSigned }) {
      const { block, hash, failure } = await wallet.send({ to, amount, signal, beforeSigning: () => {}, onSigned })
      if (failure === undefined) return hash
      return (await revive(block)) ? hash : undefined
    },
    async confirmed(hash, signal) {
      const limits = { timeoutMs: confirmTimeoutMs, ...(signal && { signal }) }
      await ledger.waitConfirmed(hash, limits).catch(() => undefined)
    },
  }
}
