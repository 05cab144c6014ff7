/** A map of bounded size, which forgets what was used longest ago: `lru-cache`, and as much of it as we use. */
import { LRUCache as Complete } from 'lru-cache'

export interface LRUCache<Key, Value> {
  get(key: Key): Value | undefined
  /** Does not count as a use. */
  has(key: Key): boolean
  set(key: Key, value: Value): unknown
  delete(key: Key): boolean
}

export const LRUCache: new <Key extends {}, Value extends {}>(limits: {
  readonly max: number
}) => LRUCache<Key, Value> = Complete
