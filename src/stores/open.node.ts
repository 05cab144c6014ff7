import type { Store } from '../core/store.ts'
import { openStoreAt } from './url.ts'

/** Opens the store that `url` names: `memory` or `sqlite:<path>`. @throws `ConfigError` (`ERR_CONFIG`) */
export const openStore = (url: string): Promise<Store> =>
  openStoreAt(url, async (path) => (await import('./sqlite.ts')).sqliteStore(path))
