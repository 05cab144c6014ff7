/**
 * What the mechanisms of scheme `exact` have in common: one send of exactly the quote's amount, tag included, to its
 * account, and the terms that name the quote. Whichever of them a block is presented by, it uses up the same two claims.
 */
import { LRUCache } from '#lru-cache'
import type { Client, Settled, Verified } from '../core/mechanism.ts'
import { type Quote, TAG_MODULUS } from '../core/quote.ts'
import { type Refusal, refusal } from '../core/refusal.ts'
import { NodeUnavailableError } from '../errors.ts'
import {
  addressToPublicKey,
  type BlockHash,
  type NanoAddress,
  nanoAddress,
  type PublicKey,
  type StateBlock,
} from '../nano/index.ts'
import type { Ledger, LedgerBlock } from '../rpc/index.ts'
import type { PaymentRequirements } from '../x402/shapes.ts'
import type { PresentedPayment } from '../x402/wire.ts'

/** What a mechanism looks payments up with. */
export interface ExactOptions {
  readonly ledger: Ledger
  /** How long a request waits for its block to be seen and confirmed before it is told to come again. */
  readonly confirmTimeoutMs: number
}

/** An entry of `accepts`; `extra` is the mechanism's own. */
export const exactOffer = (quote: Quote, extra: Readonly<Record<string, unknown>>): PaymentRequirements => ({
  scheme: 'exact',
  network: quote.network,
  amount: quote.amount.toString(),
  asset: 'XNO',
  payTo: quote.payTo,
  maxTimeoutSeconds: Math.floor((quote.expiresAtMs - quote.issuedAtMs) / 1000),
  extra,
})

/** What every mechanism says of its quote, under its own name in `extra`. */
export const termsOf = (quote: Quote) => ({
  id: quote.sessionId,
  tag: quote.tag.toString(),
  tagModulus: TAG_MODULUS.toString(),
  resourceAmountRaw: quote.resourceAmount.toString(),
  tagAmountRaw: quote.tag.toString(),
  expiresAt: unixSeconds(quote.expiresAtMs),
})

export const unixSeconds = (ms: number): number => Math.floor(ms / 1000)

/** The sealed id in the echoed offer, under a mechanism's name. The client's word, as everything echoed: the guard opens it. */
export function echoedId({ accepted }: PresentedPayment, name: string): string | undefined {
  const terms = accepted.extra?.[name]
  const id = typeof terms === 'object' && terms !== null && 'id' in terms ? terms.id : undefined
  return typeof id === 'string' ? id : undefined
}

const keys = new LRUCache<string, PublicKey>({ max: 1_000 })

/** The key of an account of ours. Decoding an address costs more than remembering it. */
export function keyOf(address: string): PublicKey {
  const known = keys.get(address)
  if (known) return known
  const key = addressToPublicKey(address as NanoAddress)
  keys.set(address, key)
  return key
}

/** Equal amounts have equal tags; the tag is compared all the same, as it is what makes the payment this session's. */
export const isExact = (sent: bigint, { amount, tag }: Quote): boolean => sent === amount && sent % TAG_MODULUS === tag

type Mismatch = 'amount_mismatch' | 'recipient_mismatch' | 'sender_mismatch'

/** Why this block is not the payment that the quote asks for. Accounts are compared by key, never by text. */
function mismatchOf({ block, sent }: LedgerBlock, quote: Quote, sender: PublicKey | undefined): Mismatch | undefined {
  if (block.type !== 'state' || sent === undefined) return 'amount_mismatch'
  if (sender !== undefined && addressToPublicKey(block.account) !== sender) return 'sender_mismatch'
  if (block.link !== keyOf(quote.payTo)) return 'recipient_mismatch'
  return isExact(sent, quote) ? undefined : 'amount_mismatch'
}

/** A confirmed send of exactly what the quote asks, signed by its account. */
export interface ConfirmedSend {
  readonly kind: 'confirmed'
  readonly block: StateBlock
  readonly hash: BlockHash
  readonly paidAtMs: number | undefined
}

