/**
 * The session mechanism (`exact`): the client sends exactly the amount of its session, tag included, and presents the
 * block's hash with the session id. The block is public and so worthless to others: the id is not, and the tag ties the two.
 */
import type { Mechanism, Proof } from '../../core/mechanism.ts'
import { isRefusal, refusal } from '../../core/refusal.ts'
import { type BlockHash, blockHash } from '../../nano/index.ts'
import type { PresentedPayment } from '../../x402/wire.ts'
import { createSearch, type ExactOptions, exactOffer, termsOf, verifiedSend } from '../exact.ts'

/** What a payer presents: the hash of its send, and the session that it pays. */
export interface SessionProof extends Proof {
  readonly hash: BlockHash
}

/**
 * Makes the session mechanism over a ledger.
 *
 * @example
 * const node = createRpc({ endpoints: ['http://127.0.0.1:7076'] })
 * const ledger = createLedger({ node, nodes: node.nodes })
 * const mechanism = sessionMechanism({ ledger, confirmTimeoutMs: 5_000 })
 */
export function sessionMechanism(options: ExactOptions): Mechanism<SessionProof> {
  const search = createSearch(options)
  return {
    scheme: 'exact',
    offer: (quote) => exactOffer(quote, { nanoSession: termsOf(quote) }),
    read: readSessionProof,
    async verify({ hash }, quote, client) {
      const found = await search.look(hash, quote, client)
      if (found === 'too_many_attempts') return refusal(found)
      const send = await search.confirm({ hash, found }, quote, client)
      return isRefusal(send) ? send : verifiedSend(send, quote)
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
