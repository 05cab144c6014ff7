import { foldEntries } from './folding.ts'
import type { Journal, JournalEntry } from './journal.ts'

/** How many entries are kept in memory before they are folded. */
const FOLD_EVERY = 1_000

/**
 * A journal that ends with the process. Good where a lost payment does not matter; the default.
 *
 * @example
 * await memoryJournal().load() // []
 */
export function memoryJournal(): Journal {
  let entries: JournalEntry[] = []
  const fold = () => {
    entries = [...foldEntries(entries, Date.now())]
    return entries
  }
  return {
    load: async () => fold(),
    put: async (entry) => {
      entries.push(entry)
      if (entries.length % FOLD_EVERY === 0) fold()
    },
  }
}
