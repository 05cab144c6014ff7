/** Waits for confirmations, but not for ever: the server waits too, and says 503 until then. */
import { type BlockHash, blockHash } from '../nano/index.ts'
import type { Ledger } from '../rpc/index.ts'
import type { PayerEvent } from './events.ts'
import type { Payment } from './payment.ts'
import type { Payments } from './payments.ts'

export interface Confirm {
  /**
   * Resolves when the payment is confirmed and noted as such, or when the time is up. Of a block that is to be handed over,
   * it is the one before that has to be confirmed. Never rejects for the node.
   */
  before(payment: Payment, signal?: AbortSignal): Promise<void>
  /** Ends the payment's turn when our own node has the block, or when the time is up. Never rejects. */
  after(payment: Payment): Promise<void>
}

export interface ConfirmOptions {
  readonly ledger: Ledger
  readonly payments: Payments
  readonly confirmTimeoutMs: number
  readonly emit: (event: PayerEvent) => void
}

export function createConfirm({ ledger, payments, confirmTimeoutMs, emit }: ConfirmOptions): Confirm {
  const isConfirmed = async (hash: BlockHash, signal?: AbortSignal) => {
    const limits = { timeoutMs: confirmTimeoutMs, ...(signal && { signal }) }
    const block = await ledger.waitConfirmed(hash, limits).catch(() => undefined)
    return block?.confirmed === true
  }
  return {
    async before(payment, signal) {
      const { state, unfinished } = payment.entry()
      if (state === 'confirmed') return
      if (state === 'signed' && unfinished.publisher === 'server') {
        await isConfirmed(blockHash(unfinished.block.previous), signal)
        return
      }
      const startMs = performance.now()
      if (!(await isConfirmed(payment.hash, signal))) return
      await payments.mark(payment, 'confirmed')
      emit({ type: 'confirmed', hash: payment.hash, ms: Math.round(performance.now() - startMs) })
    },
    async after(payment) {
      payment.endTurn((await isConfirmed(payment.hash)) ? 'confirmed' : 'unknown')
    },
  }
}
