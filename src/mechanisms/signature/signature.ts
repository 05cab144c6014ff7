/**
 * The signature mechanism (`exact`, NanoSession revision 8 track B): the client pays first, as for a session, and then
 * signs block, nonce and expiry with the paying account's key. The nonce follows from our seal: nothing is remembered.
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
  verifyMessage,
} from '../../nano/index.ts'
import type { PresentedPayment } from '../../x402/wire.ts'
import { createSearch, type ExactOptions, echoedId, exactOffer, termsOf, unixSeconds, verifiedSend } from '../exact.ts'

/** What a payer presents: its send, and its signature as the sender. */
export interface SignatureProof extends Proof {
  readonly hash: BlockHash
  readonly key: PublicKey
  readonly signature: Signature
}

/** Makes the signature mechanism over a ledger. */
export function signatureMechanism(options: ExactOptions): Mechanism<SignatureProof> {
  const search = createSearch(options)
  return {
    scheme: 'exact',

    offer: (quote) =>
      exactOffer(quote, {
        nonce: nonceOf(quote),
        validBefore: unixSeconds(quote.expiresAtMs),
        nanoSignature: termsOf(quote),
      }),

    read: readSignatureProof,

    async verify({ hash, key, signature }, quote, client) {
      if (!verifyMessage(messageFor(hash, quote), signature, key)) return refusal('invalid_signature')
      const found = await search.look(hash, quote, client)
      if (found === 'too_many_attempts') return refusal(found)
      const send = await search.confirm({ hash, found, sender: key }, quote, client)
      return isRefusal(send) ? send : verifiedSend(send, quote)
    },
  }
}

/** 32 bytes that belong to one sealed offer, as lower-case hex. */
const nonceOf = ({ sessionId }: Quote): string =>
  bytesToHex(blake2b(32, encodeFields(['nano402 nonce 1', sessionId]))).toLowerCase()

/** What is signed: 140 bytes, as long as Unix time has ten digits. */
const messageFor = (hash: BlockHash, quote: Quote): string =>
  `${hash.toLowerCase()}:${nonceOf(quote)}:${unixSeconds(quote.expiresAtMs)}`

/** `{ blockHash, account, signature }` and nothing else; the sealed id stands in the echoed offer. */
function readSignatureProof(payment: PresentedPayment): SignatureProof | undefined {
  const { blockHash: hash, account, signature: signed, ...others } = payment.payload
  const sessionId = echoedId(payment, 'nanoSignature')
  if (sessionId === undefined || Object.keys(others).length > 0) return undefined
  try {
    const key = addressToPublicKey(nanoAddress(account))
    return { sessionId, hash: blockHash(hash), key, signature: signature(signed) }
  } catch {
    return undefined
  }
}
