/** Who waits for more to be authorised in a channel. */
import type { ChannelId } from './config.ts'

/** How often what another process authorised is looked for. */
const LOOK_AGAIN_MS = 500

export interface WaitOptions {
  readonly timeoutMs: number
  readonly signal?: AbortSignal
}

export interface Waiters {
  /** This process authorised more. */
  wake(id: ChannelId): void
  /** Resolves when there may be more: when it is woken, and every half second. False: the time is up. */
  wait(id: ChannelId, options: WaitOptions): Promise<boolean>
}

export function createWaiters(): Waiters {
  const waiting = new Map<ChannelId, Set<() => void>>()
  return {
    wake(id) {
      for (const wake of waiting.get(id) ?? []) wake()
    },
    wait: (id, { timeoutMs, signal }) =>
      new Promise((resolve) => {
        const wakers = waiting.get(id) ?? new Set()
        waiting.set(id, wakers)
        const finish = (hasChanged: boolean) => {
          clearTimeout(timer)
          signal?.removeEventListener('abort', giveUp)
          wakers.delete(wake)
          if (wakers.size === 0) waiting.delete(id)
          resolve(hasChanged)
        }
        const [wake, giveUp] = [() => finish(true), () => finish(false)]
        const timer = setTimeout(timeoutMs > LOOK_AGAIN_MS ? wake : giveUp, Math.min(timeoutMs, LOOK_AGAIN_MS))
        wakers.add(wake)
        if (signal?.aborted) giveUp()
        else signal?.addEventListener('abort', giveUp, { once: true })
      }),
  }
}
