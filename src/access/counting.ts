/** What passes and free requests are counted and sealed with. */
import type { KeyedMac } from '../core/seal.ts'
import type { Uses } from '../core/uses.ts'

export interface Counting {
  /** Once the store is open. */
  open(): Promise<Books>
  /** How long a use may be held: longer than a handler may take. */
  readonly holdMs: number
  /** Handler runs for each use, at most. */
  readonly attempts: number
  /** How much of a body `by` may read. */
  readonly bodyLimit: number
}

export interface Books {
  readonly uses: Uses
  /** The first seals, all verify. */
  readonly macs: readonly [KeyedMac, ...KeyedMac[]]
}
