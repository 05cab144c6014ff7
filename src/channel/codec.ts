/** A channel's state as text, for a store. */
import { StoreError } from '../errors.ts'
import type { Channel, Payment } from './record.ts'

const PHASES = ['open', 'closing', 'refunding', 'closed', 'recovering'] as const
const STATES = ['held', 'released', 'charged'] as const

/** Of the form that follows. Another form takes another number, and a reader for both. */
const FORM = 1

type PaymentRow = [string, string, number, string, number, string, string, number]
type Row = [
  typeof FORM,
  number,
  number,
  string,
  readonly string[],
  string,
  string | null,
  string,
  readonly PaymentRow[],
  string,
  string | null,
]

/** A payment does not change; most of them were written with the state before this one. */
const written = new WeakMap<Payment, string>()

function encodePayment(payment: Payment): string {
  const known = written.get(payment)
  if (known !== undefined) return known
  const { id, fingerprint, state, owner, leaseEndsAtMs, reach, amount, attempts } = payment
  const row: PaymentRow = [
    ...([id, fingerprint, STATES.indexOf(state), owner, leaseEndsAtMs] as const),
    ...([String(reach), String(amount), attempts] as const),
  ]
  const text = JSON.stringify(row)
  written.set(payment, text)
  return text
}

export function encodeChannel(channel: Channel): string {
  const { phase, expiresAtMs, deposit, depositBlocks, authorized, proof, charged, payments, floor, refundBlock } =
    channel
  const head = [FORM, PHASES.indexOf(phase), expiresAtMs, String(deposit), depositBlocks, String(authorized)]
  const texts = [proof ?? null, String(charged)]
  const [start, end] = [JSON.stringify([...head, ...texts]), JSON.stringify([String(floor), refundBlock ?? null])]
  return `${start.slice(0, -1)},[${payments.map(encodePayment).join(',')}],${end.slice(1)}`
}

/** @throws {@link StoreError} (`ERR_STORE`) for what {@link encodeChannel} did not write. */
export function decodeChannel(text: string): Channel {
  try {
    const [form, phase, expiresAtMs, deposit, depositBlocks, authorized, proof, charged, rows, floor, refundBlock] =
      JSON.parse(text) as Row
    if (form !== FORM) throw new TypeError(`form ${form}`)
    return {
      phase: at(PHASES, phase),
      expiresAtMs,
      deposit: BigInt(deposit),
      depositBlocks,
      authorized: BigInt(authorized),
      proof: proof ?? undefined,
      charged: BigInt(charged),
      payments: rows.map(decodePayment),
      floor: BigInt(floor),
      refundBlock: refundBlock ?? undefined,
    }
  } catch (cause) {
    throw new StoreError('The store holds something else in the place of a channel.', { cause })
  }
}

function decodePayment([id, fingerprint, state, owner, leaseEndsAtMs, reach, amount, attempts]: PaymentRow): Payment {
  const amounts = { reach: BigInt(reach), amount: BigInt(amount) }
  return { id, fingerprint, state: at(STATES, state), owner, leaseEndsAtMs, ...amounts, attempts }
}

function at<T>(list: readonly T[], index: number): T {
  const value = list[index]
  if (value === undefined) throw new TypeError(`number ${index}`)
  return value
}
