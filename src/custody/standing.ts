/** What the ledger says of the blocks at the end of an account's chain, and what is to be done about it. */
import { NodeRefusedError, NodeUnavailableError } from '../errors.ts'
import { type BlockHash, ZERO_HASH } from '../nano/index.ts'
import { blocksInfo, type NanoNode, publish } from '../rpc/index.ts'
import { fateOf } from '../wallet/fate.ts'
import type { Made } from './tail.ts'

/** In the order of the chain. What is in neither list never can be confirmed. */
export interface Standing {
  readonly confirmed: readonly Made[]
  /** The ledger has them, not for good yet. */
  readonly live: readonly Made[]
}

/**
 * Looks them up. What the ledger lacks is published again, unchanged, where its place is free. Where another block is
 * confirmed in the place of one, that one is void, and so is all that stands on it.
 *
 * @throws {@link NodeUnavailableError} (`ERR_NODE_UNAVAILABLE`), also when it cannot be shown what became of one;
 * {@link NodeRefusedError} (`ERR_NODE_REFUSED`)
 */
export async function lookAt(node: NanoNode, tail: readonly Made[]): Promise<Standing> {
  const found = await blocksInfo(node, tail.map(hashOf))
  const confirmed = startOf(tail, ({ hash }) => found.get(hash)?.confirmed === true)
  const shown = startOf(tail, ({ hash }) => found.get(hash) !== undefined)
  const missing = tail.slice(shown.length)
  const fate = missing[0] && (await fateOf(node, missing[0].block))
  const isVoid = fate === 'void'
  // What is below a void block is confirmed, and this node does not say so yet.
  if (fate === 'undecided' || (isVoid && confirmed.length < shown.length)) {
    throw new NodeUnavailableError('The Nano node does not show what became of the last blocks of the account.')
  }
  const came = fate === 'absent' ? await publishAgain(node, missing) : isVoid ? [] : missing
  return { confirmed, live: [...shown.slice(confirmed.length), ...came] }
}

/** Those that it took, in their order, and why it did not take the next one. */
export async function publishAll(
  node: NanoNode,
  made: readonly Made[],
): Promise<{ readonly published: readonly Made[]; readonly failure: unknown }> {
  for (const [i, { block, order }] of made.entries()) {
    try {
      await publish(node, block, order ? 'send' : block.previous === ZERO_HASH ? 'open' : 'receive')
    } catch (failure) {
      return { published: made.slice(0, i), failure }
    }
  }
  return { published: made, failure: undefined }
}

/** Which of them are in the ledger for good. */
export async function confirmedOf(node: NanoNode, made: readonly Made[]): Promise<readonly Made[]> {
  const found = await blocksInfo(node, made.map(hashOf))
  return made.filter(({ hash }) => found.get(hash)?.confirmed)
}

const hashOf = ({ hash }: Made): BlockHash => hash

/** Those at the start that are so. */
function startOf(tail: readonly Made[], is: (made: Made) => boolean): readonly Made[] {
  const end = tail.findIndex((made) => !is(made))
  return end === -1 ? tail : tail.slice(0, end)
}

/** Those that are in the ledger now. A receive that is refused, and that no payment stands on, is given up. */
async function publishAgain(node: NanoNode, absent: readonly Made[]): Promise<readonly Made[]> {
  const { published, failure } = await publishAll(node, absent)
  if (failure === undefined) return published
  const isNeeded = absent.slice(published.length).some(({ order }) => order)
  if (isNeeded || !(failure instanceof NodeRefusedError)) throw failure
  return published
}
