/**
 * So many uses of one thing, counted in a store: of a pass, or of a day's free requests. A use is held while its handler runs,
 * counted before the first byte of an answer leaves, and given back otherwise; what a killed process held comes back by
 * itself. One record for each, however many uses, and one write for all steps that come together.
 */
import { LeaseLostError } from '../errors.ts'
import { randomHex } from './bytes.ts'
import type { Held } from './gate.ts'
import { createRecords } from './records.ts'
import type { Store } from './store.ts'

/** What the store knows of them. */
interface Tally {
  /** After this there is nothing left to count (Unix time in ms). */
  readonly endsAtMs: number
  readonly used: number
  /** Handler runs begun, whatever became of them. */
  readonly runs: number
  /** Who holds one, and until when. */
  readonly held: Readonly<Record<string, number>>
  readonly payer?: string
  readonly revoked?: true
}

export interface TakeOptions {
  readonly limit: number
  /** Handler runs for each use, at most: failing ones are not endless work. */
  readonly attempts: number
  /** How long a handler may take to start its answer. */
  readonly holdMs: number
  /** What is not in the store begins now, and ends then. Without it, the store has lost it. */
  readonly beginsUntilMs?: number
}

/** `in_use`: what is left is held by others, and may come back. */
export type NoUse = 'exhausted' | 'in_use' | 'revoked' | 'unknown'

/** One use, held. */
export interface Use {
  readonly held: Held
  /** How many are left beside it, and beside what others hold. */
  readonly left: number
  readonly payer: string | undefined
}

/** They reject with `StoreError` when the store cannot answer. */
export interface Uses {
  /** Notes that there are some, of which the first was used. */
  begin(key: string, terms: { readonly endsAtMs: number; readonly payer: string }): Promise<void>
  take(key: string, options: TakeOptions): Promise<Use | NoUse>
  /** From now on none is given. False: the store does not know them, so that none is given anyway. */
  revoke(key: string): Promise<boolean>
}

/** Records outlive what they count by this much, for clocks that differ. */
const KEEP_LONGER_MS = 3_600_000

export function createUses(store: Store): Uses {
  const records = createRecords<Tally>({
    store,
    encode: JSON.stringify,
    decode: JSON.parse,
    keepUntilMs: ({ endsAtMs }) => endsAtMs + KEEP_LONGER_MS,
  })

  /** Ends a hold. False: it lapsed, and somebody else may have it. */
  const end = (key: string, owner: string, uses: 0 | 1) =>
    records.update(key, (tally) => {
      if (tally?.held[owner] === undefined) return { value: tally, result: false }
      const { [owner]: _, ...held } = tally.held
      return { value: { ...tally, used: tally.used + uses, held }, result: true }
    })

  return {
    begin: (key, terms) =>
      records.update(key, (tally) => ({ value: tally ?? { ...terms, used: 1, runs: 1, held: {} }, result: undefined })),

    async take(key, { limit, attempts, holdMs, beginsUntilMs }) {
      const owner = randomHex(6)
      const taken = await records.update<Omit<Use, 'held'> | NoUse>(key, (known) => {
        const tally =
          known ?? (beginsUntilMs === undefined ? undefined : { endsAtMs: beginsUntilMs, used: 0, runs: 0, held: {} })
        if (!tally) return { value: known, result: 'unknown' }
        if (tally.revoked) return { value: known, result: 'revoked' }
        if (tally.runs >= limit * attempts) return { value: known, result: 'exhausted' }
        const nowMs = Date.now()
        const held = Object.entries(tally.held).filter(([, untilMs]) => untilMs > nowMs)
        const left = limit - tally.used - held.length - 1
        if (left < 0) return { value: known, result: tally.used < limit ? 'in_use' : 'exhausted' }
        const value = { ...tally, runs: tally.runs + 1, held: { ...Object.fromEntries(held), [owner]: nowMs + holdMs } }
        return { value, result: { left, payer: tally.payer } }
      })
      if (typeof taken === 'string') return taken
      return {
        ...taken,
        held: {
          renew: async () => true, // it is held for as long as its handler may take
          async commit() {
            if (!(await end(key, owner, 1))) throw new LeaseLostError('The use was held for too long.')
          },
          release: () =>
            end(key, owner, 0).then(
              () => {},
              () => {},
            ), // it comes back by itself
          noteDelivery: undefined,
        },
      }
    },

    revoke: (key) =>
      records.update(key, (tally) => ({ value: tally && { ...tally, revoked: true }, result: tally !== undefined })),
  }
}
