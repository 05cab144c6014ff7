/** Times what a paywall asks of its node and its store, for whoever listens. */
import type { EventListener } from './core/events.ts'
import type { Store } from './core/store.ts'
import type { NanoNode } from './rpc/index.ts'

/** The same node, heard. */
export const observeNode = (node: NanoNode, emit: EventListener): NanoNode => ({
  call: (action, parameters, signal) =>
    timed(
      () => node.call(action, parameters, signal),
      (ok, ms) => emit({ type: 'node_call', action, ok, ms }),
    ),
})

/** The same store, heard. */
export function observeStore(store: Store, emit: EventListener): Store {
  const heard =
    <A extends unknown[], T>(operation: string, run: (...args: A) => Promise<T>) =>
    (...args: A) =>
      timed(
        () => run.apply(store, args),
        (ok, ms) => emit({ type: 'store_call', operation, ok, ms }),
      )
  return {
    durable: store.durable,
    epochMs: heard('epoch', store.epochMs),
    claim: heard('claim', store.claim),
    renew: heard('renew', store.renew),
    commit: heard('commit', store.commit),
    release: heard('release', store.release),
    inspect: heard('inspect', store.inspect),
    read: heard('read', store.read),
    write: heard('write', store.write),
    close: () => store.close(),
  }
}

async function timed<T>(run: () => Promise<T>, report: (ok: boolean, ms: number) => void): Promise<T> {
  const startMs = performance.now()
  let ok = false
  try {
    const result = await run()
    ok = true
    return result
  } finally {
    report(ok, performance.now() - startMs)
  }
}
