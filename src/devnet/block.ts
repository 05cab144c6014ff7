/** Blocks of all five kinds as a node publishes them: the devnet keeps legacy blocks whole, the rest of the package does not. */
import {
  addressToPublicKey,
  type BlockHash,
  blockToJson,
  type NanoAddress,
  parseBlock,
  type Raw,
  type Signature,
  type StateBlock,
  type Work,
  ZERO_HASH,
} from '../nano/index.ts'
import { printJson } from './json.ts'
import { decodeAccount, decodeHex, decodeRaw } from './text.ts'

type Signed = { readonly signature: Signature; readonly work: Work }
export type State = StateBlock & Signed
export type LegacySend = Signed & { readonly type: 'send' } & Readonly<{
    previous: BlockHash
    destination: NanoAddress
    balance: Raw
  }>
export type LegacyReceive = Signed & { readonly type: 'receive' } & Readonly<{ previous: BlockHash; source: BlockHash }>
export type LegacyOpen = Signed & { readonly type: 'open' } & Readonly<{
    source: BlockHash
    representative: NanoAddress
    account: NanoAddress
  }>
export type LegacyChange = Signed & { readonly type: 'change' } & Readonly<{
    previous: BlockHash
    representative: NanoAddress
  }>

/** A block with its signature and work. */
export type Block = State | LegacySend | LegacyReceive | LegacyOpen | LegacyChange

const hex32 = (balance: Raw) => balance.toString(16).toUpperCase().padStart(32, '0')

/** Reads a block the way a node does; `undefined` for what a node calls "Block is invalid". */
export function decodeBlock(json: unknown): Block | undefined {
  if (typeof json !== 'object' || json === null) return undefined
  const fields = json as Readonly<Record<string, unknown>>
  const text = (name: string) => (typeof fields[name] === 'string' ? fields[name] : undefined)
  const hash = (name: string) => decodeHex(text(name), 64) as BlockHash | undefined
  const account = (name: string) => decodeAccount(text(name))
  const work = decodeHex(text('work'), 16)?.toLowerCase() as Work | undefined
  const signature = decodeHex(text('signature'), 128) as Signature | undefined
  const previous = hash('previous')
  switch (fields.type) {
    case 'state':
      return complete<State>({
        type: 'state',
        account: account('account'),
        previous,
        representative: account('representative'),
        balance: decodeRaw(text('balance')),
        link: linkKey(text('link')),
        signature,
        work,
      })
    case 'open':
      return complete<LegacyOpen>({
        type: 'open',
        source: hash('source'),
        representative: account('representative'),
        account: account('account'),
        work,
        signature,
      })
    case 'send': {
      const balance = decodeHex(text('balance'), 32)
      return complete<LegacySend>({
        type: 'send',
        previous,
        destination: account('destination'),
        balance: balance === undefined ? undefined : (BigInt(`0x${balance}`) as Raw),
        work,
        signature,
      })
    }
    case 'receive':
      return complete<LegacyReceive>({ type: 'receive', previous, source: hash('source'), work, signature })
    case 'change':
      return complete<LegacyChange>({
        type: 'change',
        previous,
        representative: account('representative'),
        work,
        signature,
      })
    default:
      return undefined
  }
}

/** The block, if no field is missing or unreadable. */
const complete = <T extends Block>(fields: { readonly [K in keyof T]: T[K] | undefined }): T | undefined =>
  Object.values(fields).includes(undefined) ? undefined : (fields as unknown as T)

function linkKey(text: string | undefined): string | undefined {
  const account = decodeAccount(text)
  return account ? addressToPublicKey(account) : decodeHex(text, 64)
}

/** Writes a block as a node does, its fields in the node's order. */
export function blockJson(block: Block): Readonly<Record<string, string>> {
  if (block.type === 'state') return blockToJson(block)
  return block.type === 'send' ? { ...block, balance: hex32(block.balance) } : block
}

/** The block's hash, computed. */
export const hashOf = (block: Block): BlockHash => {
  const parsed = parseBlock(blockJson(block))
  return parsed.hash
}

/** The block before it in its account's chain; zeros for the first. */
export const previousOf = (block: Block): BlockHash => (block.type === 'open' ? ZERO_HASH : block.previous)

/** What its work is computed over: the block before it, or its account's key where there is none. */
export function rootOf(block: Block): string {
  return 'account' in block && previousOf(block) === ZERO_HASH ? addressToPublicKey(block.account) : previousOf(block)
}

/** A block inside a node's answer: an object where the caller asked for `json_block`, otherwise JSON text. */
export const contentsOf = (block: Block, asObject: boolean) =>
  asObject ? blockJson(block) : printJson(blockJson(block))
