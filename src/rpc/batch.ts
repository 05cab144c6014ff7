/** Gathers single lookups into joint ones. */
import { NodeUnavailableError } from '../errors.ts'
import { type Deferred, deferred } from './wait.ts'

/**
 * Makes one lookup of many: all of one tick go out together, and while they are out the next ones gather. At most
 * `maxBatch` keys gather; beyond that a lookup is refused at once, so that a flood costs nothing and blocks nobody twice.
 *
 * @param ask - Looks all of them up. Its rejection is that of each.
 * @throws `NodeUnavailableError` (`ERR_NODE_UNAVAILABLE`) from the load when too many gather.
 */
export function createBatch<K, V>(
  ask: (keys: readonly K[]) => Promise<ReadonlyMap<K, V>>,
  options: { readonly maxBatch: number },
): (key: K) => Promise<V | undefined> {
  let gathering = new Map<K, Deferred<V | undefined>>()
  let underWay: typeof gathering = new Map()
  let running = false

  async function run() {
    running = true
    // Everything that this tick asks comes along.
    await Promise.resolve()
    while (gathering.size > 0) {
      underWay = gathering
      gathering = new Map()
      const batch = underWay
      await ask([...batch.keys()]).then(
        (answers) => {
          for (const [key, { resolve }] of batch) resolve(answers.get(key))
        },
        (error: unknown) => {
          for (const { reject } of batch.values()) reject(error)
        },
      )
      underWay = new Map()
    }
    running = false
  }

  return (key) => {
    const shared = underWay.get(key) ?? gathering.get(key)
    if (shared) return shared.promise
    if (gathering.size >= options.maxBatch) {
      return Promise.reject(new NodeUnavailableError('Too many blocks are being looked up at the Nano node.'))
    }
    const lookup = deferred<V | undefined>()
    gathering.set(key, lookup)
    if (!running) run()
    return lookup.promise
  }
}
