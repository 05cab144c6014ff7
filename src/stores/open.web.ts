import type { Store } from '../core/store.ts'
import { ConfigError } from '../errors.ts'
import { openStoreAt } from './url.ts'

/** Opens the store that `url` names: `memory`. @throws `ConfigError` (`ERR_CONFIG`) */
export const openStore = (url: string): Promise<Store> =>
  openStoreAt(url, async () => {
    throw new ConfigError('NANO402_STORE: an SQLite store needs Node. On an edge runtime use memory.')
  })
