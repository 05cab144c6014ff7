/** For what anybody may ask, and others have to answer. */

/** Asks again only when the last answer is older than this. */
export function refreshed<T>(ask: () => Promise<T>, everyMs: number): () => Promise<T> {
  let last: { readonly atMs: number; readonly answer: Promise<T> } | undefined
  return () => {
    if (!last || Date.now() - last.atMs > everyMs) last = { atMs: Date.now(), answer: ask() }
    return last.answer
  }
}
