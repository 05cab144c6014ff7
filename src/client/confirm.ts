/** Waits for a payment's confirmation, but not for ever: the server waits too, and says 503 until then. */
import type { Ledger } from '../rpc/index.ts'
import type { PayerEvent } from './events.ts'
import type { Payment, Payments } from './payments.ts'

export type Confirm = (payment: Payment, signal?: AbortSignal) => Promise<void>

export interface ConfirmOptions {
  readonly ledger: Ledger
  readonly payments: Payments
  readonly confirmTimeoutMs: number
  readonly emit: (event: PayerEvent) => void
}

/** Resolves when the payment is confirmed and noted as such, or when the time is up. Never rejects for the node. */
export function createConfirm({ ledger, payments, confirmTimeoutMs, emit }: ConfirmOptions): Confirm {
  return async (payment, signal) => {
    if (payment.entry().state === 'confirmed') return
    const startMs = performance.now()
    const limits = { timeoutMs: confirmTimeoutMs, ...(signal && { signal }) }
    const block = await ledger.waitConfirmed(payment.hash, limits).catch(() => undefined)
    if (!block?.confirmed) return
    await payments.mark(payment, 'confirmed')
    emit({ type: 'confirmed', hash: payment.hash, ms: Math.round(performance.now() - startMs) })
  }
}
