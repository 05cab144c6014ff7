/**
 * Takes a payment for a stock x402 server: once. Whoever asks again is refused, but for the server that took it and asks
 * under the id it drew then: that is the same settlement, whose answer may have got lost.
 */
import { checkPayment, chooseMechanism } from '../core/check.ts'
import { stepsIn } from '../core/claims.ts'
import { isRefusal, type RefusalCode } from '../core/refusal.ts'
import type { Owner } from '../core/store.ts'
import { takePayment } from '../core/take.ts'
import { InvalidValueError } from '../errors.ts'
import type { SettlementResponse } from '../x402/shapes.ts'
import { type Call, explain, type FacilitatorRequest, readCall } from './call.ts'
import type { Counter } from './counter.ts'

/** What `POST /settle` is asked. */
export interface SettleRequest extends FacilitatorRequest {
  /** 16 to 128 of `[A-Za-z0-9_-]`, drawn at random by the resource server for each request. */
  readonly settlementId?: string | undefined
}

const SETTLEMENT_ID = /^[A-Za-z0-9_-]{16,128}$/

/** @throws `InvalidValueError` for a settlement id that has not its form. */
export async function settlePayment(unread: SettleRequest, counter: Counter): Promise<SettlementResponse> {
  const { settlementId } = unread
  if (settlementId !== undefined && !SETTLEMENT_ID.test(settlementId)) {
    throw new InvalidValueError('A settlementId is 16 to 128 of A-Z, a-z, 0-9, _ and -.')
  }
  const call = await readCall(unread, counter)
  if (typeof call === 'string') return failed(call, counter)
  const owner = settlementId === undefined ? undefined : counter.owner('settlement', settlementId)
  const taken = await takePayment(call.payment, call.request, call.till, owner)
  if (isRefusal(taken)) {
    const mayBeOurs = taken.code === 'payment_already_spent' && owner !== undefined
    return (mayBeOurs && (await settledBefore(owner, call))) || failed(taken.code, counter, call)
  }
  const { claims, settled } = taken
  await claims.commit()
  await settled.commit()
  await claims.noteDelivery?.() // what was bought here is the settlement: what comes after it is the server's
  return settled.settlement
}

/** The settlement that this owner was given for this payment; undefined when another took it. */
async function settledBefore(owner: Owner, { payment, request, till }: Call): Promise<SettlementResponse | undefined> {
  const checked = await checkPayment(payment, request, till)
  if (isRefusal(checked)) return undefined
  const { verified, keepUntilMs } = checked
  if (!(await stepsIn(till.store, { ids: verified.ids, owner, keepUntilMs }).commit())) return undefined
  const settled = await verified.settle(request)
  return isRefusal(settled) ? undefined : settled.settlement
}

const failed = (code: RefusalCode, counter: Counter, call?: Call): SettlementResponse => ({
  success: false,
  errorReason: code,
  errorMessage: explain(code, counter),
  transaction: code === 'settlement_pending' && call ? transactionOf(call) : '',
  network: counter.network,
})

/** x402's server asks once more for a payment that is pending, if it is told which. */
function transactionOf({ payment, till }: Call): string {
  const chosen = chooseMechanism(payment, till)
  return typeof chosen === 'string' ? '' : (chosen.proof.hash ?? '')
}
