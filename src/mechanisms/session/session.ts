/**
 * The session mechanism (`exact`): the client sends exactly the amount of its session, tag included, and presents the
 * block's hash with the session id. The block is public and so worthless to others: the id is not, and the tag ties the two.
 */
import { LRUCache } from 'lru-cache'
import type { Mechanism, Proof, Verified } from '../../core/mechanism.ts'
import { type Quote, TAG_MODULUS } from '../../core/quote.ts'
import { refusal } from '../../core/refusal.ts'
import { NodeUnavailableError } from '../../errors.ts'
import {
  addressToPublicKey,
  type BlockHash,
  blockHash,
  type NanoAddress,
  type PublicKey,
  type Raw,
  type StateBlock,
} from '../../nano/index.ts'
import type { Ledger, LedgerBlock } from '../../rpc/index.ts'
import type { PresentedPayment } from '../../x402/wire.ts'

/** What a payer presents: the hash of its send, and the session that it pays. */
export interface SessionProof extends Proof {
  readonly hash: BlockHash
}

export interface SessionOptions {
  readonly ledger: Ledger
  /** How long a request waits for its block to be seen and confirmed before it is told to come again. */
  readonly confirmTimeoutMs: number
}

/** Hashes that were not known when presented, kept for each session, so that a session cannot have us look up the world. */
const MAX_UNKNOWN_HASHES = 8
const MAX_COUNTED_SESSIONS = 50_000

/** Makes the session mechanism over a ledger. */
export function sessionMechanism({ ledger, confirmTimeoutMs }: SessionOptions): Mechanism<SessionProof> {
  const unknownHashes = new LRUCache<string, BlockHash[]>({ max: MAX_COUNTED_SESSIONS })

  /** Whether this session may have us look up one more hash. */
  const mayLookUp = (session: string, hash: BlockHash): boolean => {
    const hashes = unknownHashes.get(session) ?? []
    if (hashes.includes(hash)) return true
    if (hashes.length === MAX_UNKNOWN_HASHES) return false
    unknownHashes.set(session, [...hashes, hash])
    return true
  }

  return {
    scheme: 'exact',

    offer: (quote) => ({
      scheme: 'exact',
      network: quote.network,
      amount: quote.amount.toString(),
      asset: 'XNO',
      payTo: quote.payTo,
      maxTimeoutSeconds: Math.floor((quote.expiresAtMs - quote.issuedAtMs) / 1000),
      extra: {
        nanoSession: {
          id: quote.sessionId,
          tag: quote.tag.toString(),
          tagModulus: TAG_MODULUS.toString(),
          resourceAmountRaw: quote.resourceAmount.toString(),
          tagAmountRaw: quote.tag.toString(),
          expiresAt: Math.floor(quote.expiresAtMs / 1000),
        },
      },
    }),

    read: readSessionProof,

    async verify({ hash }, quote, client) {
      let found = ledger.peek(hash)
      if (!found) {
        if (!mayLookUp(quote.id, hash)) return refusal('too_many_attempts')
        found = await ledger.find(hash, client.signal)
      }
      if (!found?.confirmed && !(found && mismatchOf(found, quote))) {
        const { signal } = client
        found = await ledger.waitConfirmed(hash, { timeoutMs: confirmTimeoutMs, ...(signal && { signal }) })
      }
      if (!found) return refusal('settlement_pending')
      const mismatch = mismatchOf(found, quote)
      if (mismatch) return refusal(mismatch)
      if (!found.confirmed || found.block.type !== 'state') return refusal('settlement_pending')
      // Last, because it costs milliseconds, and anybody can present any public block.
      if (!found.isSigned())
        throw new NodeUnavailableError('The Nano node showed a payment that its account did not sign.')
      return verified(hash, found.block, found.localTimestampMs, quote)
    },
  }
}

/** `{ proof, sessionId }` and nothing else; the hash in its one spelling. */
function readSessionProof({ payload }: PresentedPayment): SessionProof | undefined {
  const { proof, sessionId, ...others } = payload
  if (typeof sessionId !== 'string' || Object.keys(others).length > 0) return undefined
  try {
    return { hash: blockHash(proof), sessionId }
  } catch {
    return undefined
  }
}

/** Why this block is not the payment that the quote asks for. Accounts are compared by key, never by text. */
function mismatchOf({ block, sent }: LedgerBlock, quote: Quote): 'amount_mismatch' | 'recipient_mismatch' | undefined {
  if (block.type !== 'state' || sent === undefined) return 'amount_mismatch'
  if (block.link !== keyOf(quote.payTo)) return 'recipient_mismatch'
  return isExact(sent, quote) ? undefined : 'amount_mismatch'
}

/** Equal amounts have equal tags; the tag is compared all the same, as it is what makes the payment this session's. */
const isExact = (sent: Raw, { amount, tag }: Quote) => sent === amount && sent % TAG_MODULUS === tag

const keys = new LRUCache<string, PublicKey>({ max: 1_000 })

/** The key of an account of ours. Decoding an address costs more than remembering it. */
function keyOf(address: string): PublicKey {
  const known = keys.get(address)
  if (known) return known
  const key = addressToPublicKey(address as NanoAddress)
  keys.set(address, key)
  return key
}

const verified = (hash: BlockHash, block: StateBlock, paidAtMs: number | undefined, quote: Quote): Verified => ({
  kind: 'verified',
  ids: [`session:${quote.id}`, `block:${hash}`],
  paidAtMs,
  async settle() {
    const { amount, network } = quote
    return {
      kind: 'settled',
      settlement: { success: true, transaction: hash, network, payer: block.account, amount: amount.toString() },
      async commit() {},
      async release() {},
    }
  },
})
