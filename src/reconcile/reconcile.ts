/** Walks the ledger of the accounts that are paid and asks the store about each send. Changes nothing, here or there. */
import type { Store } from '../core/store.ts'
import { ConfigError } from '../errors.ts'
import { nanoAddress } from '../nano/index.ts'
import { createLedger, type NanoNode } from '../rpc/index.ts'
import { judge, type ReconciledSend, type Reconciliation, summarize } from './judge.ts'
import { sendsTo } from './sends.ts'

/** Which account, and what is known of it. */
export interface ReconcileOptions {
  /** Such as `createRpc({ endpoints, network })`. */
  readonly node: NanoNode
  /** The paywall's store. One in memory belongs to its process, and cannot be asked. */
  readonly store: Store
  /** The account that is paid: `nano_...`; or all those of a pool. */
  readonly account: string | readonly string[]
  /** Sends from this instant on (Unix time in ms). Default: `claimWindowMs` ago. */
  readonly sinceMs?: number
  /** What the routes cost, in raw: tells who paid too much or too little. */
  readonly prices?: readonly bigint[]
  /** The paywall's `claimWindowMs`: what is older the store may have forgotten. Default 86,400,000 (24 h). */
  readonly claimWindowMs?: number
  /** Gives up. */
  readonly signal?: AbortSignal
}

/**
 * Lists every confirmed send to an account, or to each of several, with what became of it: what bought an answer, and what is to be looked at,
 * such as a payment that came late, twice, or with its digits cut. A payment that is being answered this moment may
 * show as `undelivered`.
 *
 * @throws `ConfigError` (`ERR_CONFIG`) for a store in memory; `InvalidValueError` (`ERR_INVALID_VALUE`) for an account
 * that is none; `NodeUnavailableError`, `NodeRefusedError` and `StoreError` when one of them does not answer.
 * @example
 * const { counts } = await reconcile({
 *   node: createRpc({ endpoints: ['http://127.0.0.1:7076'], network: 'nano:mainnet' }),
 *   store: await sqliteStore('/var/lib/shop/claims.sqlite'),
 *   account: 'nano_15nhh1kzw3x8ohez6s75wy3jr6dqgq65oaede1fzk5hqxk4j8ehz7iqtb3to',
 * })
 */
export async function reconcile(options: ReconcileOptions): Promise<Reconciliation> {
  const { node, store, account, prices = [], claimWindowMs = 86_400_000, signal } = options
  const rememberedMs = Date.now() - claimWindowMs
  const { sinceMs = rememberedMs } = options
  if (!store.durable) {
    throw new ConfigError(
      'A store in memory belongs to its process: what became of payments can only be told of a store that keeps it, ' +
        'such as NANO402_STORE=sqlite:<path>.',
    )
  }
  const accounts = new Set([account].flat().map(nanoAddress))
  const epochMs = await store.epochMs()
  const memory = { store, epochMs, rememberedSinceMs: Math.max(epochMs, rememberedMs) }
  const ledger = createLedger({ node, nodes: [node] })
  const judged: Omit<ReconciledSend, 'hints'>[] = []
  try {
    for (const account of accounts) {
      for await (const sends of sendsTo({ node, account, sinceMs, ledger }, signal)) {
        judged.push(...(await Promise.all(sends.map((send) => judge(send, memory)))))
      }
    }
  } finally {
    ledger.close()
  }
  return summarize(judged, { epochMs, prices })
}
