/** Does it all add up? What the accounts are owed, against what the issuer's account holds on the ledger. */
import type { Payouts } from '../custody/payouts.ts'
import { NodeUnavailableError, StoreError } from '../errors.ts'
import type { NanoAddress } from '../nano/index.ts'
import { accountInfo, blocksInfo, type NanoNode, receivable } from '../rpc/index.ts'
import { type Account, addsUp, locked } from './account.ts'
import { payoutName } from './book/transfers.ts'
import type { Book } from './book.ts'

/** What all accounts are owed together, in raw. */
export interface Owed {
  readonly balances: bigint
  /** Set aside for channels. */
  readonly locked: bigint
  /** Charged to a payer, and not in the payee's record yet. */
  readonly inTransit: bigint
  /** Debited, and in no block of the ledger yet. */
  readonly withdrawals: bigint
}

/** What an issuer owes, and what it has. */
export interface Audit extends Owed {
  /** Nobody is owed more than there is, and every account adds up by itself. */
  readonly ok: boolean
  readonly atMs: number
  readonly accounts: number
  /** The sum of the four, in raw. */
  readonly owed: bigint
  /** What the account on the ledger has, with what waits to be received. */
  readonly held: bigint
  /** `held - owed`: deposits that were sent and not shown to us yet, or gifts. Below 0: money is missing. */
  readonly surplus: bigint
  /** Accounts whose balance is not what their own moves make it. */
  readonly wrong: readonly NanoAddress[]
}

export interface AuditOptions {
  readonly book: Pick<Book, 'collect'>
  readonly payouts: Pick<Payouts, 'address' | 'blockOf'>
  readonly node: NanoNode
}

/** What is charged and not credited, and everything else, of accounts as they were at one moment. */
export function owedTo(accounts: readonly Account[]): Owed {
  const byAddress = new Map(accounts.map((account) => [account.address, account]))
  let [balances, set, inTransit, withdrawals] = [0n, 0n, 0n, 0n]
  for (const account of accounts) {
    balances += account.balance
    set += locked(account)
    for (const { amount } of account.withdrawals) withdrawals += amount
    for (const { state, charged, payee, channelId } of account.locks) {
      const isCredited = byAddress.get(payee)?.credits.some((one) => one.channelId === channelId)
      if (state === 'settled' && !isCredited) inTransit += charged
    }
  }
  return { balances, locked: set, inTransit, withdrawals }
}

const TRIES = 20
const RECEIVABLES_PER_PAGE = 10_000

/**
 * Compares store and ledger, both as they were at one moment: what changed while it was read is read again.
 *
 * @throws {@link StoreError} (`ERR_STORE`) when something changes all the time; `NodeUnavailableError`, `NodeRefusedError`
 */
export async function audit({ book, payouts, node }: AuditOptions): Promise<Audit> {
  let before = await book.collect()
  for (let i = 0; i < TRIES; i++) {
    const onLedger = await readLedger(before.accounts, { payouts, node })
    const after = await book.collect()
    if (onLedger && after.mark === before.mark) return compare(after.accounts, onLedger)
    before = after
  }
  throw new StoreError('The accounts change faster than they can be read: ask again when it is quieter.')
}

function compare(
  accounts: readonly Account[],
  { held, paid }: { readonly held: bigint; readonly paid: bigint },
): Audit {
  const all = owedTo(accounts)
  const withdrawals = all.withdrawals - paid
  const owed = all.balances + all.locked + all.inTransit + withdrawals
  const wrong = accounts.filter((account) => !addsUp(account)).map(({ address }) => address)
  const charged = accounts.reduce((sum, account) => sum + account.charged - account.received, 0n)
  const surplus = held - owed
  const ok = surplus >= 0n && wrong.length === 0 && charged === all.inTransit
  return { ok, atMs: Date.now(), accounts: accounts.length, ...all, withdrawals, owed, held, surplus, wrong }
}

/** What the account holds, and how much of the withdrawals its blocks have paid already; undefined: it changed meanwhile. */
async function readLedger(
  accounts: readonly Account[],
  { payouts, node }: Pick<AuditOptions, 'payouts' | 'node'>,
): Promise<{ readonly held: bigint; readonly paid: bigint } | undefined> {
  const start = await accountInfo(node, payouts.address)
  let held: bigint = start?.balance ?? 0n
  for (let offset = 0, isWhole = false; !isWhole; offset += RECEIVABLES_PER_PAGE) {
    const waiting = await receivable(node, payouts.address, { count: RECEIVABLES_PER_PAGE, offset })
    held = waiting.reduce((sum, { amount }) => sum + amount, held)
    isWhole = waiting.length < RECEIVABLES_PER_PAGE
    if (offset > 100 * RECEIVABLES_PER_PAGE) throw new NodeUnavailableError('The Nano node lists sends without end.')
  }
  let paid = 0n
  for (const { address, withdrawals } of accounts) {
    for (const { id, amount } of withdrawals) {
      const hash = await payouts.blockOf(payoutName(address, id))
      if (hash && (await blocksInfo(node, [hash])).get(hash)) paid += amount
    }
  }
  const end = await accountInfo(node, payouts.address)
  return end?.frontier === start?.frontier ? { held, paid } : undefined
}
