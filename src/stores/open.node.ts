import type { Store } from '../core/store.ts'
import { openStoreAt } from './url.ts'

/** Opens the store that `url` names: `memory`, `sqlite:<path>`, `redis[s]://...`, or `http[s]://...` (Redis over REST). */
export const openStore = (url: string): Promise<Store> =>
  openStoreAt(url, {
    sqlite: async (path) => (await import('./sqlite.ts')).sqliteStore(path),
    redis: async (url) => (await import('./redis-client.node.ts')).openRedis(url),
  })
