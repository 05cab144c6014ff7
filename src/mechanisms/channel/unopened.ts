/**
 * Deposits that nobody opened a channel with: a client that crashed or lost its offer. What has waited for as long as a
 * channel may live goes back to who sent it, after its block was claimed as refunded: from then on it opens nothing.
 *
 * A store knows of the deposits that came after it was first looked into. What was there before may be of channels that
 * another store knew, and closed: it is left alone. See reconcile.
 */
import type { Store } from '../../core/store.ts'
import type { Payouts } from '../../custody/payouts.ts'
import { addressToPublicKey, type BlockHash, type NanoAddress, raw } from '../../nano/index.ts'
import { accountHistory, type Ledger, type NanoNode, receivable } from '../../rpc/index.ts'

export interface UnopenedOptions {
  readonly store: Store
  readonly node: NanoNode
  readonly ledger: Ledger
  readonly payouts: Payouts
  /** What is less is left alone: it costs more than it is worth. In raw. */
  readonly minDeposit: bigint
  /** How long a deposit may wait after it was first seen. */
  readonly ttlMs: number
  readonly onRefund: (amount: bigint) => void
}

/** How far the sends to the account have been looked through. */
interface Watch {
  /** The account's newest block then. Null: it had none. */
  readonly frontier: BlockHash | null
  /** What waited to be received when the store was first looked into. */
  readonly before: readonly BlockHash[]
  /** What has opened nothing yet, and since when that is known (Unix time in ms). */
  readonly waiting: readonly { readonly hash: BlockHash; readonly seenAtMs: number }[]
}

const PAGE = 500
const KEEP_MS = 10 * 365 * 86_400_000

/** Looks through what has come, and gives back what has waited long enough. Rejects with what store and node have to say. */
export async function refundUnopened(options: UnopenedOptions): Promise<void> {
  const { store, payouts, ttlMs } = options
  const key = `deposits-watched:${payouts.address}`
  const found = await store.read(key)
  const watch = found && (JSON.parse(found.value) as Watch)
  const waiting: Watch['waiting'][number][] = []
  const { frontier, sends } = await sendsSince(watch, options)
  const nowMs = Date.now()
  const fresh = watch ? sends.map((hash) => ({ hash, seenAtMs: nowMs })) : []
  for (const one of [...(watch?.waiting ?? []), ...fresh]) {
    const { hash, seenAtMs } = one
    const isOver =
      nowMs < seenAtMs + ttlMs
        ? (await store.inspect(`block:${hash}`))?.state === 'spent'
        : await giveBack(hash, options)
    if (!isOver) waiting.push(one)
  }
  const next: Watch = { frontier, before: watch?.before ?? sends, waiting }
  await store.write(key, found?.version ?? 0, JSON.stringify(next), nowMs + KEEP_MS) // if another process was faster, it saw as much
}

/** The sends that are neither waiting nor from before: those that wait to be received, and those that were received meanwhile. */
async function sendsSince(watch: Watch | undefined, { node, payouts, minDeposit }: UnopenedOptions) {
  const known = new Set([...(watch?.before ?? []), ...(watch?.waiting.map(({ hash }) => hash) ?? [])])
  const found = new Set<BlockHash>()
  // What waits first: what is pocketed meanwhile shows in the history that is read after it.
  for (let offset = 0; ; offset += PAGE) {
    const page = await receivable(node, payouts.address, { count: PAGE, offset, threshold: raw(minDeposit) })
    for (const { hash } of page) found.add(hash)
    if (page.length < PAGE) break
  }
  const { frontier, sources } = await receivedSince(watch, node, payouts.address)
  for (const hash of sources) found.add(hash)
  return { frontier, sends: [...found].filter((hash) => !known.has(hash)) }
}

/** The account's newest block, and the sends that it received since it was looked at. */
async function receivedSince(watch: Watch | undefined, node: NanoNode, account: NanoAddress) {
  const sources: BlockHash[] = []
  let frontier: BlockHash | null = null
  let head: BlockHash | undefined
  do {
    const page = await accountHistory(node, account, { count: watch ? PAGE : 1, ...(head && { head }) })
    frontier ??= page.entries[0]?.hash ?? null
    for (const { hash, source } of page.entries) {
      if (hash === watch?.frontier) return { frontier, sources }
      if (source !== undefined) sources.push(source)
    }
    head = page.previous
  } while (watch && head)
  return { frontier, sources: watch ? sources : [] }
}

/** Whether there is nothing more to do about it: it was given back, and that is confirmed, or it is no deposit. */
async function giveBack(hash: BlockHash, options: UnopenedOptions): Promise<boolean> {
  const { store, ledger, payouts, minDeposit, onRefund } = options
  const found = await ledger.find(hash)
  if (!found?.confirmed) return false
  const { block, sent } = found
  const account = addressToPublicKey(payouts.address)
  const isDeposit = block.type === 'state' && block.link === account && addressToPublicKey(block.account) !== account
  if (!isDeposit || sent === undefined || sent < minDeposit || !found.isSigned()) return true
  const [claim, owner, keepUntilMs] = [`block:${hash}`, `unopened:${hash}`, Date.now() + KEEP_MS]
  const claimed = await store.claim(claim, owner, { leaseMs: 60_000, attempts: 1_000, keepUntilMs })
  if (claimed === 'held' || claimed === 'exhausted') return false
  if (!(await store.commit(claim, owner, keepUntilMs))) return true // it opened a channel
  const payout = await payouts.pay({ id: `unopened:${hash}`, to: block.account, amount: sent })
  if (payout.confirmed) onRefund(sent)
  return payout.confirmed
}
