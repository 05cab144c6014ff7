/** What the store knows of a send, and what its amount tells where the store knows nothing. */
import { deliveryKey, latenessKey } from '../core/claims.ts'
import { TAG_MODULUS } from '../core/quote.ts'
import type { Store } from '../core/store.ts'
import { NodeUnavailableError } from '../errors.ts'
import { isBefore, type Send } from './sends.ts'

/** What became of a send, the good one first. */
export const STATES = ['matched', 'undelivered', 'open', 'late', 'unmatched', 'unknown'] as const

/**
 * `matched`: it bought an answer, which left. `undelivered`: it is used up, and nothing tells that its answer left: a
 * crash may have lost it. `open`: it was claimed and not used up, so that it is still good, or out of attempts.
 * `late`: it was presented after its offer had run out, and the price had risen. `unmatched`: it was never presented.
 * `unknown`: it is older than what the store remembers, and may have been any of these.
 */
export type SendState = (typeof STATES)[number]

/** What may have gone wrong with a send that bought nothing. */
export type Hint =
  /** A send of the very same amount bought an answer. */
  | 'paid twice'
  /** The end of the amount is zeros: a wallet cut off digits of the tag. */
  | 'cut digits'
  /** More than the nearest of the prices, tag aside. */
  | 'overpaid'
  /** Less than the nearest of the prices, tag aside. */
  | 'underpaid'
  /** The store was begun, or emptied, after it was sent. */
  | "before the store's epoch"

/** A send to the account, and what became of it. */
export interface ReconciledSend extends Omit<Send, 'isSigned'> {
  readonly state: SendState
  /** How many handler runs it was granted. */
  readonly attempts: number
  readonly hints: readonly Hint[]
}

/** What became of each send. */
export interface Reconciliation {
  /** The oldest first. */
  readonly sends: readonly ReconciledSend[]
  /** How many are in each state. */
  readonly counts: Readonly<Record<SendState, number>>
}

/** Since when the store remembers. */
export interface Memory {
  readonly store: Store
  readonly epochMs: number
  /** What was sent before may be forgotten. */
  readonly rememberedSinceMs: number
}

/** A send as the store knows it. */
export async function judge({ isSigned, ...send }: Send, memory: Memory): Promise<Omit<ReconciledSend, 'hints'>> {
  const { store } = memory
  const id = `block:${send.hash}`
  const claim = await store.inspect(id)
  const attempts = claim?.attempts ?? 0
  if (claim?.state === 'spent') {
    const state = (await store.read(deliveryKey(id))) ? 'matched' : 'undelivered'
    return { ...send, state, attempts }
  }
  if (await store.read(latenessKey(id))) return { ...send, state: 'late', attempts }
  if (claim) return { ...send, state: 'open', attempts }
  // What was claimed was checked then. Of the rest, a node could have made up a payment that asks for a refund.
  if (!isSigned()) throw new NodeUnavailableError('The Nano node showed a payment that its account did not sign.')
  const isRemembered = send.sentAtMs !== undefined && !isBefore(send.sentAtMs, memory.rememberedSinceMs)
  return { ...send, state: isRemembered ? 'unmatched' : 'unknown', attempts }
}

/** Adds what only a look at all of them tells. `prices` in raw. */
export function summarize(
  judged: readonly Omit<ReconciledSend, 'hints'>[],
  { epochMs, prices }: { readonly epochMs: number; readonly prices: readonly bigint[] },
): Reconciliation {
  const used = new Set(judged.filter(({ state }) => isUsed(state)).map(({ amount }) => amount))
  const sends = judged
    .map((send): ReconciledSend => {
      const isUnheardOf = send.state === 'unmatched' || send.state === 'unknown'
      return { ...send, hints: isUnheardOf ? hintsFor(send, { epochMs, prices, used }) : [] }
    })
    .toSorted((a, b) => (a.sentAtMs ?? 0) - (b.sentAtMs ?? 0))
  const count = (state: SendState) => sends.filter((send) => send.state === state).length
  return { sends, counts: Object.fromEntries(STATES.map((state) => [state, count(state)])) as Reconciliation['counts'] }
}

const isUsed = (state: SendState) => state === 'matched' || state === 'undelivered'

/** Ten of the twenty digits of a tag: by chance, one in 10^10 ends like this. */
const CUT = 10n ** 10n

function hintsFor(
  { amount, sentAtMs }: Pick<Send, 'amount' | 'sentAtMs'>,
  known: { readonly epochMs: number; readonly prices: readonly bigint[]; readonly used: ReadonlySet<bigint> },
): readonly Hint[] {
  const hints: Hint[] = []
  if (known.used.has(amount)) hints.push('paid twice')
  if (amount % CUT === 0n) hints.push('cut digits')
  const difference = differenceFrom(known.prices, amount)
  if (difference !== 0n) hints.push(difference > 0n ? 'overpaid' : 'underpaid')
  if (isBefore(sentAtMs, known.epochMs)) hints.push("before the store's epoch")
  return hints
}

/** By how much an amount is above the price that it is nearest to, tag aside. 0 where there are no prices. */
function differenceFrom(prices: readonly bigint[], amount: bigint): bigint {
  const paid = amount - (amount % TAG_MODULUS)
  const distance = (difference: bigint) => (difference < 0n ? -difference : difference)
  const differences = prices.map((price) => paid - ((price + TAG_MODULUS - 1n) / TAG_MODULUS) * TAG_MODULUS)
  const [nearest = 0n] = differences.toSorted((a, b) => (distance(a) < distance(b) ? -1 : 1))
  return nearest
}
