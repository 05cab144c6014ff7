/**
 * Finds payments by their amounts, which their tags make unlike any other. However many pages wait for one account, the
 * node is asked by one poller, and only while somebody waits. What is found here grants nothing: whoever presents it is
 * checked as everybody is.
 */
import type { BlockHash, NanoAddress } from '../nano/index.ts'
import type { ConfirmationFeed, Ledger, NanoNode } from '../rpc/index.ts'
import { type Sight, WAITING, type Wanted, type Watch, watchAccount } from './watch.ts'

export type { Sight, Wanted } from './watch.ts'

export interface Arrivals {
  /** Tells what is known now, and each change. Gives back the way to stop. */
  watch(wanted: Wanted, listener: (sight: Sight) => void): () => void
  /** Looks once, together with whoever else does; gives what is known when that took too long. */
  look(wanted: Wanted, timeoutMs: number): Promise<Sight>
  close(): void
}

export interface ArrivalsOptions {
  readonly node: NanoNode
  readonly ledger: Ledger
  readonly feed: ConfirmationFeed | undefined
  /** Pause between two looks. Default 1,000, and 5,000 while a websocket says when to look. */
  readonly pollMs?: number
  /** For how long a payment is looked for when nobody listens any more. Default 10,000. */
  readonly lingerMs?: number
}

const MAX_ACCOUNTS = 256

export function createArrivals({ node, ledger, feed, pollMs, lingerMs = 10_000 }: ArrivalsOptions): Arrivals {
  const watches = new Map<NanoAddress, Watch>()
  const pause = () => pollMs ?? (feed?.state() === 'open' ? 5_000 : 1_000)

  const watchFor = (account: NanoAddress): Watch | undefined => {
    const known = watches.get(account)
    if (known || watches.size >= MAX_ACCOUNTS) return known
    const made = watchAccount(account, { node, ledger, lingerMs, pause, empty: () => watches.delete(account) })
    watches.set(account, made)
    feed?.watch(account)
    return made
  }
  const stopListening = feed?.on((hash) => {
    if (hash === undefined) for (const watch of watches.values()) watch.hurry()
    else if (watches.size > 0) void hear(hash)
  })
  /** The feed only says when to look. */
  const hear = async (hash: BlockHash) => {
    const found = await ledger.find(hash).catch(() => undefined)
    if (found) for (const watch of watches.values()) watch.note(hash, found)
  }

  return {
    watch(wanted, listener) {
      const watch = watchFor(wanted.account)
      const entry = watch?.add(wanted)
      listener(entry?.sight ?? WAITING)
      if (!watch || !entry) return () => {}
      entry.listeners.add(listener)
      watch.hurry()
      return () => {
        entry.listeners.delete(listener)
        entry.keepUntilMs = Date.now() + lingerMs
      }
    },
    async look(wanted, timeoutMs) {
      const watch = watchFor(wanted.account)
      const entry = watch?.add(wanted)
      if (!watch || !entry) return WAITING
      if (entry.sight.state !== 'confirmed') await atMost(timeoutMs, watch.nextLook())
      return entry.sight
    },
    close() {
      stopListening?.()
      for (const watch of watches.values()) watch.close()
    },
  }
}

async function atMost(ms: number, task: Promise<void>): Promise<void> {
  let timer: ReturnType<typeof setTimeout> | undefined
  const late = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, ms)
  })
  await Promise.race([task, late])
  clearTimeout(timer)
}
