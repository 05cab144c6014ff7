import type { Store } from '../core/store.ts'
import { ConfigError } from '../errors.ts'
import { openStoreAt } from './url.ts'

const REMEDY = 'On an edge runtime use https://:<token>@<host> (Redis over REST), or memory.'

/** Opens the store that `url` names: `memory`, or `http[s]://...` (Redis over REST). @throws `ConfigError` (`ERR_CONFIG`) */
export const openStore = (url: string): Promise<Store> =>
  openStoreAt(url, {
    sqlite: async () => {
      throw new ConfigError(`NANO402_STORE: an SQLite store needs Node. ${REMEDY}`)
    },
    redis: async () => {
      throw new ConfigError(`NANO402_STORE: a redis:// URL needs Node, which has sockets. ${REMEDY}`)
    },
  })
