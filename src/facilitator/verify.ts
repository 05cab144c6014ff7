/** Would a payment be taken? Asks the network and the store, and changes nothing. */
import { checkPayment, isFromBeforeReset } from '../core/check.ts'
import { isRefusal, type RefusalCode } from '../core/refusal.ts'
import type { VerifyResponse } from '../x402/shapes.ts'
import { explain, type FacilitatorRequest, readCall } from './call.ts'
import type { Counter } from './counter.ts'

export async function verifyPayment(unread: FacilitatorRequest, counter: Counter): Promise<VerifyResponse> {
  const invalid = (code: RefusalCode): VerifyResponse => ({
    isValid: false,
    invalidReason: code,
    invalidMessage: explain(code, counter),
  })
  const call = await readCall(unread, counter)
  if (typeof call === 'string') return invalid(call)
  const { payment, request, till } = call
  const checked = await checkPayment(payment, request, till)
  if (isRefusal(checked)) return invalid(checked.code)
  const { quote, verified, isTooLate } = checked
  const payer = verified.payer === undefined ? {} : { payer: verified.payer }
  if (isTooLate) return { ...invalid('session_expired'), ...payer }
  if (await isFromBeforeReset(quote, till)) return { ...invalid('store_reset'), ...payer }
  for (const id of verified.ids) {
    if ((await till.store.inspect(id))?.state === 'spent') return { ...invalid('payment_already_spent'), ...payer }
  }
  return { isValid: true, ...payer }
}
