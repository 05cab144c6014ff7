/**
 * Which block may follow: the checks of nano-node's ledger in its order, with its words
 * (nano/secure/ledger.cpp `ledger_processor`, nano/lib/errors.cpp). The first check that fails names the error.
 */
import {
  addressToPublicKey,
  type BlockHash,
  isValidWork,
  type NanoAddress,
  type PublicKey,
  publicKeyToAddress,
  type Raw,
  verifyHash,
  WORK_THRESHOLDS,
  type Work,
  ZERO_HASH,
} from '../nano/index.ts'
import {
  type Block,
  type LegacyChange,
  type LegacyOpen,
  type LegacyReceive,
  type LegacySend,
  rootOf,
  type State,
} from './block.ts'
import { DEVNET_GENESIS_ACCOUNT, EPOCH_LINKS } from './genesis.ts'
import type { Entry, Epoch, LedgerView } from './ledger.ts'

/** Why a block was not taken, in the node's words. */
export interface ProcessError {
  readonly error: string
}

/** What a block does to the ledger. */
export type Placement = Omit<Entry, 'hash' | 'block' | 'height' | 'timestamp'>

const { send: SEND_WORK, receive: RECEIVE_WORK } = WORK_THRESHOLDS['nano:devnet']
/** Before the second epoch there was one threshold for all blocks. */
const OLD_WORK = 'fe00000000000000' as Work

/** The least work that a node looks at before it asks its ledger. */
export const ENTRY_WORK = RECEIVE_WORK

const no = (error: string): ProcessError => ({ error })
const OLD = no('Old block')
const BAD_SIGNATURE = no('Bad signature')
const FORK = no('Fork')
const GAP_PREVIOUS = no('Gap previous block')
const GAP_SOURCE = no('Gap source block')
const UNRECEIVABLE = no('Unreceivable')
const MISMATCH = no('Balance and amount delta do not match')
const POSITION = no('This block cannot follow the previous block')
const LITTLE_WORK = no('Block work is insufficient')
const BURN = no('Block attempts to open the burn account')
const OTHER = no('Error processing block')

/** Decides about one block. Reads the ledger, changes nothing. */
export function checkBlock(ledger: LedgerView, hash: BlockHash, block: Block): Placement | ProcessError {
  if (ledger.get(hash)) return OLD
  switch (block.type) {
    case 'state':
      return isEpochBlock(ledger, block) ? checkEpoch(ledger, hash, block) : checkState(ledger, hash, block)
    case 'open':
      return checkOpen(ledger, hash, block)
    default:
      return checkLegacy(ledger, hash, block)
  }
}

const isSigned = (hash: BlockHash, block: Block, account: NanoAddress) =>
  verifyHash(hash, block.signature, addressToPublicKey(account))

const hasWork = (block: Block, epoch: Epoch, easy: boolean) =>
  isValidWork(rootOf(block), block.work, epoch < 2 ? OLD_WORK : easy ? RECEIVE_WORK : SEND_WORK)

const isBurn = (account: NanoAddress) => /^0+$/.test(addressToPublicKey(account))

/** A state block with an epoch's link that moves nothing. With another balance it is a send to a curious account. */
const isEpochBlock = (ledger: LedgerView, block: State) =>
  EPOCH_LINKS.has(block.link) && block.balance === (ledger.get(block.previous)?.balance ?? 0n)

function checkState(ledger: LedgerView, hash: BlockHash, block: State): Placement | ProcessError {
  const { account, previous, representative, balance, link } = block
  if (!isSigned(hash, block, account)) return BAD_SIGNATURE
  if (isBurn(account)) return BURN
  const head = ledger.head(account)
  if (head && previous === ZERO_HASH) return FORK
  if (previous !== ZERO_HASH && !(head && ledger.get(previous))) return GAP_PREVIOUS
  if (head && previous !== head.hash) return FORK
  if (!head && link === ZERO_HASH) return GAP_SOURCE

  const before = head?.balance ?? 0n
  const common = { account, representative, balance }
  const epoch = head?.epoch ?? 0
  if (head && balance < before) {
    if (!hasWork(block, epoch, false)) return LITTLE_WORK
    const destination = publicKeyToAddress(link as PublicKey)
    const amount = (before - balance) as Raw
    return { ...common, subtype: 'send', amount, destination, source: undefined, epoch, sourceEpoch: 0 }
  }
  if (link === ZERO_HASH) {
    if (balance !== before) return MISMATCH
    if (!hasWork(block, epoch, false)) return LITTLE_WORK
    return {
      ...common,
      subtype: 'change',
      amount: 0n as Raw,
      destination: undefined,
      source: undefined,
      epoch,
      sourceEpoch: 0,
    }
  }
  const source = link as BlockHash
  if (!ledger.get(source)) return GAP_SOURCE
  const receivable = ledger.receivable(account, source)
  if (!receivable) return UNRECEIVABLE
  if (balance - before !== receivable.amount) return MISMATCH
  const newEpoch = Math.max(epoch, receivable.epoch) as Epoch
  if (!hasWork(block, newEpoch, true)) return LITTLE_WORK
  const { amount, epoch: sourceEpoch } = receivable
  return { ...common, subtype: 'receive', amount, destination: undefined, source, epoch: newEpoch, sourceEpoch }
}

