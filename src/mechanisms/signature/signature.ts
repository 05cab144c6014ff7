/**
 * The signature mechanism (`exact`, NanoSession revision 8 track B): the client pays first, as for a session, and then
 * signs block, nonce and expiry with the paying account's key. The nonce follows from our seal: nothing is remembered.
 * Clients of revision 7 sign block and URL; the URL that their wire gives them ends with the nonce.
 */
import { encodeFields } from '../../core/bytes.ts'
import type { Mechanism, Proof } from '../../core/mechanism.ts'
import type { Quote } from '../../core/quote.ts'
import { isRefusal, refusal } from '../../core/refusal.ts'
import { blake2b } from '../../nano/blake2b.ts'
import { bytesToHex } from '../../nano/hex.ts'
import {
  addressToPublicKey,
  type BlockHash,
  blockHash,
  nanoAddress,
  type PublicKey,
  type Signature,
  signature,
  verifyHash,
  verifyMessage,
} from '../../nano/index.ts'
import { receiptDigest } from '../../nano/message.ts'
import type { PresentedPayment } from '../../x402/wire.ts'
import { createChecks } from '../checks.ts'
import { createSearch, type ExactOptions, echoedId, exactOffer, termsOf, unixSeconds, verifiedSend } from '../exact.ts'

/** What a payer presents: its send, and its signature as the sender. */
export interface SignatureProof extends Proof {
  readonly hash: BlockHash
  readonly signature: Signature
  readonly signed: Signed
}

/** What the signature is over. */
type Signed =
  /** The message of revision 8, by an account that is named beside it. */
  | { readonly kind: 'message'; readonly by: PublicKey }
  /** Hash and URL, as they were presented: revision 7, which leaves it to the block who sent it. */
  | { readonly kind: 'receipt'; readonly hash: string; readonly url: string }

/**
 * Makes the signature mechanism over a ledger.
 *
 * @example
 * const node = createRpc({ endpoints: ['http://127.0.0.1:7076'] })
 * const ledger = createLedger({ node, nodes: node.nodes })
 * const mechanism = signatureMechanism({ ledger, confirmTimeoutMs: 5_000 })
 */
export function signatureMechanism(options: ExactOptions): Mechanism<SignatureProof> {
  const search = createSearch(options)
  const checks = createChecks()
  return {
    scheme: 'exact',

    offer: (quote) =>
      exactOffer(quote, {
        nonce: nonceOf(quote),
        validBefore: unixSeconds(quote.expiresAtMs),
        nanoSignature: termsOf(quote),
      }),

    read: readSignatureProof,

    async verify({ hash, signature, signed }, quote, client) {
      const isForOther = signed.kind === 'receipt' && !signed.url.endsWith(`#${nonceOf(quote)}`)
      if (isForOther) return refusal('invalid_signature')
      const found = await search.look(hash, quote, client)
      if (found === 'too_many_attempts') return refusal(found)
      const sender = signed.kind === 'message' && { sender: signed.by }
      const send = await search.confirm({ hash, found, ...sender }, quote, client)
      if (isRefusal(send)) return send
      // Last, because it costs milliseconds: whoever gets here has paid for it.
      const proof = JSON.stringify([quote.sessionId, hash, signature, signed])
      const refused = checks.run(quote.id, proof, () => {
        const isSigned =
          signed.kind === 'message'
            ? verifyMessage(messageFor(hash, quote), signature, signed.by)
            : verifyHash(receiptDigest(signed.hash, signed.url), signature, addressToPublicKey(send.block.account))
        return isSigned ? undefined : refusal('invalid_signature')
      })
      return refused ?? verifiedSend(send, quote)
    },
  }
}

/** 32 bytes that belong to one sealed offer, as lower-case hex. */
const nonceOf = ({ sessionId }: Quote): string =>
  bytesToHex(blake2b(32, encodeFields(['nano402 nonce 1', sessionId]))).toLowerCase()

/** What is signed: 140 bytes, as long as Unix time has ten digits. */
const messageFor = (hash: BlockHash, quote: Quote): string =>
  `${hash.toLowerCase()}:${nonceOf(quote)}:${unixSeconds(quote.expiresAtMs)}`

/** A payload of revision 8, or one of revision 7 where the wire has found what it is over. The sealed id is in the echoed offer. */
function readSignatureProof(payment: PresentedPayment): SignatureProof | undefined {
  const sessionId = echoedId(payment, 'nanoSignature')
  if (sessionId === undefined) return undefined
  try {
    const proof = payment.signedUrl === undefined ? readMessage(payment) : readReceipt(payment, payment.signedUrl)
    return proof && { sessionId, ...proof }
  } catch {
    return undefined
  }
}

/** `{ blockHash, account, signature }` and nothing else. */
function readMessage({ payload }: PresentedPayment): Omit<SignatureProof, 'sessionId'> | undefined {
  const { blockHash: hash, account, signature: signed, ...others } = payload
  if (Object.keys(others).length > 0) return undefined
  const by = addressToPublicKey(nanoAddress(account))
  return { hash: blockHash(hash), signature: signature(signed), signed: { kind: 'message', by } }
}

/** `{ proof, signature }` and nothing else. */
function readReceipt({ payload }: PresentedPayment, url: string): Omit<SignatureProof, 'sessionId'> | undefined {
  const { proof, signature: signed, ...others } = payload
  if (Object.keys(others).length > 0) return undefined
  const receipt = { kind: 'receipt', hash: String(proof), url } as const
  return { hash: blockHash(proof), signature: signature(signed), signed: receipt }
}
