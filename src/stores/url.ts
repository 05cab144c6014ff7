/** `NANO402_STORE` as text: which store it means. */
import type { Store } from '../core/store.ts'
import { ConfigError } from '../errors.ts'
import { memoryStore } from './memory.ts'

/** Opens the store that `url` names. The message of an error never repeats `url`, which may hold a password. */
export async function openStoreAt(url: string, openSqlite: (path: string) => Promise<Store>): Promise<Store> {
  if (url === 'memory') return memoryStore()
  if (url.startsWith('sqlite:')) return openSqlite(url.slice('sqlite:'.length))
  if (/^(rediss?|https?):\/\//.test(url)) {
    throw new ConfigError(
      'NANO402_STORE: a Redis store is not available yet in this version. Use sqlite:<path> or memory.',
    )
  }
  throw new ConfigError('NANO402_STORE is none of: memory, sqlite:<path>.')
}
