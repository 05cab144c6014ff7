/** Refunds on the ledger: what counts as one, and those that nobody told us of. Each is of one channel. */
import { addressToPublicKey, type BlockHash, type NanoAddress } from '../../nano/index.ts'
import { accountHistory, type Ledger, type LedgerBlock, type NanoNode, receivable } from '../../rpc/index.ts'

/** Who pays back, and to whom. */
export interface Way {
  readonly from: NanoAddress
  readonly to: NanoAddress
}

export interface Refunds {
  /** Takes a block for a refund if it is a confirmed send of exactly this amount, and of this way. */
  take(hash: BlockHash, way: Way & { readonly amount: bigint }): Promise<'taken' | 'unconfirmed' | 'untrue'>
  /** Looks through what `to` received and can receive for a confirmed send whose amount fits, and takes it. */
  find(
    way: Way,
    fits: (amount: bigint) => boolean,
  ): Promise<{ readonly hash: BlockHash; readonly amount: bigint } | undefined>
}

const PAGE = 100
const MAX_PAGES = 10

export function createRefunds(options: {
  readonly node: NanoNode
  readonly ledger: Ledger
  readonly confirmTimeoutMs: number
}): Refunds {
  const { node, ledger, confirmTimeoutMs } = options
  const taken = new Set<BlockHash>()

  const isOf = ({ block }: LedgerBlock, { from, to }: Way): boolean =>
    block.type === 'state' &&
    block.link === addressToPublicKey(to) &&
    addressToPublicKey(block.account) === addressToPublicKey(from)

  /** Sends to this account, as a node lists them: those that wait first, then the newest that were received. */
  async function* sendsTo(account: NanoAddress): AsyncIterable<BlockHash> {
    for (const { hash } of await receivable(node, account, { count: PAGE })) yield hash
    let head: BlockHash | undefined
    for (let page = 0; page < MAX_PAGES; page++) {
      const { entries, previous } = await accountHistory(node, account, { count: PAGE, ...(head && { head }) })
      for (const { source } of entries) if (source !== undefined) yield source
      if (previous === undefined) return
      head = previous
    }
  }

  return {
    async take(hash, { amount, ...way }) {
      const found = await ledger.waitConfirmed(hash, { timeoutMs: confirmTimeoutMs })
      if (!found?.confirmed) return 'unconfirmed'
      if (!isOf(found, way) || found.sent !== amount || taken.has(hash)) return 'untrue'
      taken.add(hash)
      return 'taken'
    },
    async find(way, fits) {
      for await (const hash of sendsTo(way.to)) {
        if (taken.has(hash)) continue
        const found = await ledger.find(hash)
        if (!found?.confirmed || found.sent === undefined || !isOf(found, way) || !fits(found.sent)) continue
        taken.add(hash)
        return { hash, amount: found.sent }
      }
      return undefined
    },
  }
}
