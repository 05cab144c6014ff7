/** Which entry of a 402 is paid. Everything in a 402 is a stranger's word: what does not fit together is not paid. */
import { NoPayableOfferError, PaywallError } from '../errors.ts'
import { addressToPublicKey, type NanoAddress, nanoAddress, type PublicKey, parseRaw, type Raw } from '../nano/index.ts'
import type { Network } from '../rpc/index.ts'
import type { PaymentRequired, PaymentRequirements } from '../x402/shapes.ts'

/** An offer that was checked. Amounts in raw. */
export interface PayableOffer {
  /** Verbatim, as it is echoed. */
  readonly offer: PaymentRequirements
  /** What is to be sent: `price` and the tag. */
  readonly amount: Raw
  readonly price: Raw
  readonly payTo: NanoAddress
  readonly sessionId: string
  readonly expiresAtMs: number
}

export interface OfferRules {
  readonly network: Network
  /** Our own account, which paying would be nonsense. */
  readonly self: NanoAddress
  readonly maxTag: bigint
  /** The account that this origin must be paid at, if that is known. */
  readonly pinned: NanoAddress | undefined
  readonly nowMs: number
}

/** The tag is the last 20 decimal digits of the amount; a smaller modulus would let strangers guess it. */
export const TAG_MODULUS = 10n ** 20n
const BURN_KEY = '0'.repeat(64) as PublicKey

/**
 * The cheapest offer that may be paid; the first of equals. The order of `accepts` is the server's and decides nothing.
 *
 * @param url - Where the 402 came from.
 * @throws {@link NoPayableOfferError} (`ERR_NO_PAYABLE_OFFER`), which says why for each offer.
 */
export function chooseOffer(required: PaymentRequired, url: string, rules: OfferRules): PayableOffer {
  const { url: resource } = required.resource
  if (!URL.canParse(resource, url) || new URL(resource, url).origin !== new URL(url).origin) {
    throw new NoPayableOfferError('The 402 is about a resource of another origin than the one that was asked.')
  }
  const readings = required.accepts.map((offer) => readOffer(offer, rules))
  const payable = readings.filter((reading) => typeof reading !== 'string')
  const cheapest = payable.reduce<PayableOffer | undefined>(
    (best, offer) => (best && best.amount <= offer.amount ? best : offer),
    undefined,
  )
  if (cheapest) return cheapest
  const reasons = readings.filter((reading) => typeof reading === 'string')
  throw new NoPayableOfferError(`No offer can be paid: ${reasons.join('; ') || 'the 402 has none'}.`, reasons)
}

/** The offer, or why it is not paid. */
function readOffer(offer: PaymentRequirements, rules: OfferRules): PayableOffer | string {
  if (offer.scheme !== 'exact') return 'its scheme is not exact'
  if (offer.network !== rules.network) return `its network is not ${rules.network}`
  if (offer.asset !== 'XNO') return 'its asset is not XNO'
  const session = offer.extra?.nanoSession
  if (typeof session !== 'object' || session === null) return 'it has no nanoSession'
  try {
    return readSession(offer, session as Readonly<Record<string, unknown>>, rules)
  } catch (error) {
    if (error instanceof PaywallError) return 'an amount or account in it is not one'
    throw error
  }
}

function readSession(
  offer: PaymentRequirements,
  session: Readonly<Record<string, unknown>>,
  rules: OfferRules,
): PayableOffer | string {
  const amount = parseRaw(offer.amount)
  const price = parseRaw(session.resourceAmountRaw)
  const tagAmount = parseRaw(session.tagAmountRaw)
  const tag = parseRaw(session.tag)
  const payTo = nanoAddress(offer.payTo)
  const { id, expiresAt } = session
  if (session.tagModulus !== TAG_MODULUS.toString()) return 'its tagModulus is not 10^20'
  if (price === 0n) return 'its price is nothing'
  if (amount !== price + tagAmount) return 'its amount is not the price and the tag'
  if (tag !== amount % TAG_MODULUS) return 'its tag is not the last 20 digits of its amount'
  // So the price is a multiple of 10^20 raw, and the tag is less than that: it cannot be a second price.
  if (tagAmount !== tag) return 'its tag amount is not its tag'
  if (tagAmount > rules.maxTag) return 'its tag amount is above the bound (option maxTagRaw)'
  if (addressToPublicKey(payTo) === BURN_KEY) return 'it pays the account that nobody has'
  if (addressToPublicKey(payTo) === addressToPublicKey(rules.self)) return 'it pays our own account'
  if (rules.pinned !== undefined && addressToPublicKey(payTo) !== addressToPublicKey(rules.pinned)) {
    return 'it pays another account than the one pinned for this origin'
  }
  if (typeof id !== 'string' || id === '') return 'its session has no id'
  if (typeof expiresAt !== 'number' || !Number.isSafeInteger(expiresAt)) return 'its expiry is not a time'
  if (expiresAt * 1_000 <= rules.nowMs) return 'it has expired'
  return { offer, amount, price, payTo, sessionId: id, expiresAtMs: expiresAt * 1_000 }
}
