/**
 * Deposits that nobody opened a channel with: a client that crashed or lost its offer. What has waited for as long as a
 * channel may live goes back to who sent it, after its block was claimed as refunded: from then on it opens nothing.
 */
import type { Store } from '../../core/store.ts'
import type { Payouts } from '../../custody/payouts.ts'
import { addressToPublicKey, type BlockHash } from '../../nano/index.ts'
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

/** What is noted of a send to the account that opened nothing when it was seen. */
interface Note {
  readonly seenAtMs: number
  /** The block that gave it back, confirmed. */
  readonly refund?: BlockHash
}

const LISTED = 500
const KEEP_MS = 10 * 365 * 86_400_000

/** Looks through the newest sends to the account. Rejects with what store and node have to say. */
export async function refundUnopened(options: UnopenedOptions): Promise<void> {
  const { store, node, payouts } = options
  // What waits first: what is pocketed meanwhile shows in the history that is read after it.
  const waiting = await receivable(node, payouts.address, { count: LISTED })
  const { entries } = await accountHistory(node, payouts.address, { count: LISTED })
  const hashes = [...waiting.map(({ hash }) => hash), ...entries.flatMap(({ source }) => source ?? [])]
  for (const hash of new Set(hashes)) {
    const key = `unopened:${hash}`
    const found = await store.read(key)
    const note = found && (JSON.parse(found.value) as Note)
    if (found === undefined || note === undefined) {
      if (await store.inspect(`block:${hash}`)) continue
      await store.write(key, 0, JSON.stringify({ seenAtMs: Date.now() } satisfies Note), Date.now() + KEEP_MS)
    } else if (note.refund === undefined && Date.now() >= note.seenAtMs + options.ttlMs) {
      const refund = await giveBack(hash, options)
      if (refund === undefined) continue
      await store.write(key, found.version, JSON.stringify({ ...note, refund }), Date.now() + KEEP_MS)
    }
  }
}

/** The block that gave it back, once that is confirmed. */
async function giveBack(hash: BlockHash, options: UnopenedOptions): Promise<BlockHash | undefined> {
  const { store, ledger, payouts, minDeposit, onRefund } = options
  const found = await ledger.find(hash)
  if (!found?.confirmed || found.block.type !== 'state' || found.sent === undefined) return undefined
  const { block, sent } = found
  const account = addressToPublicKey(payouts.address)
  if (block.link !== account || addressToPublicKey(block.account) === account) return undefined
  if (sent < minDeposit || !found.isSigned()) return undefined
  const [claim, owner, keepUntilMs] = [`block:${hash}`, `unopened:${hash}`, Date.now() + KEEP_MS]
  const claimed = await store.claim(claim, owner, { leaseMs: 60_000, attempts: 1_000, keepUntilMs })
  if (claimed === 'held' || claimed === 'exhausted' || !(await store.commit(claim, owner, keepUntilMs)))
    return undefined
  const payout = await payouts.pay({ id: `unopened:${hash}`, to: block.account, amount: sent })
  if (!payout.confirmed) return undefined
  onRefund(sent)
  return payout.hash
}
