/** Which offers of channels are taken. Everything in a 402 is a stranger's word: what does not fit together opens nothing. */
import { type ChannelMode, type ChannelOffer, decodeOffer, depositTag } from '../../channel/wire.ts'
import { PaywallError } from '../../errors.ts'
import {
  addressToPublicKey,
  MAX_RAW,
  type NanoAddress,
  nanoAddress,
  type PublicKey,
  parseRaw,
  type Raw,
} from '../../nano/index.ts'
import type { PaymentRequired, PaymentRequirements } from '../../x402/shapes.ts'
import { TAG_MODULUS } from '../offers.ts'

/** An offer that was checked. */
export interface ChannelBill {
  /** Verbatim, as it is echoed. */
  readonly offer: PaymentRequirements
  readonly terms: ChannelOffer
  /** The most that the request can cost, in raw. */
  readonly amount: Raw
  /** The account that is paid, and holds the deposits unless an issuer does. */
  readonly payee: NanoAddress
}

export interface ChannelRules {
  readonly network: string
  /** Our own account, and where refunds go: paying either would be nonsense. */
  readonly self: NanoAddress
  readonly refundTo: NanoAddress
  /** The account that this origin must be paid at, if that is known. */
  readonly pinned: readonly PublicKey[] | undefined
  /** How long a channel may live at most. */
  readonly maxTtlSeconds: number
  /** How we pay. */
  readonly modes: readonly ChannelMode[]
  /** Issuers that may hold deposits. */
  readonly issuers: readonly NonNullable<ChannelOffer['issuer']>[]
  readonly nowMs: number
}

/** Longer than this no server needs for payments that were begun. */
const MAX_CLOSE_GRACE_SECONDS = 86_400
/** What clocks may differ by. */
const SLACK_SECONDS = 300
const BURN_KEY = '0'.repeat(64) as PublicKey

/** The first offer of a channel that may be taken. Undefined: there is none, or why not. */
export function findChannelBill(
  required: PaymentRequired,
  rules: ChannelRules,
): { readonly bill?: ChannelBill; readonly reasons: readonly string[] } {
  const reasons: string[] = []
  for (const offer of required.accepts) {
    if (offer.scheme !== 'batch-settlement') continue
    const read = readChannelBill(offer, rules)
    if (typeof read !== 'string') return { bill: read, reasons }
    reasons.push(read)
  }
  return { reasons }
}

/** The offer, or why it is not taken. */
export function readChannelBill(offer: PaymentRequirements, rules: ChannelRules): ChannelBill | string {
  if (offer.network !== rules.network) return `its network is not ${rules.network}`
  if (offer.asset !== 'XNO') return 'its asset is not XNO'
  const terms = decodeOffer(offer.extra)
  if (terms === undefined) return 'it is not one of a channel as we know it'
  if (!isAllowed(terms, rules)) return 'its custodian is not one that is allowed'
  try {
    const amount = parseRaw(offer.amount)
    const payee = nanoAddress(terms.deposit?.account ?? offer.payTo)
    const misfit = misfitOf({ offer, terms, amount, payee }, rules)
    return misfit ?? { offer, terms, amount, payee }
  } catch (error) {
    if (error instanceof PaywallError) return 'an amount or account in it is not one'
    throw error
  }
}

/** Whether we would trust its custodian with a deposit: the payee, or an issuer that was named. */
function isAllowed({ custodian, deposit, issuer }: ChannelOffer, { issuers, self, refundTo }: ChannelRules): boolean {
  if (custodian === 'payee') return deposit !== undefined
  const isNamed = issuers.some(({ publicKey }) => issuer?.publicKey === publicKey)
  return isNamed && self === refundTo // an issuer pays out to the account itself
}

function misfitOf({ offer, terms, amount, payee }: ChannelBill, rules: ChannelRules): string | undefined {
  const key = addressToPublicKey(payee)
  const [unit, least, suggested, most] = [terms.unit, terms.minDeposit, terms.suggestedDeposit, terms.maxDeposit].map(
    (text) => BigInt(parseRaw(text)),
  ) as [bigint, bigint, bigint, bigint]
  const nowSeconds = rules.nowMs / 1_000

  if (amount === 0n) return 'its price is nothing'
  if (addressToPublicKey(nanoAddress(offer.payTo)) !== key)
    return 'it names one account to be paid and another for deposits'
  if (key === BURN_KEY) return 'its deposits go to the account that nobody has'
  if (key === addressToPublicKey(rules.self) || key === addressToPublicKey(rules.refundTo)) {
    return 'its deposits go to our own account'
  }
  if (rules.pinned !== undefined && !rules.pinned.includes(key)) {
    return 'its deposits go to another account than the one pinned for this origin'
  }
  if (unit === 0n || terms.maxK < 1 || unit * BigInt(terms.maxK) > MAX_RAW) return 'its unit is not one'
  if (!terms.modes.some((mode) => rules.modes.includes(mode)))
    return 'it can be paid in none of the modes that are allowed'
  if (terms.maxStep < 1) return 'its maxStep is not one'
  if (least === 0n || least > suggested || suggested > most) return 'its deposits are not in order'
  if ([least, suggested, most].some((sum) => sum % TAG_MODULUS !== 0n)) return 'its deposits are no multiples of 10^20'
  const isPayee = terms.custodian === 'payee'
  if (isPayee && terms.deposit?.exactAmount !== String(suggested + depositTag(terms.nonce)))
    return 'its deposit has not its tag'
  if (terms.closeGraceSeconds > MAX_CLOSE_GRACE_SECONDS) return 'its closeGraceSeconds are more than a day'
  if (terms.expiresAt <= nowSeconds + SLACK_SECONDS / 10) return 'it has expired'
  if (terms.expiresAt > nowSeconds + terms.ttlSeconds + SLACK_SECONDS)
    return 'its expiry is later than its ttlSeconds say'
  if (terms.ttlSeconds > rules.maxTtlSeconds)
    return 'its channels live longer than option channels.maxTtlSeconds allows'
  return undefined
}
