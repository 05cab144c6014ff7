/**
 * Blocks. Ours are state blocks; the four legacy kinds are read too, because an account's older blocks can be the
 * `previous` of a payment. Everything read from outside is checked field by field and hashed here.
 */
import { InvalidValueError } from '../errors.ts'
import { addressToBytes, addressToPublicKey, type NanoAddress, nanoAddress, publicKeyToAddress } from './account.ts'
import { blake2b } from './blake2b.ts'
import {
  type BlockHash,
  blockHash,
  bytesToHex,
  concatBytes,
  hexToBytes,
  type PrivateKey,
  type PublicKey,
  publicKey,
  type Signature,
  signature,
  type Work,
  work,
  ZERO_HASH,
} from './hex.ts'
import { hashSigner, verifyHash } from './keys.ts'
import { parseRaw, type Raw } from './raw.ts'

/** The part of a state block that its hash covers. */
export interface StateBlockContent {
  readonly account: NanoAddress
  /** The account's block before this one; `ZERO_HASH` for its first. */
  readonly previous: BlockHash
  readonly representative: NanoAddress
  /** What the account holds *after* this block, in raw. */
  readonly balance: Raw
  /** 64 hex digits: the destination's key (send), the hash of the send (receive), or zeros (change). */
  readonly link: string
}

/** A state block with its signature and, once it is to be published, its work. */
export interface StateBlock extends StateBlockContent {
  readonly type: 'state'
  readonly signature: Signature
  readonly work: Work | undefined
}

/** A block of one of the four kinds from before 2018. `balance` only where the block itself carries it. */
export interface LegacyBlock {
  readonly type: 'open' | 'send' | 'receive' | 'change'
  readonly previous: BlockHash
  readonly hash: BlockHash
  readonly balance: Raw | undefined
}

/** A block that was read from outside, with the hash that we computed. */
export type ParsedBlock = (StateBlock & { readonly hash: BlockHash }) | LegacyBlock

/** A state block as a node's JSON spells it. */
export type StateBlockJson = {
  readonly type: 'state'
  readonly account: string
  readonly previous: string
  readonly representative: string
  readonly balance: string
  readonly link: string
  readonly link_as_account: string
  readonly signature: string
  readonly work?: string
}

const PREAMBLE = hexToBytes('6'.padStart(64, '0'))

const balanceBytes = (balance: Raw) => hexToBytes(balance.toString(16).padStart(32, '0'))

/**
 * BLAKE2b-256 over preamble, account, previous, representative, balance and link. Signature and work are not part of it.
 *
 * @example
 * hashBlock({
 *   account: nanoAddress('nano_15nhh1kzw3x8ohez6s75wy3jr6dqgq65oaede1fzk5hqxk4j8ehz7iqtb3to'),
 *   previous: blockHash('FEFBCE274E75148AB31FF63EFB3082EF1126BF72BF3FA9C76A97FD5A9F0EBEC5'),
 *   representative: nanoAddress('nano_1stofnrxuz3cai7ze75o174bpm7scwj9jn3nxsn8ntzg784jf1gzn1jjdkou'),
 *   balance: parseRaw('2251569974100400000000000000000000'),
 *   link: 'E16DD58C1EFA8B521545B0A74375AA994D9FC43828A4266D75ECF57F07A7EE86',
 * }) // '2D243F8F92CDD0AD94A1D456A6B15F3BE7A6FCBD98D4C5831D06D15C818CD81F'
 */
export function hashBlock(block: StateBlockContent): BlockHash {
  const preimage = concatBytes(
    PREAMBLE,
    addressToBytes(block.account),
    hexToBytes(block.previous),
    addressToBytes(block.representative),
    balanceBytes(block.balance),
    hexToBytes(block.link),
  )
  return bytesToHex(blake2b(32, preimage)) as BlockHash
}

/**
 * Signs blocks of one account, for a third of what `signBlock` takes.
 *
 * @example
 * const key = derivePrivateKey('0'.repeat(64), 0)
 * const account = publicKeyToAddress(derivePublicKey(key))
 * const content = { account, previous: ZERO_HASH, representative: account, balance: parseXno('1'), link: 'AB'.repeat(32) }
 * const block = blockSigner(key)(content)
 */
export function blockSigner(key: PrivateKey): (content: StateBlockContent, blockWork?: Work) => StateBlock {
  const { publicKey, sign } = hashSigner(key)
  return (content, blockWork) => {
    if (publicKey !== addressToPublicKey(content.account)) {
      throw new InvalidValueError('The private key is not the key of the account whose block it should sign.')
    }
    return { type: 'state', ...content, signature: sign(hashBlock(content)), work: blockWork }
  }
}

/**
 * Signs a block. The work can be added later: it is not signed.
 *
 * @throws {@link InvalidValueError} when the key is another account's.
 * @example
 * const key = derivePrivateKey('0'.repeat(64), 0)
 * const account = publicKeyToAddress(derivePublicKey(key))
 * const content = { account, previous: ZERO_HASH, representative: account, balance: parseXno('1'), link: 'AB'.repeat(32) }
 * const block = signBlock(content, key)
 */
