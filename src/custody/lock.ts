/** One holder at a time of something that several processes share: a claim in the store that is never made final. */
import { randomHex } from '../core/bytes.ts'
import type { Store } from '../core/store.ts'
import { StoreError } from '../errors.ts'
import { unref } from '../rpc/wait.ts'

export interface LockOptions {
  readonly store: Store
  /** What is held. */
  readonly id: string
  /** A process that was killed holds it for so long. */
  readonly leaseMs: number
  /** Gives up after so long. */
  readonly timeoutMs: number
}

const ASK_AGAIN_MS = 50
const FOREVER_MS = 4_000_000_000_000

/**
 * Runs a task while nobody else holds the lock, and renews the lease meanwhile. A process that sleeps through its lease does
 * not notice: whatever the task does must be safe then, too.
 *
 * @throws {@link StoreError} (`ERR_STORE`) when somebody else holds it until the time is up.
 */
export async function withLock<T>({ store, id, leaseMs, timeoutMs }: LockOptions, task: () => Promise<T>): Promise<T> {
  const owner = randomHex(16)
  const limits = { leaseMs, attempts: Number.MAX_SAFE_INTEGER, keepUntilMs: FOREVER_MS }
  const deadlineMs = Date.now() + timeoutMs
  while ((await store.claim(id, owner, limits)) !== 'claimed') {
    if (Date.now() >= deadlineMs) throw new StoreError(`Somebody else has held ${id} all the time.`)
    await new Promise((resolve) => setTimeout(resolve, ASK_AGAIN_MS))
  }
  const renewing = setInterval(() => void store.renew(id, owner, leaseMs).catch(() => {}), leaseMs / 3)
  unref(renewing)
  try {
    return await task()
  } finally {
    clearInterval(renewing)
    await store.release(id, owner).catch(() => {}) // it frees itself when the lease ends
  }
}