/** Looks for payments on the ledger, as often as a session may, and as long as a request waits. */
export interface Search {
  /** A block as the ledger has it now; undefined: it has not seen it. Or why it is not looked up. */
  look(hash: BlockHash, quote: Quote, client: Client): Promise<LedgerBlock | 'too_many_attempts' | undefined>
  /** Waits until what was seen is confirmed, and judges it: from the block before it, not from what anybody says it moved. */
  confirm(
    sight: {
      readonly hash: BlockHash
      readonly found: LedgerBlock | undefined
      /** Whose send it has to be, if that matters. */
      readonly sender?: PublicKey
      /** Whether its signature was checked before. */
      readonly isSigned?: boolean
    },
    quote: Quote,
    client: Client,
  ): Promise<Refusal | ConfirmedSend>
}

/** Hashes that were not known when presented, kept for each session, so that a session cannot have us look up the world. */
const MAX_UNKNOWN_HASHES = 8
const MAX_COUNTED_SESSIONS = 50_000

/** Whether this session may have us look up one more hash. */
export function createLookupLimit(): (session: string, hash: BlockHash) => boolean {
  const unknownHashes = new LRUCache<string, BlockHash[]>({ max: MAX_COUNTED_SESSIONS })
  return (session, hash) => {
    const hashes = unknownHashes.get(session) ?? []
    if (hashes.includes(hash)) return true
    if (hashes.length === MAX_UNKNOWN_HASHES) return false
    unknownHashes.set(session, [...hashes, hash])
    return true
  }
}

export function createSearch({ ledger, confirmTimeoutMs }: ExactOptions): Search {
  const mayLookUp = createLookupLimit()

  return {
    async look(hash, quote, client) {
      const known = ledger.peek(hash)
      if (known) return known
      return mayLookUp(quote.id, hash) ? ledger.find(hash, client.signal) : 'too_many_attempts'
    },

    async confirm({ hash, found: seen, sender, isSigned = false }, quote, client) {
      let found = seen
      if (!found?.confirmed && !(found && mismatchOf(found, quote, sender))) {
        const { signal } = client
        const payTo = nanoAddress(quote.payTo)
        found = await ledger.waitConfirmed(hash, { timeoutMs: confirmTimeoutMs, payTo, ...(signal && { signal }) })
      }
      if (!found) return refusal('settlement_pending')
      const mismatch = mismatchOf(found, quote, sender)
      if (mismatch) return refusal(mismatch)
      const { block, confirmed, localTimestampMs: paidAtMs } = found
      if (!confirmed || block.type !== 'state') return refusal('settlement_pending')
      // Last, because it costs milliseconds, and anybody can present any public block.
      if (!isSigned && !found.isSigned())
        throw new NodeUnavailableError('The Nano node showed a payment that its account did not sign.')
      return { kind: 'confirmed', block, hash, paidAtMs }
    },
  }
}

/** A payment that was found good. Without `settle` it is one that needs no settling. */
export const verifiedSend = (
  { block, hash, paidAtMs }: Pick<ConfirmedSend, 'block' | 'hash'> & { readonly paidAtMs?: number | undefined },
  quote: Quote,
  settle?: (client: Client) => Promise<Refusal | ConfirmedSend>,
): Verified => ({
  kind: 'verified',
  ids: [`session:${quote.id}`, `block:${hash}`],
  payer: block.account,
  paidAtMs,
  async settle(client) {
    const refused = await settle?.(client)
    return refused?.kind === 'refusal' ? refused : settled(hash, block, quote)
  },
})

const settled = (hash: BlockHash, block: StateBlock, { amount, network }: Quote): Settled => ({
  kind: 'settled',
  settlement: { success: true, transaction: hash, network, payer: block.account, amount: amount.toString() },
  async commit() {},
  async release() {},
})
