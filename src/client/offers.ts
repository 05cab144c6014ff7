/** Which entry of a 402 is paid. Everything in a 402 is a stranger's word: what does not fit together is not paid. */
import { NoPayableOfferError, PaywallError } from '../errors.ts'
import { addressToPublicKey, type NanoAddress, nanoAddress, type PublicKey, parseRaw, type Raw } from '../nano/index.ts'
import type { Network } from '../rpc/index.ts'
import { SIGNED_MESSAGE } from '../x402/nanosession-7.ts'
import type { PaymentRequired, PaymentRequirements, ResourceInfo } from '../x402/shapes.ts'
import { SESSION_ONLY, type WireName } from '../x402/wires.ts'
import type { ReadBill } from './bills.ts'
import { type Method, methodOf, receipt, session } from './methods.ts'

/** An offer that was checked. Amounts in raw. */
export interface PayableOffer {
  /** The form in which it was made, and is paid. */
  readonly wire: WireName
  /** Verbatim, as it is echoed. */
  readonly offer: PaymentRequirements
  readonly method: Method
  /** What is to be sent: `price` and the tag. */
  readonly amount: Raw
  readonly price: Raw
  readonly payTo: NanoAddress
  /** Empty where there is no session. */
  readonly sessionId: string
  readonly expiresAtMs: number
}

export interface OfferRules {
  /** The form in which the offers are made. */
  readonly wire: WireName
  /** Where the 402 came from. */
  readonly url: string
  /** Which way to pay is taken of offers that cost the same: the first. */
  readonly methods: readonly Method[]
  readonly network: Network
  /** Our own account, which paying would be nonsense. */
  readonly self: NanoAddress
  readonly maxTag: bigint
  /** The account that this origin must be paid at, if that is known. */
  readonly pinned: readonly PublicKey[] | undefined
  readonly nowMs: number
}

/** The tag is the last 20 decimal digits of the amount; a smaller modulus would let strangers guess it. */
export const TAG_MODULUS = 10n ** 20n
/** The modulus of a session's tag in each form. Revision 7 has none: what bounds its tag is `maxTag` alone. */
const TAG_MODULI: Readonly<Record<WireName, bigint | undefined>> = {
  x402: TAG_MODULUS,
  'x402-v1': TAG_MODULUS,
  'nanosession-3': 10n ** 7n,
  'nanosession-5': 10n ** 7n,
  'nanosession-7': undefined,
}
/** How far clocks may be apart. */
const CLOCK_MS = 120_000
const BURN_KEY = '0'.repeat(64) as PublicKey

/** An offer that will be paid, and for what. */
export interface ChosenOffer {
  readonly offer: PayableOffer
  readonly resource: ResourceInfo
  /** What else the 402 offers. */
  readonly extensions?: PaymentRequired['extensions']
}

/**
 * Chooses from the first bill that can be paid; of that, the cheapest offer, and the best way to pay among equals.
 *
 * @param bills - At least one. The preferred form first.
 * @param url - Where the 402 came from.
 * @throws {@link NoPayableOfferError} (`ERR_NO_PAYABLE_OFFER`), which says why for each offer of each bill.
 */
export function chooseFrom(
  bills: readonly ReadBill[],
  url: string,
  rules: Omit<OfferRules, 'wire' | 'url'>,
): ChosenOffer {
  const errors: NoPayableOfferError[] = []
  for (const { wire, required } of bills) {
    try {
      const { resource, extensions } = required
      return { offer: chooseOffer(required, { ...rules, wire, url }), resource, ...(extensions && { extensions }) }
    } catch (error) {
      if (!(error instanceof NoPayableOfferError)) throw error
      errors.push(error)
    }
  }
  const [first, ...others] = errors
  if (first && others.length === 0) throw first
  const messages = errors.map(({ message }) => message)
  throw new NoPayableOfferError(
    messages.join(' '),
    errors.flatMap(({ reasons }) => reasons),
  )
}

/**
 * The cheapest offer that may be paid, and of equals the best way. The order of `accepts` is the server's and decides nothing.
 *
 * @throws {@link NoPayableOfferError} (`ERR_NO_PAYABLE_OFFER`), which says why for each offer.
 */
function chooseOffer(required: PaymentRequired, rules: OfferRules): PayableOffer {
  const { url } = rules
  const { url: resource } = required.resource
  if (!URL.canParse(resource, url) || new URL(resource, url).origin !== new URL(url).origin) {
    throw new NoPayableOfferError('The 402 is about a resource of another origin than the one that was asked.')
  }
  const readings = required.accepts.map((offer) => readOffer(offer, rules))
  const payable = readings.filter((reading) => typeof reading !== 'string')
  const rank = ({ method }: PayableOffer) => rules.methods.indexOf(method)
  const [best] = payable.toSorted((a, b) => (a.amount === b.amount ? rank(a) - rank(b) : a.amount < b.amount ? -1 : 1))
  if (best) return best
  const reasons = readings.filter((reading) => typeof reading === 'string')
  throw new NoPayableOfferError(`No offer can be paid: ${reasons.join('; ') || 'the 402 has none'}.`, reasons)
}

