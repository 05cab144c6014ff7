/**
 * Whether this store knows of everything that an account has sent. One that was restored from a backup does not, and would
 * pay once more what was paid since then: the ledger has those blocks, and nothing more is sent until somebody has looked.
 */
import type { Store } from '../core/store.ts'
import { StoreError } from '../errors.ts'
import { type BlockHash, type NanoAddress, ZERO_HASH } from '../nano/index.ts'
import { accountHistory, accountInfo, type NanoNode } from '../rpc/index.ts'

export interface SentBlocks {
  /** Takes what is in the chain now for known, if this store sees the account for the first time. */
  begin(): Promise<void>
  /** To be called before anybody else sees the block; or for one that was looked at, and is all right. */
  note(hash: BlockHash): Promise<void>
  isKnown(hash: BlockHash): Promise<boolean>
  /** The sends that are not known, newest first, up to this block, or else the account's newest. */
  unknown(frontier?: BlockHash): AsyncGenerator<BlockHash>
  /** @throws {@link StoreError} (`ERR_STORE`) when there are such sends. */
  requireKnown(frontier: BlockHash): Promise<void>
}

export interface SentBlocksOptions {
  readonly store: Store
  readonly node: NanoNode
  readonly account: NanoAddress
}

const PAGE = 100
const FOREVER_MS = 4_000_000_000_000

export function createSentBlocks({ store, node, account }: SentBlocksOptions): SentBlocks {
  const keyOf = (hash: BlockHash) => `sent:${account}:${hash}`
  /** The confirmed block up to which all is known, or taken for that. */
  const checkedKey = `sent-checked:${account}`

  const isKnown = async (hash: BlockHash) => (await store.read(keyOf(hash))) !== undefined
  const confirmedFrontier = async () => (await accountInfo(node, account))?.confirmedFrontier ?? ZERO_HASH

  async function begin(): Promise<void> {
    if (await store.read(checkedKey)) return
    await store.write(checkedKey, 0, await confirmedFrontier(), FOREVER_MS) // whoever was faster saw as much
  }

  /** The blocks since it was looked through, newest first. */
  async function* since(checked: string | undefined, frontier: BlockHash) {
    for (let head: BlockHash | undefined = frontier; head !== undefined && head !== ZERO_HASH; ) {
      const page = await accountHistory(node, account, { count: PAGE, head })
      for (const entry of page.entries) {
        if (entry.hash === checked) return
        yield entry
      }
      head = page.previous
    }
  }

  return {
    begin,
    isKnown,
    note: async (hash) => void (await store.write(keyOf(hash), 0, '', FOREVER_MS)),
    async *unknown(frontier) {
      const from = frontier ?? (await accountInfo(node, account))?.frontier ?? ZERO_HASH
      const checked = (await store.read(checkedKey))?.value
      for await (const { hash, subtype } of since(checked, from)) {
        if (subtype === 'send' && !(await isKnown(hash))) yield hash
      }
    },
    async requireKnown(frontier) {
      await begin()
      const checked = await store.read(checkedKey)
      const confirmed = await confirmedFrontier()
      let isSeen = false
      for await (const { hash, subtype } of since(checked?.value, frontier)) {
        isSeen ||= hash === confirmed
        if (subtype !== 'send' || (await isKnown(hash))) continue
        throw new StoreError(
          `The account has sent something in block ${hash} that this store knows nothing of: it was restored from a backup, ` +
            'or somebody else uses the account. Nothing is sent before you have looked: nano402 reconcile --channels.',
        )
      }
      if (isSeen) await store.write(checkedKey, checked?.version ?? 0, confirmed, FOREVER_MS)
    },
  }
}
