/** How much may be paid. Exact, and counted before anything is signed, so that parallel payments cannot exceed it together. */
import { ConfigError, OverBudgetError } from '../errors.ts'
import { formatXno, parseXno, type Raw, raw } from '../nano/index.ts'

/**
 * Bounds on what a payer pays, as XNO text such as `'0.01'`. `perRequest` is required, and so is `perDay` or `total`: a
 * bound per request alone is none, because a server can ask as often as the program asks it.
 */
export interface BudgetOptions {
  /** For one request, the tag included. */
  readonly perRequest: string
  /** For one host (name and port) altogether, as far back as the journal goes. */
  readonly perHost?: string
  /** Within any 24 hours, as far back as the journal goes. */
  readonly perDay?: string
  /** Altogether, as far back as the journal goes. */
  readonly total?: string
  /**
   * What may lie in the deposits of channels at any time, unspent. Without it no channel is opened. What a request costs in
   * a channel leaves its deposit and counts for the other bounds.
   */
  readonly deposit?: string
}

/** Gives an amount back that was counted but never left the account. */
export type Release = () => void

export interface Budget {
  /** What may lie in deposits; undefined: nothing. */
  readonly deposit: Raw | undefined
  /**
   * Counts an amount, or refuses it. `before` was counted for the same request already.
   *
   * @throws {@link OverBudgetError} (`ERR_OVER_BUDGET`)
   */
  reserve(host: string, amount: Raw, before?: bigint): Release
  /** Counts an amount that was paid earlier, whatever the bounds. */
  count(host: string, amount: Raw, atMs: number): Release
}

const DAY_MS = 86_400_000
/** Payments that near to each other are kept as one, of the latest instant: there may be thousands in a second. */
const TOGETHER_MS = 1_000

/** What was paid between two instants. */
interface Spent {
  readonly fromMs: number
  atMs: number
  amount: bigint
}

/** Checks the bounds. @throws {@link ConfigError} (`ERR_CONFIG`), which names the bound. */
export function createBudget(options: BudgetOptions, now: () => number = Date.now): Budget {
  const bounds = readBounds(options)
  let total = 0n
  const byHost = new Map<string, bigint>()
  /** The oldest first, but for what an old journal has in another order: that counts a little longer. */
  const recent = new Set<Spent>()
  let latest: Spent | undefined
  let day = 0n

  const lastDay = () => {
    for (const spent of recent) {
      if (spent.atMs > now() - DAY_MS) break
      recent.delete(spent)
      day -= spent.amount
    }
    return day
  }
  const count = (host: string, amount: Raw, atMs: number): Release => {
    const isNear = latest !== undefined && atMs >= latest.atMs && atMs < latest.fromMs + TOGETHER_MS
    const spent = isNear && latest && recent.has(latest) ? latest : { fromMs: atMs, atMs, amount: 0n }
    recent.add(spent)
    latest = Object.assign(spent, { atMs, amount: spent.amount + amount })
    day += amount
    total += amount
    byHost.set(host, (byHost.get(host) ?? 0n) + amount)
    let isCounted = true
    return () => {
      if (!isCounted) return
      isCounted = false
      total -= amount
      byHost.set(host, (byHost.get(host) ?? 0n) - amount)
      spent.amount -= amount
      if (recent.has(spent)) day -= amount
    }
  }

  return {
    deposit: bounds.deposit,
    count,
    reserve(host, amount, before = 0n) {
      const used = { perRequest: before, perHost: byHost.get(host) ?? 0n, perDay: lastDay(), total }
      for (const bound of BOUNDS) {
        const limit = bounds[bound]
        if (limit === undefined || used[bound] + amount <= limit) continue
        const left = used[bound] < limit ? limit - used[bound] : 0n
        throw overBudget({ bound, asked: amount, left, limit })
      }
      return count(host, amount, now())
    },
  }
}

/** Says which bound, what was asked, and what is left. Amounts in raw. */
export const overBudget = (over: Pick<OverBudgetError, 'bound' | 'asked' | 'left'> & { readonly limit: bigint }) => {
  const [asked, left, limit] = [over.asked, over.left, over.limit].map((amount) => formatXno(raw(amount)))
  const message = `${asked} XNO is more than budget.${over.bound} allows: ${left} XNO is left of ${limit}.`
  return new OverBudgetError(message, over)
}

const BOUNDS = ['perRequest', 'perHost', 'perDay', 'total'] as const

function readBounds(options: BudgetOptions): Partial<Record<keyof BudgetOptions, Raw>> {
  if (typeof options !== 'object' || options === null) throw new ConfigError('Option budget is missing.')
  const bounds: Partial<Record<keyof BudgetOptions, Raw>> = {}
  for (const name of [...BOUNDS, 'deposit'] as const) {
    const text = options[name]
    if (text === undefined) continue
    try {
      bounds[name] = parseXno(text)
    } catch (cause) {
      throw new ConfigError(`Option budget.${name} is not XNO as text, such as '0.01'.`, { cause })
    }
  }
  if (bounds.perRequest === undefined)
    throw new ConfigError("Option budget.perRequest is missing, such as '0.01' (XNO).")
  if (bounds.perDay === undefined && bounds.total === undefined) {
    throw new ConfigError(
      "Option budget needs perDay or total, such as perDay: '1' (XNO): there is no infinite default.",
    )
  }
  return bounds
}
