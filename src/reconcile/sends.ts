/** Every send to an account since some instant, pocketed or not. What the node lists is looked up and proven here. */
import { NodeUnavailableError } from '../errors.ts'
import { addressToPublicKey, type BlockHash, type NanoAddress, type Raw } from '../nano/index.ts'
import { accountHistory, type HistoryPage, type Ledger, type NanoNode, receivable } from '../rpc/index.ts'

/** A confirmed send to the account. */
export interface Send {
  readonly hash: BlockHash
  /** Whom it was sent to. */
  readonly account: NanoAddress
  /** Who sent it, and would get a refund. */
  readonly payer: NanoAddress
  /** In raw: the previous block's balance minus this one's. */
  readonly amount: Raw
  /** When the node first saw it (Unix time in ms, whole seconds); undefined where it does not know. */
  readonly sentAtMs: number | undefined
  /** Whether the payer signed it. Costs milliseconds. */
  isSigned(): boolean
}

export interface Source {
  readonly node: NanoNode
  readonly ledger: Ledger
  readonly account: NanoAddress
  readonly sinceMs: number
}

const BLOCKS_PER_PAGE = 500
const RECEIVABLES_PER_PAGE = 10_000
const LOOKUPS_AT_ONCE = 100

/** Sends in groups, so that they can be judged while the next ones are looked up. */
export async function* sendsTo(source: Source, signal?: AbortSignal): AsyncGenerator<readonly Send[]> {
  const seen = new Set<BlockHash>()
  for await (const hashes of listed(source, signal)) {
    const fresh = [...new Set(hashes)].filter((hash) => !seen.has(hash))
    for (const hash of fresh) seen.add(hash)
    for (let i = 0; i < fresh.length; i += LOOKUPS_AT_ONCE) {
      const group = fresh.slice(i, i + LOOKUPS_AT_ONCE)
      const sends = await Promise.all(group.map((hash) => findSend(hash, source, signal)))
      yield sends.flatMap((send) => send ?? [])
    }
  }
}

/** What waits comes first: a send that is pocketed meanwhile shows in the history that is read after it. */
async function* listed({ node, account, sinceMs }: Source, signal: AbortSignal | undefined) {
  let first: BlockHash | undefined
  for (let offset = 0; ; offset += RECEIVABLES_PER_PAGE) {
    const waiting = await receivable(node, account, { count: RECEIVABLES_PER_PAGE, offset }, signal)
    if (first !== undefined && waiting[0]?.hash === first) {
      throw new NodeUnavailableError('The Nano node does not list all the sends that wait: pocket some, and ask again.')
    }
    first = waiting[0]?.hash
    yield waiting.map(({ hash }) => hash)
    if (waiting.length < RECEIVABLES_PER_PAGE) break
  }
  let page: HistoryPage | undefined
  do {
    const from = page?.previous === undefined ? {} : { head: page.previous }
    page = await accountHistory(node, account, { count: BLOCKS_PER_PAGE, ...from }, signal)
    yield page.entries.flatMap(({ source }) => source ?? [])
    // A send is older than what received it.
  } while (page.previous !== undefined && !page.entries.every((entry) => isBefore(entry.localTimestampMs, sinceMs)))
}

/** The send of this hash, if it is a confirmed one to the account, and not older than asked for. */
async function findSend(hash: BlockHash, { ledger, account, sinceMs }: Source, signal: AbortSignal | undefined) {
  const found = await ledger.find(hash, signal)
  if (!found) throw new NodeUnavailableError(`The Nano node lists the send ${hash}, and does not have it.`)
  const { block, sent, confirmed, localTimestampMs: sentAtMs, isSigned } = found
  if (block.type !== 'state' || sent === undefined || !confirmed) return undefined
  if (block.link !== addressToPublicKey(account) || isBefore(sentAtMs, sinceMs)) return undefined
  return { hash, account, payer: block.account, amount: sent, sentAtMs, isSigned }
}

/** Whether something happened before an instant. Nodes give whole seconds; what is not known did not. */
export const isBefore = (atMs: number | undefined, instantMs: number): boolean =>
  atMs !== undefined && atMs + 1_000 <= instantMs
