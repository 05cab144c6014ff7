/** What became of a block that we signed, proven from the ledger rather than taken from a node's "not found". */
import { type BlockHash, hashBlock, type StateBlock, ZERO_HASH } from '../nano/index.ts'
import { accountInfo, blocksInfo, type NanoNode } from '../rpc/index.ts'
import type { Wallet } from './wallet.ts'

/**
 * `confirmed`, `published`: the ledger has it, for good or not yet. `absent`: it does not, and the block's place is free.
 * `void`: another block was confirmed in its place, so it never can be. `undecided`: none of these can be shown now.
 */
export type Fate = 'confirmed' | 'published' | 'absent' | 'void' | 'undecided'

/** How far back the account's chain is searched for the block's place. */
const MAX_STEPS = 1_000
const POLL_MS = 250

/** @throws `NodeUnavailableError` (`ERR_NODE_UNAVAILABLE`), `NodeRefusedError` (`ERR_NODE_REFUSED`) */
export async function fateOf(node: NanoNode, block: StateBlock): Promise<Fate> {
  const hash = hashBlock(block)
  const found = (await blocksInfo(node, [hash])).get(hash)
  if (found !== undefined) return found.confirmed ? 'confirmed' : 'published'
  const info = await accountInfo(node, block.account)
  if (info?.frontier === block.previous) return 'absent'
  // Back from the confirmed end of the chain, each step proven by its hash. A node that lags behind proves nothing here.
  let at: BlockHash = info?.confirmedFrontier ?? ZERO_HASH
  for (let step = 0; step < MAX_STEPS && at !== ZERO_HASH; step++) {
    if (at === hash) return 'confirmed'
    if (at === block.previous) return step > 0 ? 'void' : 'undecided'
    const entry = (await blocksInfo(node, [at])).get(at)
    if (entry === undefined) break
    at = entry.block.previous
  }
  return 'undecided'
}

/**
 * Asks until it is shown what became of a block of this wallet, but no longer than this. `mayPublish`: it is published again
 * where the ledger lacks it.
 */
export async function decidedFate(
  wallet: Pick<Wallet, 'recover'>,
  block: StateBlock,
  { mayPublish, timeoutMs }: { readonly mayPublish: boolean; readonly timeoutMs: number },
): Promise<Fate> {
  const deadlineMs = performance.now() + timeoutMs
  for (;;) {
    const fate = await wallet.recover(block, { mayPublish })
    if (fate !== 'undecided' || performance.now() > deadlineMs) return fate
    await new Promise((resolve) => setTimeout(resolve, POLL_MS))
  }
}
