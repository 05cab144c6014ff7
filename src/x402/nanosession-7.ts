/**
 * NanoSession revision 7 as a wire: x402 version 2, but that a payload may be a block's hash alone, with the session id
 * in the echoed offer.
 */
import { isFields, sessionPayment } from './session.ts'
import type { ClientWire, Wire } from './wire.ts'
import { x402, x402Client } from './x402.ts'

export const nanoSession7: Wire = {
  ...x402,

  read(headers) {
    const payment = x402.read(headers)
    if (payment === undefined || typeof payment === 'string') return payment
    const { accepted, payload } = payment
    const [name, ...others] = Object.keys(payload)
    if ((name !== 'proof' && name !== 'blockHash') || others.length > 0) return payment
    const session = accepted.extra?.nanoSession
    return isFields(session) && session.id !== undefined
      ? { ...payment, ...sessionPayment(payload[name], session.id, accepted) }
      : 'session_id_required'
  },
}

export const nanoSession7Client: ClientWire = {
  readBill: (bill) => x402Client.readBill(bill),

  present(payment) {
    const { proof } = payment.payload
    return x402Client.present(proof === undefined ? payment : { ...payment, payload: { proof } })
  },
}
