/**
 * An account at an issuer and every step it can take, as pure functions. A client and a vendor have the same kind. At every
 * moment `balance + locked = deposited + received - charged - withdrawn`, to the raw.
 *
 * What moves between two records is named in both until it is filed: see book.ts.
 */
import type { ChannelId } from '../channel/config.ts'
import type { NanoAddress } from '../nano/index.ts'

/** A key that may act for the account beside its own: plain Ed25519, 64 upper-case hex digits. */
export interface SessionKey {
  readonly key: string
  readonly expiresAtMs: number
}

/** Money set aside for one channel. Amounts in raw. */
export interface Lock {
  readonly channelId: ChannelId
  readonly payee: NanoAddress
  readonly amount: bigint
  /** From this instant on it is the payer's again (Unix time in ms). */
  readonly settleByMs: number
  /** `settled`: the payee gets `charged`, the rest is back in the balance. `returned`: all of it is. */
  readonly state: 'open' | 'settled' | 'returned'
  readonly charged: bigint
  /** What the payee showed for it, as JSON. */
  readonly proof: string | undefined
}

/** What a channel brought, and whose record has its lock. */
export interface Credit {
  readonly channelId: ChannelId
  readonly payer: NanoAddress
}

/** Debited, and on its way to the account on the ledger. */
export interface Withdrawal {
  /** Chosen by whoever withdraws. */
  readonly id: string
  readonly amount: bigint
}

/** One line of a statement. Lines are numbered from 0, and never change. */
export interface Line {
  readonly atMs: number
  readonly kind: 'deposit' | 'lock' | 'settle' | 'return' | 'credit' | 'withdrawal' | 'payout'
  /** What it did to the balance, in raw; with its sign. */
  readonly amount: bigint
  /** What the balance was afterwards. */
  readonly balance: bigint
  /** A block, a channel, or a withdrawal. */
  readonly reference: string
}

export interface Account {
  readonly address: NanoAddress
  readonly keys: readonly SessionKey[]
  /** Can be locked or withdrawn. */
  readonly balance: bigint
  /** Everything that ever was deposited, brought by channels, paid by channels, and withdrawn. */
  readonly deposited: bigint
  readonly received: bigint
  readonly charged: bigint
  readonly withdrawn: bigint
  /** What the proofs authorised that it was charged on. */
  readonly authorized: bigint
  /** Blocks of deposits that are credited and not filed yet. */
  readonly deposits: readonly string[]
  /** Of channels that it pays by, but for those that ended and are filed. */
  readonly locks: readonly Lock[]
  /** Of channels that it was paid by, whose locks may not be filed yet. */
  readonly credits: readonly Credit[]
  readonly withdrawals: readonly Withdrawal[]
  /** How many lines are not in `lines` any more, but in pages of their own. */
  readonly filed: number
  readonly lines: readonly Line[]
}

/** The account as it is now, and what there is to say. Refused, or nothing to do: the very account that was given. */
export interface Step<Result> {
  readonly account: Account
  readonly result: Result
}

export const stay = <Result>(account: Account, result: Result): Step<Result> => ({ account, result })

export const emptyAccount = (address: NanoAddress): Account => ({
  address,
  keys: [],
  balance: 0n,
  ...{ deposited: 0n, received: 0n, charged: 0n, withdrawn: 0n, authorized: 0n },
  ...{ deposits: [], locks: [], credits: [], withdrawals: [] },
  ...{ filed: 0, lines: [] },
})

/** More than so many at once go elsewhere: the record is written as a whole. */
export const MAX_LOCKS = 64
export const MAX_WITHDRAWALS = 8
export const MAX_KEYS = 8

/** So many lines make a page. */
export const PAGE = 32

export const locked = ({ locks }: Account): bigint =>
  locks.reduce((sum, { state, amount }) => (state === 'open' ? sum + amount : sum), 0n)

