/** An account's state, and pages of its statement, as text for a store. */

import { StoreError } from '../errors.ts'
import type { NanoAddress } from '../nano/index.ts'
import type { Account, Line, Lock } from './account.ts'

/** Of the form that follows. Another form takes another number, and a reader for both. */
const FORM = 1

const KINDS = ['deposit', 'lock', 'settle', 'return', 'credit', 'withdrawal', 'payout'] as const
const STATES = ['open', 'settled', 'returned'] as const

type LineRow = [number, number, string, string, string]
type LockRow = [string, string, string, number, number, string, string | null]

const lineRow = ({ atMs, kind, amount, balance, reference }: Line): LineRow => [
  ...([atMs, KINDS.indexOf(kind), String(amount), String(balance), reference] as const),
]
const readLine = ([atMs, kind, amount, balance, reference]: LineRow): Line => {
  return { atMs, kind: at(KINDS, kind), amount: BigInt(amount), balance: BigInt(balance), reference }
}

const lockRow = ({ channelId, payee, amount, settleByMs, state, charged, proof }: Lock): LockRow => [
  ...([channelId, payee, String(amount), settleByMs, STATES.indexOf(state), String(charged), proof ?? null] as const),
]
const readLock = ([channelId, payee, amount, settleByMs, state, charged, proof]: LockRow): Lock => ({
  ...{ channelId, payee: payee as NanoAddress, amount: BigInt(amount), settleByMs },
  ...{ state: at(STATES, state), charged: BigInt(charged), proof: proof ?? undefined },
})

export const encodeAccount = (account: Account): string =>
  JSON.stringify({
    form: FORM,
    ...account,
    balance: String(account.balance),
    deposited: String(account.deposited),
    received: String(account.received),
    charged: String(account.charged),
    withdrawn: String(account.withdrawn),
    authorized: String(account.authorized),
    locks: account.locks.map(lockRow),
    withdrawals: account.withdrawals.map(({ id, amount }) => [id, String(amount)]),
    lines: account.lines.map(lineRow),
  })

/** @throws {@link StoreError} (`ERR_STORE`) for what {@link encodeAccount} did not write. */
export function decodeAccount(text: string): Account {
  return reading(() => {
    const { form, ...stored } = JSON.parse(text)
    if (form !== FORM) throw new TypeError(`form ${form}`)
    return {
      ...(stored as Account),
      balance: BigInt(stored.balance),
      deposited: BigInt(stored.deposited),
      received: BigInt(stored.received),
      charged: BigInt(stored.charged),
      withdrawn: BigInt(stored.withdrawn),
      authorized: BigInt(stored.authorized),
      locks: (stored.locks as LockRow[]).map(readLock),
      withdrawals: (stored.withdrawals as [string, string][]).map(([id, amount]) => ({ id, amount: BigInt(amount) })),
      lines: (stored.lines as LineRow[]).map(readLine),
    }
  })
}

export const encodeLines = (lines: readonly Line[]): string => JSON.stringify(lines.map(lineRow))

/** @throws {@link StoreError} (`ERR_STORE`) for what {@link encodeLines} did not write. */
export const decodeLines = (text: string): readonly Line[] =>
  reading(() => (JSON.parse(text) as LineRow[]).map(readLine))

function reading<T>(read: () => T): T {
  try {
    return read()
  } catch (cause) {
    throw new StoreError('The store holds something else in the place of an account.', { cause })
  }
}

function at<T>(list: readonly T[], index: number): T {
  const value = list[index]
  if (value === undefined) throw new TypeError(`number ${index}`)
  return value
}
