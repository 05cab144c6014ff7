/** A store that fails now and then. */
import type { Store } from 'nano402'
import { StoreError } from '../../src/errors.ts'

export type Failure = 'none' | 'before' | 'after'

/** A store that answers, or fails before or after it did what it was asked, as `failures` has it; then it answers. */
export function failing(store: Store, failures: Iterator<Failure>): Store {
  const around = async <T>(act: () => Promise<T>): Promise<T> => {
    const { value = 'none' } = failures.next()
    if (value === 'before') throw new StoreError('failed before')
    const result = await act()
    if (value === 'after') throw new StoreError('failed after')
    return result
  }
  return {
    ...store,
    claim: (...args) => around(() => store.claim(...args)),
    commit: (...args) => around(() => store.commit(...args)),
    read: (...args) => around(() => store.read(...args)),
    write: (...args) => around(() => store.write(...args)),
  }
}

/** Asks again until it is answered, as whoever is told 503 does. */
export async function untilAnswered<T>(act: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await act()
    } catch (error) {
      if (!(error instanceof StoreError)) throw error
    }
  }
}
