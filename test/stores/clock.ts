/** A clock that stands still until it is told to go on. */
export function stoppedClock() {
  let nowMs = 1_800_000_000_000
  return {
    now: () => nowMs,
    advance: (ms: number) => {
      nowMs += ms
    },
  }
}