/** The offer, or why it is not paid. */
function readOffer(offer: PaymentRequirements, rules: OfferRules): PayableOffer | string {
  if (offer.scheme !== 'exact') return 'its scheme is not exact'
  if (offer.network !== rules.network) return `its network is not ${rules.network}`
  if (offer.asset !== 'XNO') return 'its asset is not XNO'
  const found = methodOf(offer)
  if (found === undefined) return 'it has no nanoSession, nanoTxn or nanoSignature'
  const { method, terms } = found
  // Those forms do not echo the offer, and so cannot say that another way was taken.
  if (method !== session && SESSION_ONLY.includes(rules.wire)) return 'its form has sessions alone'
  if (!method.isPayable(offer.extra ?? {}, terms)) return 'its nonce or time is not one'
  try {
    if (method === receipt) return readStateless({ offer, terms }, rules)
    return readTerms({ offer, method, terms }, rules)
  } catch (error) {
    if (error instanceof PaywallError) return 'an amount or account in it is not one'
    throw error
  }
}

type Terms = Readonly<Record<string, unknown>>

function readTerms(
  { offer, method, terms }: { readonly offer: PaymentRequirements; readonly method: Method; readonly terms: Terms },
  rules: OfferRules,
): PayableOffer | string {
  const amount = parseRaw(offer.amount)
  const price = parseRaw(terms.resourceAmountRaw)
  const tagAmount = parseRaw(terms.tagAmountRaw)
  const { id } = terms
  if (price === 0n) return 'its price is nothing'
  if (amount !== price + tagAmount) return 'its amount is not the price and the tag'
  const modulus = method === session ? TAG_MODULI[rules.wire] : TAG_MODULUS
  const misfit = modulus === undefined ? undefined : tagMisfit(terms, amount, modulus)
  if (misfit !== undefined) return misfit
  if (tagAmount > rules.maxTag) return 'its tag amount is above the bound (option maxTagRaw)'
  if (typeof id !== 'string' || id === '') return 'its session has no id'
  const due = readDue(offer, terms.expiresAt, rules)
  return typeof due === 'string' ? due : { wire: rules.wire, offer, method, amount, price, sessionId: id, ...due }
}

/** Revision 7 without a session: the price is all that is sent, and the signature says what it was for. */
function readStateless(
  { offer, terms }: { readonly offer: PaymentRequirements; readonly terms: Terms },
  rules: OfferRules,
): PayableOffer | string {
  // In x402 two requests would have the same offer, and a payer that pays an offer once would pay for one of them.
  if (rules.wire !== 'nanosession-7') return 'it has no nonce'
  if (terms.messageToSign !== SIGNED_MESSAGE) return `what it has signed is not ${SIGNED_MESSAGE}`
  if (!isSameResource(terms.url, rules.url)) return 'the URL that it has signed is not the one that was asked'
  const amount = parseRaw(offer.amount)
  if (amount === 0n) return 'its price is nothing'
  const due = readDue(offer, undefined, rules)
  if (typeof due === 'string') return due
  return { wire: rules.wire, offer, method: receipt, amount, price: amount, sessionId: '', ...due }
}

/** What a signature over a URL is for must be what we ask for. A fragment names nothing that is sent. */
function isSameResource(url: unknown, asked: string): boolean {
  if (typeof url !== 'string' || !URL.canParse(url, asked)) return false
  const [one, other] = [new URL(url, asked), new URL(asked)]
  return one.origin === other.origin && one.pathname === other.pathname && one.search === other.search
}

/** Whom to pay, and until when; or why not. */
function readDue(
  offer: PaymentRequirements,
  expiresAt: unknown,
  rules: OfferRules,
): Pick<PayableOffer, 'payTo' | 'expiresAtMs'> | string {
  const payTo = nanoAddress(offer.payTo)
  const expiresAtMs = readExpiry(expiresAt, offer, rules)
  if (addressToPublicKey(payTo) === BURN_KEY) return 'it pays the account that nobody has'
  if (addressToPublicKey(payTo) === addressToPublicKey(rules.self)) return 'it pays our own account'
  if (rules.pinned !== undefined && !rules.pinned.includes(addressToPublicKey(payTo))) {
    return 'it pays another account than the one pinned for this origin'
  }
  if (!Number.isSafeInteger(expiresAtMs)) return 'its expiry is not a time'
  if (expiresAtMs <= rules.nowMs) return 'it has expired'
  const lastMs = rules.nowMs + offer.maxTimeoutSeconds * 1_000 + CLOCK_MS
  // The older forms have no timeout beside it.
  return rules.wire === 'x402' && expiresAtMs > lastMs ? 'it runs out later than it says' : { payTo, expiresAtMs }
}

/** Why the tag is not the end of the amount, which must be a price of zeros there, and the tag. */
function tagMisfit(terms: Terms, amount: Raw, modulus: bigint): string | undefined {
  const digits = modulus.toString().length - 1
  const tag = parseRaw(terms.tag)
  if (terms.tagModulus !== modulus.toString()) return `its tagModulus is not 10^${digits}`
  if (tag !== amount % modulus) return `its tag is not the last ${digits} digits of its amount`
  // So the price is a multiple of the modulus, and the tag is less than that: it cannot be a second price.
  return parseRaw(terms.tagAmountRaw) === tag ? undefined : 'its tag amount is not its tag'
}

/** Unix time in ms, or NaN. Revision 7 writes it as text, or leaves it to the timeout. */
function readExpiry(
  expiresAt: unknown,
  { maxTimeoutSeconds }: PaymentRequirements,
  { wire, nowMs }: OfferRules,
): number {
  if (typeof expiresAt === 'number') return Number.isSafeInteger(expiresAt) ? expiresAt * 1_000 : Number.NaN
  if (wire !== 'nanosession-7') return Number.NaN
  return expiresAt === undefined ? Math.floor(nowMs + maxTimeoutSeconds * 1_000) : Date.parse(String(expiresAt))
}
