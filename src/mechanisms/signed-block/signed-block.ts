/**
 * The signed-block mechanism (`exact`, NanoSession revision 8 track A): the client signs its send and hands it over; we
 * publish it, after the claim, and serve once it is confirmed. One round trip for the client. What is checked before the
 * claim takes a node's word for the account's state; what is served for is the block on the ledger, proven as any other.
 */
import type { Client, Mechanism, Proof } from '../../core/mechanism.ts'
import type { Quote } from '../../core/quote.ts'
import { isRefusal, type Refusal, refusal } from '../../core/refusal.ts'
import { NodeRefusedError } from '../../errors.ts'
import {
  type BlockHash,
  isSignedByAccount,
  isValidWork,
  type ParsedBlock,
  parseBlock,
  type StateBlock,
  type Work,
} from '../../nano/index.ts'
import type { PresentedPayment } from '../../x402/wire.ts'
import { createChecks } from '../checks.ts'
import {
  type ConfirmedSend,
  createSearch,
  type ExactOptions,
  echoedId,
  exactOffer,
  isExact,
  keyOf,
  termsOf,
  unixSeconds,
  verifiedSend,
} from '../exact.ts'

/** What a payer presents: its send, signed and with work, not published. */
export interface SignedBlockProof extends Proof {
  readonly hash: BlockHash
  readonly block: Send
}

type Send = StateBlock & { readonly hash: BlockHash }

/** What the signed-block mechanism needs. */
export interface SignedBlockOptions extends ExactOptions {
  /** The least work that the network takes for a send. */
  readonly sendWork: Work
}

/**
 * Makes the signed-block mechanism over a ledger.
 *
 * @example
 * const node = createRpc({ endpoints: ['http://127.0.0.1:7076'] })
 * const ledger = createLedger({ node, nodes: node.nodes })
 * const sendWork = WORK_THRESHOLDS['nano:mainnet'].send
 * const mechanism = signedBlockMechanism({ ledger, confirmTimeoutMs: 5_000, sendWork })
 */
export function signedBlockMechanism(options: SignedBlockOptions): Mechanism<SignedBlockProof> {
  const { ledger, sendWork } = options
  const search = createSearch(options)
  const checks = createChecks()
  /** What is being published, by the block before it. */
  const publishing = new Map<BlockHash, BlockHash>()

  /** Whether this block would be taken if it were published now. The account's state comes from one answer, not from two. */
  async function check(block: Send, quote: Quote, client: Client): Promise<Refusal | 'published' | undefined> {
    const { previous, balance, work } = block
    if (Date.now() > quote.expiresAtMs) return refusal('session_expired')
    const account = await ledger.account(block.account, client.signal)
    if (account?.frontier !== previous) {
      // It may have been published while we asked, by another request with it, or by somebody else.
      if (account?.frontier === block.hash) return 'published'
      const again = ledger.find(block.hash, client.signal)
      const [published, found] = await Promise.all([again, search.look(previous, quote, client)])
      if (published) return 'published'
      // What the node has not seen yet is not stale: it may come.
      if (found === 'too_many_attempts') return refusal(found)
      return refusal(found ? 'stale_frontier' : 'settlement_pending')
    }
    const { confirmedFrontier, confirmedBalance } = account
    if (confirmedFrontier !== previous || confirmedBalance === undefined) return refusal('settlement_pending')
    if (!isExact(confirmedBalance - balance, quote)) return refusal('amount_mismatch')
    // Anybody can name a rich account and its frontier. Work on it is what a stranger has to spend, and costs us nothing to check.
    if (work === undefined || !isValidWork(previous, work, sendWork)) return refusal('invalid_work')
    return checks.run(previous, `${block.hash} ${block.signature}`, () =>
      isSignedByAccount(block) ? undefined : refusal('invalid_signature'),
    )
  }

  /** Publishes the block and waits for its confirmation. Whatever the node says to it, the ledger decides. */
  async function publish(block: Send, quote: Quote, client: Client): Promise<Refusal | ConfirmedSend> {
    const { hash, previous } = block
    if ((publishing.get(previous) ?? hash) !== hash) return refusal('duplicate_frontier')
    publishing.set(previous, hash)
    try {
      const failure: unknown = await ledger.publish(block).then(
        () => undefined,
        (error: unknown) => error,
      )
      const found = failure === undefined ? undefined : await ledger.find(hash, client.signal)
      if (failure !== undefined && !found) return await refusalFor(failure, block)
      return await search.confirm({ hash, found, isSigned: true }, quote, client)
    } finally {
      publishing.delete(previous)
    }
  }

  /** Why a block is not on the ledger after it was published. Errors about the subtype hide the one that says `Fork`. */
  async function refusalFor(failure: unknown, { account, previous }: Send): Promise<Refusal> {
    if (!(failure instanceof NodeRefusedError)) throw failure
    const isBehind = failure.nodeError.startsWith('Gap')
    const isFree = isBehind || (await ledger.account(account))?.frontier === previous
    return refusal(isFree ? 'broadcast_failed' : 'frontier_changed')
  }

  return {
    scheme: 'exact',

    offer: (quote) => exactOffer(quote, { validBefore: unixSeconds(quote.expiresAtMs), nanoTxn: termsOf(quote) }),

    read: readSignedBlock,

    async verify({ hash, block }, quote, client) {
      if (block.link !== keyOf(quote.payTo)) return refusal('recipient_mismatch')
      const found = await search.look(hash, quote, client)
      if (found === 'too_many_attempts') return refusal(found)
      const refused = found ? 'published' : await check(block, quote, client)
      if (refused === 'published') {
        // By us or by somebody else: a payment like any other.
        const send = await search.confirm({ hash, found }, quote, client)
        return isRefusal(send) ? send : verifiedSend(send, quote)
      }
      return refused ?? verifiedSend({ block, hash }, quote, (waiting) => publish(block, quote, waiting))
    },
  }
}

const isState = (block: ParsedBlock): block is Send => block.type === 'state'

/** `{ block }` and nothing else; the sealed id stands in the echoed offer. `link_as_account` is never read. */
function readSignedBlock(payment: PresentedPayment): SignedBlockProof | undefined {
  const { block: json, ...others } = payment.payload
  const sessionId = echoedId(payment, 'nanoTxn')
  if (sessionId === undefined || Object.keys(others).length > 0) return undefined
  try {
    const block = parseBlock(json)
    return isState(block) ? { sessionId, hash: block.hash, block } : undefined
  } catch {
    return undefined
  }
}
