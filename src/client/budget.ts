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
  /** For one channel deposit. The session mechanism makes none. */
  readonly deposit?: string
}

/** Gives an amount back that was counted but never left the account. */
export type Release = () => void

export interface Budget {
  /** Counts an amount, or refuses it. @throws {@link OverBudgetError} (`ERR_OVER_BUDGET`) */
  reserve(host: string, amount: Raw): Release
  /** Counts an amount that was paid earlier, whatever the bounds. */
  count(host: string, amount: Raw, atMs: number): Release
}

const DAY_MS = 86_400_000

/** Checks the bounds. @throws {@link ConfigError} (`ERR_CONFIG`), which names the bound. */
export function createBudget(options: BudgetOptions, now: () => number = Date.now): Budget {
  const bounds = readBounds(options)
  let total = 0n
  const byHost = new Map<string, bigint>()
  const recent = new Set<{ readonly atMs: number; readonly amount: bigint }>()

  const lastDay = () => {
    let sum = 0n
    for (const spent of recent) {
      if (spent.atMs <= now() - DAY_MS) recent.delete(spent)
      else sum += spent.amount
    }
    return sum
  }
  const count = (host: string, amount: Raw, atMs: number): Release => {
    const spent = { atMs, amount }
    total += amount
    byHost.set(host, (byHost.get(host) ?? 0n) + amount)
    recent.add(spent)
    let isCounted = true
    return () => {
      if (!isCounted) return
      isCounted = false
      total -= amount
      byHost.set(host, (byHost.get(host) ?? 0n) - amount)
      recent.delete(spent)
    }
  }

  return {
    count,
    reserve(host, amount) {
      const used = { perRequest: 0n, perHost: byHost.get(host) ?? 0n, perDay: lastDay(), total }
      for (const bound of BOUNDS) {
        const limit = bounds[bound]
        if (limit === undefined || used[bound] + amount <= limit) continue
        const left = used[bound] < limit ? limit - used[bound] : 0n
        throw new OverBudgetError(
          `${formatXno(amount)} XNO is more than budget.${bound} allows: ${formatXno(raw(left))} XNO is left of ${formatXno(limit)}.`,
          { bound, asked: amount, left },
        )
      }
      return count(host, amount, now())
    },
  }
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
