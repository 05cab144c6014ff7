/** Waiting without sleeping, and servers that end with their test. */

/** Waits for a condition by giving way to other work; the test's own time limit ends it. */
export async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setImmediate(resolve))
}

/** A promise with its handles. */
export interface Gate<T = void> {
  readonly promise: Promise<T>
  open(value: T): void
}

/** A promise that a test settles when it wants to. */
export function gate<T = void>(): Gate<T> {
  let open: (value: T) => void = () => {}
  const promise = new Promise<T>((resolve) => {
    open = resolve
  })
  return { promise, open }
}

/** For `await using`: closed at the end of the block, whatever happens in it. */
export const disposable = <T extends { close(): Promise<void> }>(value: T): T & AsyncDisposable => ({
  ...value,
  [Symbol.asyncDispose]: () => value.close(),
})