/** Whether the identity above holds, and nothing is below zero. */
export const addsUp = (account: Account): boolean => {
  const { balance, deposited, received, charged, withdrawn, lines } = account
  const isStated = lines.length === 0 || lines.at(-1)?.balance === balance
  return balance >= 0n && isStated && balance + locked(account) === deposited + received - charged - withdrawn
}

/** Whether money was ever here: such an account is kept for good. */
export const isFunded = ({ deposited, received }: Account): boolean => deposited + received > 0n

type Note = Pick<Line, 'atMs' | 'kind' | 'amount' | 'reference'>

/** Changes the balance and says so. */
function note(account: Account, { atMs, kind, amount, reference }: Note): Account {
  const balance = account.balance + amount
  return { ...account, balance, lines: [...account.lines, { atMs, kind, amount, balance, reference }] }
}

/** Takes the place of the keys that were there. */
export const setKeys = (account: Account, keys: readonly SessionKey[]): Account => ({ ...account, keys })

export function deposit(
  before: Account,
  { block, amount, atMs }: { readonly block: string; readonly amount: bigint; readonly atMs: number },
): Step<void> {
  if (before.deposits.includes(block)) return stay(before, undefined)
  const account = note(before, { atMs, kind: 'deposit', amount, reference: block })
  const deposited = account.deposited + amount
  return stay({ ...account, deposited, deposits: [...account.deposits, block] }, undefined)
}

/** It is in the file now. */
export const forgetDeposit = (account: Account, block: string): Account =>
  account.deposits.includes(block) ? { ...account, deposits: account.deposits.filter((one) => one !== block) } : account

export type LockRefusal = 'insufficient_balance' | 'too_many_channels' | 'channel_conflict' | 'channel_closed'

/** Checks the balance and locks the amount, or neither. The same again: `locked` again. */
export function lock(
  before: Account,
  order: Pick<Lock, 'channelId' | 'payee' | 'amount' | 'settleByMs'> & { readonly atMs: number },
): Step<LockRefusal | 'locked'> {
  const { channelId, payee, amount, settleByMs, atMs } = order
  const account = returnExpired(before, atMs)
  const known = account.locks.find((one) => one.channelId === channelId)
  if (known) {
    if (known.state !== 'open') return stay(account, 'channel_closed')
    return stay(account, known.amount === amount ? 'locked' : 'channel_conflict')
  }
  if (amount > account.balance) return stay(account, 'insufficient_balance')
  if (account.locks.length >= MAX_LOCKS) return stay(account, 'too_many_channels')
  const opened: Lock = { channelId, payee, amount, settleByMs, state: 'open', charged: 0n, proof: undefined }
  const noted = note(account, { atMs, kind: 'lock', amount: -amount, reference: channelId })
  return stay({ ...noted, locks: [...account.locks, opened] }, 'locked')
}

export const lockIn = (account: Account | undefined, channelId: ChannelId): Lock | undefined =>
  account?.locks.find((one) => one.channelId === channelId)

const replace = (account: Account, lock: Lock, change: Partial<Lock>): Account => ({
  ...account,
  locks: account.locks.map((one) => (one === lock ? { ...lock, ...change } : one)),
})

/** Gives back what no payee has redeemed in time. */
export function returnExpired(before: Account, nowMs: number): Account {
  let account = before
  for (const lock of before.locks) {
    if (lock.state !== 'open' || lock.settleByMs > nowMs) continue
    const { amount, channelId } = lock
    account = note(replace(account, lock, { state: 'returned' }), {
      ...{ atMs: nowMs, kind: 'return', amount, reference: channelId },
    })
  }
  return account
}

export type SettleRefusal = 'channel_not_found' | 'channel_closed' | 'settle_window' | 'exceeds_lock'

/**
 * Ends a channel: the payee is owed `charged`, and the rest is back in the balance, in this one step. The same again:
 * `settled` again. From here on the charge is named by the lock until it is in the payee's record.
 */
