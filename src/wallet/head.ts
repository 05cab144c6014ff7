/**
 * Where an account's chain ends, and the block that comes next. What a node says about the account is not believed: a
 * balance counts when it stands in the block that the frontier is the hash of, because a balance stated too low would make
 * us send the difference.
 */
import { ConfigError, InsufficientFundsError, NodeUnavailableError } from '../errors.ts'
import {
  type BlockHash,
  formatXno,
  hashBlock,
  type NanoAddress,
  type Raw,
  raw,
  type StateBlock,
  type StateBlockContent,
  ZERO_HASH,
} from '../nano/index.ts'
import { accountInfo, blocksInfo, type NanoNode } from '../rpc/index.ts'

export interface Head {
  readonly address: NanoAddress
  /** Zeros: the account has no block yet. */
  readonly frontier: BlockHash
  readonly balance: bigint
  /** Named in the next block. */
  readonly representative: NanoAddress
}

export const headAfter = (block: StateBlock): Head => ({
  address: block.account,
  frontier: hashBlock(block),
  balance: block.balance,
  representative: block.representative,
})

export interface ReadHeadOptions {
  readonly node: NanoNode
  readonly address: NanoAddress
  /** Undefined: the account keeps the one it has, and a new account names itself. */
  readonly representative: NanoAddress | undefined
  readonly signal?: AbortSignal | undefined
}

/**
 * As the ledger has it now, with blocks that are not confirmed yet.
 *
 * @throws `NodeUnavailableError` (`ERR_NODE_UNAVAILABLE`), `NodeRefusedError` (`ERR_NODE_REFUSED`), {@link ConfigError} (`ERR_CONFIG`)
 */
export async function readHead({ node, address, representative, signal }: ReadHeadOptions): Promise<Head> {
  const info = await accountInfo(node, address, signal)
  if (info === undefined) {
    return { address, frontier: ZERO_HASH, balance: 0n, representative: representative ?? address }
  }
  const block = (await blocksInfo(node, [info.frontier], signal)).get(info.frontier)?.block
  if (block === undefined) throw new NodeUnavailableError('The Nano node does not show the last block of the account.')
  if (block.balance === undefined) {
    throw new ConfigError(
      'The last block of the account is from before 2018 and proves no balance: pay from another one.',
    )
  }
  if (block.type === 'state' && block.account !== address) {
    throw new NodeUnavailableError('The Nano node shows a block of another account.')
  }
  const named = block.type === 'state' ? block.representative : info.representative
  return { address, frontier: info.frontier, balance: block.balance, representative: representative ?? named }
}

/** What the next block makes of the account: `link` is whom it pays, or which send it receives. */
export interface Next {
  readonly balance: bigint
  readonly link: string
}

export const contentAfter = (
  { address, frontier, representative }: Head,
  { balance, link }: Next,
): StateBlockContent => ({ account: address, previous: frontier, representative, balance: raw(balance), link })

/** `waiting`: what the account could receive, in raw. */
export const insufficient = ({ address, frontier, balance }: Head, needed: Raw, waiting: bigint) =>
  new InsufficientFundsError(
    `${address} ${frontier === ZERO_HASH ? 'is not opened' : `holds ${formatXno(raw(balance))} XNO`}` +
      `${waiting > 0n ? ` (and ${formatXno(raw(waiting))} XNO to receive)` : ''}, ` +
      `but ${formatXno(needed)} XNO is to be paid: send XNO to it.`,
    { address, needed, balance, receivable: waiting },
  )
