/** Remembers which node is not worth asking right now. */

const FAILURES = 3
const FIRST_COOL_DOWN_MS = 1_000
const LONGEST_COOL_DOWN_MS = 30_000

/** Opens after three failures in a row, then lets one question through per cool-down, which doubles up to 30 s. */
export interface Breaker {
  /** Whether to skip the node. */
  isOpen(): boolean
  /** When the node may be asked again (ms). 0 while closed. */
  openUntilMs(): number
  /** Call before asking: while the answer is out, nobody else probes. */
  asked(): void
  succeeded(): void
  failed(): void
}

/** A closed breaker. @param options - `probeMs`: how long one probe may take. `now`: the clock, in ms. */
export function createBreaker(options: { readonly probeMs: number; readonly now?: () => number }): Breaker {
  const { probeMs, now = () => performance.now() } = options
  let failures = 0
  let untilMs = 0
  const tripped = () => failures >= FAILURES
  return {
    isOpen: () => tripped() && now() < untilMs,
    openUntilMs: () => untilMs,
    asked() {
      if (tripped()) untilMs = Math.max(untilMs, now() + probeMs)
    },
    succeeded() {
      failures = 0
      untilMs = 0
    },
    failed() {
      failures += 1
      if (!tripped()) return
      const coolDownMs = Math.min(LONGEST_COOL_DOWN_MS, FIRST_COOL_DOWN_MS * 2 ** Math.min(10, failures - FAILURES))
      untilMs = now() + coolDownMs
    },
  }
}