export const signBlock = (content: StateBlockContent, key: PrivateKey, blockWork?: Work): StateBlock =>
  blockSigner(key)(content, blockWork)

/**
 * Whether the account's own key signed this block.
 *
 * @example
 * const key = derivePrivateKey('0'.repeat(64), 0)
 * const account = publicKeyToAddress(derivePublicKey(key))
 * const content = { account, previous: ZERO_HASH, representative: account, balance: parseXno('1'), link: 'AB'.repeat(32) }
 * const isGenuine = isSignedByAccount(signBlock(content, key)) // true
 */
export const isSignedByAccount = (block: StateBlock): boolean =>
  verifyHash(hashBlock(block), block.signature, addressToPublicKey(block.account))

/**
 * What the work of a block is computed over: its previous, or its account's key where there is none.
 *
 * @example
 * workRoot({ account: publicKeyToAddress(publicKey('0'.repeat(64))), previous: ZERO_HASH }) // '0'.repeat(64)
 */
export const workRoot = (block: Pick<StateBlockContent, 'account' | 'previous'>): string =>
  block.previous === ZERO_HASH ? addressToPublicKey(block.account) : block.previous

/**
 * Writes a state block as a node's JSON.
 *
 * @example
 * const key = derivePrivateKey('0'.repeat(64), 0)
 * const account = publicKeyToAddress(derivePublicKey(key))
 * const content = { account, previous: ZERO_HASH, representative: account, balance: parseXno('1'), link: 'AB'.repeat(32) }
 * const text = JSON.stringify(blockToJson(signBlock(content, key)))
 */
export function blockToJson(block: StateBlock): StateBlockJson {
  return {
    type: 'state',
    account: block.account,
    previous: block.previous,
    representative: block.representative,
    balance: block.balance.toString(),
    link: block.link,
    link_as_account: publicKeyToAddress(block.link as PublicKey),
    signature: block.signature,
    ...(block.work !== undefined && { work: block.work }),
  }
}

type Fields = Readonly<Record<string, unknown>>

/**
 * Reads a block from outside: a node's answer, or a client's. Checks every field's form; whether the signature is true
 * is {@link isSignedByAccount}'s to say. Fields that a block does not have are ignored, `link_as_account` is never believed.
 *
 * @throws {@link InvalidValueError} (`ERR_INVALID_VALUE`) or {@link AmountError} (`ERR_AMOUNT`)
 * @example
 * const block = parseBlock(await (await fetch('https://api.example.com/block')).json())
 * const isGenuine = block.type === 'state' && isSignedByAccount(block)
 */
export function parseBlock(json: unknown): ParsedBlock {
  if (typeof json !== 'object' || json === null) throw new InvalidValueError('Not a block: expected an object.')
  const fields = json as Fields
  return fields.type === 'state' ? parseState(fields) : parseLegacy(fields)
}

function parseState(fields: Fields): StateBlock & { readonly hash: BlockHash } {
  const content: StateBlockContent = {
    account: nanoAddress(fields.account),
    previous: blockHash(fields.previous),
    representative: nanoAddress(fields.representative),
    balance: parseRaw(fields.balance),
    link: publicKey(fields.link),
  }
  return {
    type: 'state',
    ...content,
    signature: signature(fields.signature),
    work: fields.work === undefined ? undefined : work(fields.work),
    hash: hashBlock(content),
  }
}

const accountBytes = (value: unknown) => addressToBytes(nanoAddress(value))

function parseLegacy(fields: Fields): LegacyBlock {
  const { type } = fields
  const previous = type === 'open' ? ZERO_HASH : blockHash(fields.previous)
  const hashOf = (...parts: Uint8Array[]) => bytesToHex(blake2b(32, concatBytes(...parts))) as BlockHash
  switch (type) {
    case 'open': {
      const source = hexToBytes(blockHash(fields.source))
      const hash = hashOf(source, accountBytes(fields.representative), accountBytes(fields.account))
      return { type, previous, hash, balance: undefined }
    }
    case 'send': {
      const balance = legacyBalance(fields.balance)
      const hash = hashOf(hexToBytes(previous), accountBytes(fields.destination), balanceBytes(balance))
      return { type, previous, hash, balance }
    }
    case 'receive': {
      const hash = hashOf(hexToBytes(previous), hexToBytes(blockHash(fields.source)))
      return { type, previous, hash, balance: undefined }
    }
    case 'change':
      return {
        type,
        previous,
        hash: hashOf(hexToBytes(previous), accountBytes(fields.representative)),
        balance: undefined,
      }
    default:
      throw new InvalidValueError('Not a block: its type is none that Nano has.')
  }
}

/** A legacy send writes its balance as 32 hex digits. */
function legacyBalance(value: unknown): Raw {
  if (typeof value !== 'string' || !/^[0-9a-fA-F]{32}$/.test(value)) {
    throw new InvalidValueError('Not a balance of a legacy block: expected 32 hex digits.')
  }
  return BigInt(`0x${value}`) as Raw
}
