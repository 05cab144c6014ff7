/** Withdrawals at an issuer, and what it does by itself: it pays out, carries on, gives back, and pockets what was sent. */
import type { Payouts } from '../custody/payouts.ts'
import type { NanoAddress } from '../nano/index.ts'
import { unref } from '../rpc/wait.ts'
import type { Book } from './book.ts'
import type { Caller } from './callers.ts'
import { type RefusedByIssuer, refuse } from './codes.ts'
import { fieldsOf, isWithdrawalId, readAmount } from './reading.ts'
import type { WithdrawalView } from './views.ts'

export interface Withdrawals {
  withdraw(caller: Caller, body: unknown): Promise<WithdrawalView | RefusedByIssuer>
  withdrawal(caller: Caller, id: string): Promise<WithdrawalView | RefusedByIssuer>
  /** Carries on with everything that was left behind, gives back what nobody redeemed, and pockets what was sent. */
  sweep(): Promise<void>
  /** Pays out what waits. Resolves when that has been tried. */
  payOut(): Promise<void>
  /** Does nothing by itself any more. Resolves when what is under way has ended, or took too long. */
  close(): Promise<void>
}

export interface WithdrawalsOptions {
  readonly book: Pick<Book, 'account' | 'addresses' | 'tidy' | 'withdraw' | 'withdrawal' | 'payOut'>
  readonly payouts: Pick<Payouts, 'receive' | 'prepare'>
  /** In raw. */
  readonly minWithdrawal: bigint
}

/** Payouts that wait are asked for again after so long; everything is looked through after so many of these. */
const TICK_MS = 1_000
const TICKS_PER_SWEEP = 600
/** How long an end waits for the payout that is being made. It goes on at the next start. */
const DRAIN_MS = 10_000

export function createWithdrawals({ book, payouts, minWithdrawal }: WithdrawalsOptions): Withdrawals {
  const unpaid = new Set<NanoAddress>()
  let underWay: Promise<unknown> = Promise.resolve()

  /** Payouts of all who wait, together. A fault is asked about again later. */
  function payOut(): Promise<void> {
    const pay = async (address: NanoAddress) => {
      unpaid.delete(address) // before it is looked at: what is withdrawn meanwhile adds it again
      const isPaid = await book.payOut(address).catch(() => false)
      if (!isPaid) unpaid.add(address)
    }
    const turn = underWay.then(async () => void (await Promise.all([...unpaid].map(pay))))
    underWay = turn
    return turn
  }

  async function sweep(): Promise<void> {
    for await (const address of book.addresses()) {
      await book.tidy(address)
      if (((await book.account(address))?.withdrawals.length ?? 0) > 0) unpaid.add(address)
    }
    await payouts.receive()
    await payOut()
    await payouts.prepare()
  }

  let ticks = 0
  const ticking = setInterval(() => {
    ticks++
    const task = ticks % TICKS_PER_SWEEP === 1 ? sweep : payOut
    if (ticks % TICKS_PER_SWEEP === 1 || unpaid.size > 0) task().catch(() => {}) // tried again at the next one
  }, TICK_MS)
  unref(ticking)

  async function withdrawalOf(account: NanoAddress, id: string): Promise<WithdrawalView | undefined> {
    if (!isWithdrawalId(id)) return undefined
    const pending = (await book.account(account))?.withdrawals.find((one) => one.id === id)
    if (pending) return { id, amount: String(pending.amount), state: 'pending' }
    const paid = await book.withdrawal(account, id)
    return paid && { id, ...paid, state: 'paid' }
  }

  return {
    async withdraw({ account }, body) {
      const { id, amount: text } = fieldsOf(body, ['id', 'amount'])
      const amount = readAmount(text)
      if (!isWithdrawalId(id)) return refuse('invalid_request')
      if (amount === undefined || amount === 0n) return refuse('invalid_amount')
      const known = await withdrawalOf(account, id)
      const balance = (await book.account(account))?.balance ?? 0n
      if (!known && amount < minWithdrawal && amount !== balance) {
        return refuse(amount > balance ? 'insufficient_balance' : 'invalid_amount')
      }
      const result = await book.withdraw(account, { id, amount })
      if (typeof result === 'object') return { id, amount: String(amount), state: 'paid', block: result.block }
      if (result !== 'debited') return refuse(result)
      unpaid.add(account)
      payOut().catch(() => {})
      return { id, amount: String(amount), state: 'pending' }
    },
    withdrawal: async ({ account }, id) => (await withdrawalOf(account, id)) ?? refuse('not_found'),

    sweep,
    payOut,
    async close() {
      clearInterval(ticking)
      let timer: ReturnType<typeof setTimeout> | undefined
      const late = new Promise((resolve) => {
        timer = setTimeout(resolve, DRAIN_MS)
      })
      await Promise.race([underWay, late])
      clearTimeout(timer)
    },
  }
}