export function settle(
  before: Account,
  order: {
    readonly channelId: ChannelId
    readonly charged: bigint
    /** What the proof is worth. */
    readonly authorized: bigint
    readonly proof: string | undefined
    readonly atMs: number
  },
): Step<SettleRefusal | 'settled'> {
  const { channelId, charged, authorized, proof, atMs } = order
  const account = returnExpired(before, atMs)
  const known = account.locks.find((one) => one.channelId === channelId)
  if (known === undefined) return stay(account, 'channel_not_found')
  if (known.state === 'settled') return stay(account, known.charged === charged ? 'settled' : 'channel_closed')
  if (known.state === 'returned') return stay(account, 'settle_window')
  if (charged > known.amount) return stay(account, 'exceeds_lock')
  const settled = replace(account, known, { state: 'settled', charged, proof })
  const noted = note(settled, { atMs, kind: 'settle', amount: known.amount - charged, reference: channelId })
  const sums = { charged: account.charged + charged, authorized: account.authorized + authorized }
  return stay({ ...noted, ...sums }, 'settled')
}

/** How the channel ended is filed, and its payee has been credited. */
export const forgetLock = (account: Account, channelId: ChannelId): Account => {
  const ended = account.locks.find((one) => one.channelId === channelId && one.state !== 'open')
  return ended ? { ...account, locks: account.locks.filter((one) => one !== ended) } : account
}

/** Credits what a channel brought. The same channel again brings nothing. */
export function credit(
  before: Account,
  { channelId, payer, amount, atMs }: Credit & { readonly amount: bigint; readonly atMs: number },
): Account {
  if (before.credits.some((one) => one.channelId === channelId)) return before
  const account = note(before, { atMs, kind: 'credit', amount, reference: channelId })
  const credits = [...account.credits, { channelId, payer }]
  return { ...account, received: account.received + amount, credits }
}

/** The payer's record does not name the channel any more. */
export const forgetCredit = (account: Account, channelId: ChannelId): Account =>
  account.credits.some((one) => one.channelId === channelId)
    ? { ...account, credits: account.credits.filter((one) => one.channelId !== channelId) }
    : account

export type WithdrawRefusal = 'insufficient_balance' | 'too_many_withdrawals' | 'withdrawal_conflict'

/** Debits what is to be paid out. The same again: `debited` again, and once. */
export function withdraw(
  before: Account,
  { id, amount, atMs }: Withdrawal & { readonly atMs: number },
): Step<WithdrawRefusal | 'debited'> {
  const account = returnExpired(before, atMs)
  const known = account.withdrawals.find((one) => one.id === id)
  if (known) return stay(account, known.amount === amount ? 'debited' : 'withdrawal_conflict')
  if (amount > account.balance) return stay(account, 'insufficient_balance')
  if (account.withdrawals.length >= MAX_WITHDRAWALS) return stay(account, 'too_many_withdrawals')
  const noted = note(account, { atMs, kind: 'withdrawal', amount: -amount, reference: id })
  const withdrawals = [...account.withdrawals, { id, amount }]
  return stay({ ...noted, withdrawn: account.withdrawn + amount, withdrawals }, 'debited')
}

/** It was paid by this block, which is confirmed and filed. */
export function forgetWithdrawal(
  account: Account,
  { id, block, atMs }: { readonly id: string; readonly block: string; readonly atMs: number },
): Account {
  if (!account.withdrawals.some((one) => one.id === id)) return account
  const noted = note(account, { atMs, kind: 'payout', amount: 0n, reference: block })
  return { ...noted, withdrawals: account.withdrawals.filter((one) => one.id !== id) }
}

/** The lines of the next page, once there are two. */
export const nextPage = ({
  lines,
  filed,
}: Account): { readonly page: number; readonly lines: readonly Line[] } | undefined =>
  lines.length >= 2 * PAGE ? { page: filed / PAGE, lines: lines.slice(0, PAGE) } : undefined

/** That page has its own record now. */
export const forgetPage = (account: Account, page: number): Account =>
  account.filed / PAGE === page && account.lines.length >= PAGE
    ? { ...account, filed: account.filed + PAGE, lines: account.lines.slice(PAGE) }
    : account
