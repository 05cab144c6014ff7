/** A priced offer for one request: how its price, tag, lifetime and binding come together, and how it is read again. */
import { PriceError } from '../errors.ts'
import { type Field, randomBytes, randomHex } from './bytes.ts'
import { type RequestView, readInputs, recordView } from './price.ts'
import { type PaywallRequest, targetOf } from './request.ts'
import type { FalseSeal, Seal, SealedTerms } from './seal.ts'

/** The tag is the last 20 decimal digits of the amount: with 7, open sessions collide within thousands. */
export const TAG_MODULUS = 10n ** 20n

/** What is asked for one request. Amounts in raw. */
export interface Quote {
  /** The session's name in the store: 32 hex digits. */
  readonly id: string
  /** The sealed id that the client shows. Secret: only this client has it. */
  readonly sessionId: string
  /** What is to be sent: `resourceAmount + tag`. */
  readonly amount: bigint
  /** The price, rounded up to a multiple of `TAG_MODULUS`. */
  readonly resourceAmount: bigint
  readonly tag: bigint
  readonly payTo: string
  readonly network: string
  readonly issuedAtMs: number
  readonly expiresAtMs: number
}

/** What a route asks, with Nano's part (units, accounts) already translated. */
export interface Pricing {
  /** The price in raw. Throws or rejects: no price, so no answer. */
  price(view: RequestView): bigint | Promise<bigint>
  /** Whether the price of one and the same request follows a rate. */
  readonly floats?: boolean
  /** The account to pay. */
  payTo(view: RequestView): string | Promise<string>
  readonly network: string
  /** Separates deployments that share a secret. */
  readonly realm: string
  readonly maxTimeoutMs: number
  /** Longest body that a price may read, in bytes; 0: none. */
  readonly priceBodyLimit: number
}

const NONE: readonly Field[] = []
const PRICE_TIMEOUT_MS = 5_000

/** What a request costs, whom to pay, and what that depended on. */
export interface Priced {
  /** Rounded up to a multiple of `TAG_MODULUS`. */
  readonly resourceAmount: bigint
  readonly payTo: string
  readonly inputs: readonly string[]
  /** What the inputs are in this request. */
  readonly values: readonly Field[]
}

/** Prices a request. Throws `PriceError`, or `BODY_TOO_LARGE`. */
export async function priceRequest(request: PaywallRequest, pricing: Pricing): Promise<Priced> {
  const { view, inputs } = recordView(request, pricing.priceBodyLimit)
  // One after the other: a promise that nobody waits for any more must not reject.
  const price = pricing.price(view)
  const resourceAmount = roundPrice(typeof price === 'bigint' ? price : await inTime(price))
  const payTo = pricing.payTo(view)
  return {
    resourceAmount,
    payTo: typeof payTo === 'string' ? payTo : await inTime(payTo),
    inputs,
    values: inputs.length === 0 ? NONE : await readInputs(request, inputs, pricing.priceBodyLimit),
  }
}

/** Prices a request and seals the offer to it. Stores nothing. Throws `PriceError`, or `BODY_TOO_LARGE`. */
export async function makeQuote(request: PaywallRequest, pricing: Pricing, seal: Seal): Promise<Quote> {
  const { resourceAmount, payTo, inputs, values } = await priceRequest(request, pricing)
  const issuedAtMs = Date.now()
  const terms: SealedTerms = {
    id: randomHex(16),
    issuedAtMs,
    expiresAtMs: issuedAtMs + pricing.maxTimeoutMs,
    amount: resourceAmount + newTag(),
    payTo,
    inputs,
  }
  return quoteOf(terms, seal.close(terms, binding(request, pricing, values)), pricing)
}

/** The price of today for this request, in raw, rounded as it would be sealed. Throws `PriceError`. */
export async function currentPrice(request: PaywallRequest, pricing: Pricing): Promise<bigint> {
  return roundPrice(await inTime(pricing.price(recordView(request, pricing.priceBodyLimit).view)))
}

/** The quote behind a session id, if we sealed it, for this very request. Throws `BODY_TOO_LARGE`. */
export async function openQuote(
  sessionId: string,
  request: PaywallRequest,
  pricing: Pricing,
  seal: Seal,
): Promise<Quote | FalseSeal> {
  const unproven = seal.peek(sessionId)
  if (!unproven) return 'invalid_session'
  const { inputs } = unproven
  const values = inputs.length === 0 ? NONE : await readUnprovenInputs(request, inputs, pricing)
  if (!values) return 'invalid_session'
  const terms = unproven.open(binding(request, pricing, values))
  return typeof terms === 'string' ? terms : quoteOf(terms, sessionId, pricing)
}

/** The names come from the client until the seal is opened: names that no price could have read are its mistake, not ours. */
export async function readUnprovenInputs(request: PaywallRequest, inputs: readonly string[], pricing: Pricing) {
  try {
    return await readInputs(request, inputs, pricing.priceBodyLimit)
  } catch (error) {
    if (error instanceof PriceError) return undefined
    throw error
  }
}

const binding = (request: PaywallRequest, { network, realm }: Pricing, values: readonly Field[]): readonly Field[] => [
  realm,
  network,
  request.method,
  targetOf(request),
  ...values,
]

const quoteOf = (terms: SealedTerms, sessionId: string, { network }: Pricing): Quote => {
  const tag = terms.amount % TAG_MODULUS
  return {
    id: terms.id,
    sessionId,
    amount: terms.amount,
    resourceAmount: terms.amount - tag,
    tag,
    payTo: terms.payTo,
    network,
    issuedAtMs: terms.issuedAtMs,
    expiresAtMs: terms.expiresAtMs,
  }
}

/** Up to the next multiple of the tag's modulus, which leaves the digits below for the tag. */
export function roundPrice(price: bigint): bigint {
  if (typeof price !== 'bigint' || price < TAG_MODULUS) {
    throw new PriceError('A price must be at least 10^20 raw (0.0000000001 XNO); say free with a route of its own.')
  }
  return ((price + TAG_MODULUS - 1n) / TAG_MODULUS) * TAG_MODULUS
}

/** Uniform to 1 part in 2^61: 128 random bits modulo 10^20. */
function newTag(): bigint {
  const view = new DataView(randomBytes(16).buffer)
  return ((view.getBigUint64(0) << 64n) | view.getBigUint64(8)) % TAG_MODULUS
}

/** What a function of the operator's gives. One that never settles is one that failed: `PriceError`. */
export async function inTime<T>(value: T | Promise<T>): Promise<T> {
  if (!(value instanceof Promise)) return value
  let timer: ReturnType<typeof setTimeout> | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(
      () => reject(new PriceError('A function of the request did not settle in time.')),
      PRICE_TIMEOUT_MS,
    )
  })
  try {
    return await Promise.race([value, late])
  } finally {
    clearTimeout(timer)
  }
}
