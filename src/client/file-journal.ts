/** A journal in a file, where there are files. */
import { openFileJournal } from '#client/file-journal'
import type { Journal } from './journal.ts'

/**
 * A journal that survives the process, the power cut included: each entry is synced to the disk before `put` resolves. A
 * last line that was being written when the process died is dropped; any other damage is an error, because a payment may
 * be forgotten behind it. One process at a time; the file is readable by its owner only.
 *
 * @param path - The file; made when it is not there. Its directory must exist.
 * @throws `JournalError` (`ERR_JOURNAL`), from `load` and `put`; `ConfigError` (`ERR_CONFIG`) where there are no files.
 */
export const fileJournal: (path: string) => Journal = openFileJournal
