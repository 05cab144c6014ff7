/** `NANO402_STORE` as text: which store it means. */
import type { Store } from '../core/store.ts'
import { ConfigError } from '../errors.ts'
import { memoryStore } from './memory.ts'

/** Opens what only some runtimes have. */
export interface StoreOpeners {
  sqlite(path: string): Promise<Store>
  /** A `redis://` or `rediss://` URL. */
  redis(url: string): Promise<Store>
}

/** Opens the store that `url` names. The message of an error never repeats `url`, which may hold a password. */
export async function openStoreAt(url: string, openers: StoreOpeners): Promise<Store> {
  if (url === 'memory') return memoryStore()
  if (url.startsWith('sqlite:')) return openers.sqlite(url.slice('sqlite:'.length))
  if (/^rediss?:\/\//.test(url)) return openers.redis(url)
  if (/^https?:\/\//.test(url)) {
    const { redisOverRest, redisStore } = await import('./redis.ts')
    return redisStore(redisOverRest(url))
  }
  throw new ConfigError(
    'NANO402_STORE is none of: memory, sqlite:<path>, redis://<host>, https://:<token>@<host> (Redis over REST).',
  )
}
