/** A payment as text within its channel's. It is written with each state of the channel, and made when the payment changes. */
import type { Payment } from './channel.ts'

const STATES = ['held', 'released', 'charged'] as const

export type PaymentRow = [string, string, number, string, number, string, string, number]

/** The payment with its text. Its names are hex, in which nothing has to be escaped. */
export function written(payment: Omit<Payment, 'text'>): Payment {
  const { id, fingerprint, state, owner, leaseEndsAtMs, reach, amount, attempts } = payment
  const names = `"${id}","${fingerprint}",${STATES.indexOf(state)},"${owner}"`
  const text = `[${names},${leaseEndsAtMs},"${reach}","${amount}",${attempts}]`
  return { id, fingerprint, state, owner, leaseEndsAtMs, reach, amount, attempts, text }
}

/** The payment that a text, parsed, stands for. @throws `TypeError` */
export function readRow(row: PaymentRow): Payment {
  const [id, fingerprint, number, owner, leaseEndsAtMs, reach, amount, attempts] = row
  const state = STATES[number]
  if (state === undefined) throw new TypeError(`state ${number}`)
  const amounts = { reach: BigInt(reach), amount: BigInt(amount) }
  return written({ id, fingerprint, state, owner, leaseEndsAtMs, ...amounts, attempts })
}
