/** What `nano402 doctor` finds. */

/** `failed`: do not go live. `warning`: it works, and should be looked at. `skipped`: there was nothing to look at. */
export type Verdict = 'ok' | 'warning' | 'failed' | 'skipped'

export interface Check {
  readonly name: string
  readonly verdict: Verdict
  /** What was found, and the remedy. */
  readonly says: string
}

export const check = (name: string, verdict: Verdict, says: string): Check => ({ name, verdict, says })

/** A check that fails with what its task throws. */
export async function attempt(name: string, task: () => Promise<Check> | Check): Promise<Check> {
  try {
    return await task()
  } catch (error) {
    return check(name, 'failed', error instanceof Error ? error.message : String(error))
  }
}
