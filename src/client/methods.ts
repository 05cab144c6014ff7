/** The ways to pay, as the payer does them: where an offer of each is recognised, who publishes, and what is presented. */
import { blockToJson, hashBlock, type StateBlock } from '../nano/index.ts'
import type { Signer } from '../wallet/wallet.ts'
import type { PaymentRequirements } from '../x402/shapes.ts'

type Fields = Readonly<Record<string, unknown>>

/** One way to pay. */
export interface Method {
  /** Where its terms stand in the `extra` of an offer. */
  readonly terms: 'nanoSession' | 'nanoTxn' | 'nanoSignature'
  /** Who gives the block to the network: we do before it is presented, or the server does when it is. */
  readonly publisher: Publisher
  /** Whether the rest of `extra` is as this way needs it, given its terms, which are checked for themselves. */
  isPayable(extra: Fields, terms: Fields): boolean
  /** The mechanism's part of x402's payment payload. */
  payload(block: StateBlock, offer: PaymentRequirements, sign: Signer): Fields
}

export type Publisher = 'payer' | 'server'

/** What would be signed for is the time until which the offer is good, and no other. */
const isOneTime = ({ validBefore }: Fields, { expiresAt }: Fields) =>
  Number.isSafeInteger(validBefore) && validBefore === expiresAt
const isNonce = (value: unknown) => typeof value === 'string' && /^[0-9a-f]{64}$/.test(value)

export const session: Method = {
  terms: 'nanoSession',
  publisher: 'payer',
  isPayable: () => true,
  payload: (block, offer) => ({ proof: hashBlock(block), sessionId: termsOf(session, offer)?.id }),
}

export const signedBlock: Method = {
  terms: 'nanoTxn',
  publisher: 'server',
  isPayable: isOneTime,
  payload: (block) => ({ block: blockToJson(block) }),
}

export const signature: Method = {
  terms: 'nanoSignature',
  publisher: 'payer',
  isPayable: (extra, terms) => isNonce(extra.nonce) && isOneTime(extra, terms),
  payload(block, { extra }, sign) {
    const blockHash = hashBlock(block).toLowerCase()
    const signed = sign.message(`${blockHash}:${extra?.nonce}:${extra?.validBefore}`)
    return { blockHash, account: block.account, signature: signed.toLowerCase() }
  },
}

/** The stateless variant of NanoSession revision 7: no session and no tag, and a signature over the block and a URL. */
export const receipt: Method = {
  terms: 'nanoSignature',
  publisher: 'payer',
  isPayable: () => true,
  payload(block, offer, sign) {
    const proof = hashBlock(block)
    return { proof, signature: sign.receipt(proof, String(termsOf(receipt, offer)?.url)) }
  },
}

/**
 * The best first, for a request that is alone. A signed block saves the way to a node and the wait for it, and moves no
 * money unless the server publishes it. A signature costs both sides work and gives a payer nothing that a session does not.
 */
export const ALONE: readonly Method[] = [signedBlock, session, signature, receipt]

/**
 * The best first, while other requests are under way. The blocks of an account follow each other: each signed one has to
 * wait until the one before is confirmed, while those that we publish ourselves are confirmed together.
 */
export const SIDE_BY_SIDE: readonly Method[] = [session, signature, receipt, signedBlock]

function termsOf({ terms }: Method, { extra }: PaymentRequirements): Fields | undefined {
  const found = extra?.[terms]
  return typeof found === 'object' && found !== null ? (found as Fields) : undefined
}

/** The way to pay that an offer is for, and what it says under that name. */
export function methodOf(offer: PaymentRequirements): { readonly method: Method; readonly terms: Fields } | undefined {
  for (const method of SIDE_BY_SIDE) {
    const terms = termsOf(method, offer)
    if (terms === undefined) continue
    const isReceipt = method === signature && offer.extra?.nonce === undefined && terms.url !== undefined
    return { method: isReceipt ? receipt : method, terms }
  }
  return undefined
}
