/** A journal in a file needs a file system. */
import { ConfigError } from '../errors.ts'
import type { Journal } from './journal.ts'

/** Not to be had here. @throws {@link ConfigError} (`ERR_CONFIG`) */
export function openFileJournal(_path: string): Journal {
  throw new ConfigError('A journal in a file needs Node: give createPayer a journal of your own (option journal).')
}
