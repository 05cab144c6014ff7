/** The least that a test needs to put blocks on a devnet. */
import { DEVNET_GENESIS_ACCOUNT } from 'nano402/devnet'
import {
  type BlockHash,
  blockHash,
  blockToJson,
  derivePrivateKey,
  derivePublicKey,
  generateWork,
  type NanoAddress,
  type PrivateKey,
  privateKey,
  publicKeyToAddress,
  raw,
  signBlock,
  WORK_THRESHOLDS,
  workRoot,
  ZERO_HASH,
} from 'nano402/nano'
import type { NanoNode } from 'nano402/rpc'

export interface Wallet {
  readonly account: NanoAddress
  readonly key: PrivateKey
}

/** Account 0 of a seed, or the account of a key. */
export function walletOf(secret: string, kind: 'seed' | 'key' = 'seed'): Wallet {
  const key = kind === 'seed' ? derivePrivateKey(secret, 0) : privateKey(secret)
  return { key, account: publicKeyToAddress(derivePublicKey(key)) }
}

export interface Publication {
  /** The key of the destination, or the hash of the send to receive. */
  readonly link: string
  /** What leaves the account, in raw; negative for what comes in. */
  readonly amount: bigint
  readonly previous?: BlockHash
  readonly force?: boolean
}

/** Makes the account's next block, or a fork of one, and publishes it. */
export async function publish(node: NanoNode, { account, key }: Wallet, publication: Publication): Promise<BlockHash> {
  const { link, amount, force = false } = publication
  const info = await node.call('account_info', { account }).catch(() => ({ frontier: ZERO_HASH, balance: '0' }))
  const previous = publication.previous ?? blockHash(info.frontier)
  const before = publication.previous
    ? (await node.call('block_info', { hash: previous, json_block: true })).balance
    : info.balance
  const balance = raw(BigInt(String(before)) - amount)
  const content = { account, previous, representative: DEVNET_GENESIS_ACCOUNT, balance, link }
  const work = await generateWork(workRoot(content), WORK_THRESHOLDS['nano:devnet'].send)
  const block = blockToJson(signBlock(content, key, work))
  return blockHash((await node.call('process', { json_block: true, force, block })).hash)
}
