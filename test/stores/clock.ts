/** How a test sees time. */
export interface Clock {
  /** Unix time in ms. */
  now(): number
  /** Durations after which a test can know whether they are over. */
  readonly durationsMs: readonly number[]
  advance(ms: number): void | Promise<void>
  /** Until it is beyond doubt whether this instant is past. */
  settle(instantMs: number): void | Promise<void>
}

/** A clock that stands still until it is told to go on. */
export function stoppedClock() {
  let nowMs = 1_800_000_000_000
  return {
    now: () => nowMs,
    durationsMs: Array.from({ length: 100 }, (_, i) => i + 1),
    advance: (ms: number) => {
      nowMs += ms
    },
    settle: () => {},
  } satisfies Clock
}

const LONG_MS = 60_000

/** The time of the world, for a store that has its own clock: a duration is over at once, or not within a test. */
export const worldClock: Clock = {
  now: Date.now,
  durationsMs: [1, LONG_MS],
  advance: (ms) => worldClock.settle(Date.now() + ms),
  async settle(instantMs) {
    const leftMs = instantMs + 3 - Date.now() // clocks that count whole milliseconds are up to one apart
    if (leftMs > 0 && leftMs < LONG_MS / 2) await new Promise((resolve) => setTimeout(resolve, leftMs))
  },
}