function checkEpoch(ledger: LedgerView, hash: BlockHash, block: State): Placement | ProcessError {
  const { account, previous, representative, balance, link } = block
  if (previous !== ZERO_HASH && !ledger.get(previous)) return GAP_PREVIOUS
  if (!isSigned(hash, block, DEVNET_GENESIS_ACCOUNT)) return BAD_SIGNATURE
  if (isBurn(account)) return BURN
  const head = ledger.head(account)
  if (head) {
    if (previous !== head.hash) return FORK
    if (representative !== head.representative) return OTHER
  } else {
    if (!isBurn(representative)) return OTHER
    if (ledger.receivables(account).length === 0) return no('Gap pending for open epoch block')
  }
  const epoch = EPOCH_LINKS.get(link) ?? 1
  if (head && epoch !== head.epoch + 1) return POSITION
  if (balance !== (head?.balance ?? 0n)) return MISMATCH
  if (!hasWork(block, epoch, true)) return LITTLE_WORK
  const nothing = { amount: 0n as Raw, destination: undefined, source: undefined }
  return { account, representative, balance, subtype: 'epoch', ...nothing, epoch, sourceEpoch: 0 }
}

function checkOpen(ledger: LedgerView, hash: BlockHash, block: LegacyOpen): Placement | ProcessError {
  const { account, source, representative } = block
  if (!ledger.get(source)) return GAP_SOURCE
  if (ledger.head(account)) return FORK
  if (!isSigned(hash, block, account)) return BAD_SIGNATURE
  const receivable = ledger.receivable(account, source)
  if (receivable?.epoch !== 0) return UNRECEIVABLE
  if (isBurn(account)) return BURN
  if (!hasWork(block, 0, false)) return LITTLE_WORK
  const { amount } = receivable
  return {
    account,
    subtype: 'receive',
    balance: amount,
    amount,
    destination: undefined,
    source,
    representative,
    epoch: 0,
    sourceEpoch: 0,
  }
}

function checkLegacy(
  ledger: LedgerView,
  hash: BlockHash,
  block: LegacySend | LegacyReceive | LegacyChange,
): Placement | ProcessError {
  const previous = ledger.get(block.previous)
  if (!previous) return GAP_PREVIOUS
  if (previous.block.type === 'state') return POSITION
  const { account, representative, balance } = previous
  if (ledger.head(account) !== previous) return FORK
  if (!isSigned(hash, block, account)) return BAD_SIGNATURE
  const common = { account, representative, epoch: 0, sourceEpoch: 0 } as const
  const enough = hasWork(block, 0, false)
  if (block.type === 'change') {
    if (!enough) return LITTLE_WORK
    const nothing = { amount: 0n as Raw, destination: undefined, source: undefined }
    return { ...common, representative: block.representative, balance, subtype: 'change', ...nothing }
  }
  if (block.type === 'send') {
    if (!enough) return LITTLE_WORK
    if (block.balance > balance) return no('Negative spend')
    const amount = (balance - block.balance) as Raw
    const { destination } = block
    return { ...common, balance: block.balance, subtype: 'send', amount, destination, source: undefined }
  }
  if (!ledger.get(block.source)) return GAP_SOURCE
  const receivable = ledger.receivable(account, block.source)
  if (receivable?.epoch !== 0) return UNRECEIVABLE
  if (!enough) return LITTLE_WORK
  const { amount } = receivable
  return {
    ...common,
    balance: (balance + amount) as Raw,
    subtype: 'receive',
    amount,
    destination: undefined,
    source: block.source,
  }
}
