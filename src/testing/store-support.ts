/** What the cases of the store contract share. */
import type { ClaimLimits, Store } from '../core/store.ts'

/** Makes a name that no other case uses. */
type Names = (text: string) => string
export type Check = (store: Store, named: Names) => Promise<void>

export const HOUR = 3_600_000
export const inAnHour = () => Date.now() + HOUR
export const limits = (changed: Partial<ClaimLimits> = {}): ClaimLimits => ({
  leaseMs: 60_000,
  attempts: 3,
  keepUntilMs: inAnHour(),
  ...changed,
})
export const shortLease = (changed: Partial<ClaimLimits> = {}) => limits({ leaseMs: 20, ...changed })
/** Until a lease or a time to keep of 20 ms that starts now is over for every clock that counts whole milliseconds. */
export const untilOver = () => new Promise<void>((resolve) => setTimeout(resolve, 40))

export const times = <T>(n: number, make: (i: number) => T): readonly T[] =>
  Array.from({ length: n }, (_, i) => make(i))
export const count = (answers: readonly unknown[], wanted: unknown): number =>
  answers.filter((answer) => answer === wanted).length
