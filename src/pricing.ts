/** Prices and accounts, from the text that people write to the values that the guard works with. */
import type { Pricing } from './core/quote.ts'
import { roundPrice, TAG_MODULUS } from './core/quote.ts'
import { ConfigError, PaywallError, PriceError } from './errors.ts'
import { MAX_RAW, parseRaw, parseXno, raw } from './nano/index.ts'
import type { FiatPrice, Price, RouteOptions } from './options.ts'
import { drawFrom, fixedAccounts, parsePayTo } from './pay-to.ts'

type Priced = Pick<Pricing, 'price' | 'payTo'>

/**
 * Checks what can be checked now, and leaves to each request what depends on it. `depositAccount`: takes no other payments.
 *
 * @throws {@link ConfigError} (`ERR_CONFIG`)
 */
export function createPricing({ price, payTo }: RouteOptions, depositAccount?: string): Priced {
  return { price: createPrice(price), payTo: createPayTo(payTo, depositAccount) }
}

/** What of a route's terms does not depend on the request, as its 402s say it. `accounts`: those that are known. */
export function fixedTerms({ price }: RouteOptions, accounts: readonly string[]) {
  const isXno = price !== undefined && typeof price !== 'function' && !isFiat(price)
  return {
    amount: isXno ? roundPrice(parsePrice(price)).toString() : undefined,
    ...(isFiat(price) && { usd: price.usd }),
    payTo: accounts.length === 1 ? accounts[0] : undefined,
    ...(accounts.length > 1 && { pool: accounts }),
  }
}

/** Whether a price is in dollars, which a rate of the day turns into raw. */
export const isFiat = (price: unknown): price is FiatPrice =>
  typeof price === 'object' && price !== null && 'usd' in price

/** A price as it was written, to tell it from others. Undefined: it depends on the request. */
export const priceText = (price: RouteOptions['price']): string | undefined => {
  if (typeof price !== 'object') return typeof price === 'function' ? undefined : price
  return 'usd' in price ? `$${price.usd}` : String(price.raw)
}

function createPrice(price: RouteOptions['price']): Priced['price'] {
  if (price === undefined) {
    throw new ConfigError("No price. Set NANO402_PRICE or the option price, such as price: '0.001' (XNO).")
  }
  if (typeof price === 'function') {
    return (view) => guarded(() => price(view), amountOf)
  }
  if (isFiat(price)) return () => guarded(() => price, amountOf)
  try {
    const amount = parsePrice(price)
    if (amount < TAG_MODULUS) throw new PriceError('It must be at least 0.0000000001 XNO (10^20 raw).')
    return () => amount
  } catch (error) {
    throw new ConfigError(`NANO402_PRICE (option price) is no price. ${messageOf(error)}`)
  }
}

function createPayTo(payTo: RouteOptions['payTo'], depositAccount: string | undefined): Priced['payTo'] {
  if (payTo === undefined) {
    throw new ConfigError('No account to be paid. Set NANO402_PAY_TO or the option payTo to your nano_ account.')
  }
  const parse = (text: string) => {
    const account = parsePayTo(text)
    if (account !== depositAccount) return account
    throw new PriceError('It is the account of the wallet, which holds deposits and must be used for nothing else.')
  }
  try {
    const accounts = fixedAccounts(payTo)?.map(parse)
    if (accounts) return () => drawFrom(accounts)
  } catch (error) {
    throw new ConfigError(`NANO402_PAY_TO (option payTo) is not an account that can be paid. ${messageOf(error)}`)
  }
  return (view) => guarded(() => (payTo as Exclude<typeof payTo, string>)(view), parse)
}

/** Runs an operator's function; whatever goes wrong in it is a `PriceError`, so nobody is billed and nothing is served. */
function guarded<T, R>(run: () => T | Promise<T>, parse: (value: T) => R | Promise<R>): R | Promise<R> {
  const fail = (cause: unknown): never => {
    if (!(cause instanceof PaywallError) && !(cause instanceof Error)) throw cause // a signal of the guard's own
    throw cause instanceof PriceError ? cause : new PriceError('The price function failed.', { cause })
  }
  try {
    const value = run()
    const parsed = value instanceof Promise ? value.then(parse) : parse(value)
    return parsed instanceof Promise ? parsed.catch(fail) : parsed
  } catch (cause) {
    return fail(cause)
  }
}

/** What a price is in raw; one in dollars waits for a rate where none is fresh. */
function amountOf(price: Price | FiatPrice): bigint | Promise<bigint> {
  if (!isFiat(price)) return parsePrice(price)
  const amount = price.rates.toRaw(price.usd)
  return amount instanceof Promise ? amount.then((raw) => parsePrice({ raw })) : parsePrice({ raw: amount })
}

/** Reads a price in XNO or raw. @throws `PriceError`, `AmountError` */
export function parsePrice(price: Price): bigint {
  const amount = typeof price === 'string' ? parseXnoText(price) : parseRawPrice(price)
  if (amount > MAX_RAW - 2n * TAG_MODULUS) throw new PriceError('It is more than a Nano block can carry.')
  return amount
}

function parseXnoText(text: string): bigint {
  const [, xno, unit] = /^\s*(\S+?)(?:\s+(\S+))?\s*$/.exec(text) ?? []
  if (!xno || (unit !== undefined && unit !== 'XNO') || /^[$€£]/.test(xno)) {
    throw new PriceError(`Prices are in XNO: write '0.001', { raw } for raw, or { usd: '0.01', rates } for dollars.`)
  }
  return parseXno(xno)
}

function parseRawPrice(price: unknown): bigint {
  const value = typeof price === 'object' && price !== null && 'raw' in price ? price.raw : undefined
  if (typeof value === 'bigint') return raw(value)
  if (typeof value === 'string') return parseRaw(value)
  throw new PriceError("A price is text such as '0.001' (XNO), or { raw } with a bigint or decimal digits.")
}

const messageOf = (error: unknown) => (error instanceof Error ? error.message : '')
