/**
 * What we use of `lru-cache`, for runtimes other than Node: the package is five kilobytes of a bundle, where each counts.
 * test/lru-cache.test.ts holds both to the same sentences.
 */
import type { LRUCache as Interface } from './lru-cache.node.ts'

export class LRUCache<Key extends {}, Value extends {}> implements Interface<Key, Value> {
  readonly #max: number
  /** From the one used longest ago to the one used last: a Map keeps the order in which things were put in. */
  readonly #entries = new Map<Key, Value>()

  constructor({ max }: { readonly max: number }) {
    this.#max = max
  }
  get(key: Key): Value | undefined {
    const value = this.#entries.get(key)
    if (value !== undefined) this.set(key, value)
    return value
  }
  has(key: Key): boolean {
    return this.#entries.has(key)
  }
  set(key: Key, value: Value): void {
    this.#entries.delete(key)
    this.#entries.set(key, value)
    for (const oldest of this.#entries.keys()) {
      if (this.#entries.size <= this.#max) break
      this.#entries.delete(oldest)
    }
  }
  delete(key: Key): boolean {
    return this.#entries.delete(key)
  }
}
