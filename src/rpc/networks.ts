/** What tells one Nano network from another: its first block. */
import type { BlockHash } from '../nano/index.ts'

/** The networks that payments can be asked for on, by their CAIP-2 name. */
export type Network = 'nano:mainnet' | 'nano:devnet'

/** The hash of each network's first block. A node that does not have it belongs to another network. */
export const GENESIS: Readonly<Record<Network, BlockHash>> = {
  'nano:mainnet': '991CF190094C00F0B68E2E5F75F6BEE95A2E0BD93CEAA4A6734DB9F19B728948' as BlockHash,
  'nano:devnet': '04270D7F11C4B2B472F2854C5A59F2A7E84226CE9ED799DE75744BD7D85FC9D9' as BlockHash,
}
