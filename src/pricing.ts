/** Prices and accounts, from the text that people write to the values that the guard works with. */
import type { Pricing } from './core/quote.ts'
import { roundPrice, TAG_MODULUS } from './core/quote.ts'
import { ConfigError, PaywallError, PriceError } from './errors.ts'
import { addressToPublicKey, MAX_RAW, nanoAddress, parseRaw, parseXno, raw } from './nano/index.ts'
import type { Price, RouteOptions } from './options.ts'

type Priced = Pick<Pricing, 'price' | 'payTo'>

/**
 * Checks what can be checked now, and leaves to each request what depends on it. `depositAccount`: takes no other payments.
 *
 * @throws {@link ConfigError} (`ERR_CONFIG`)
 */
export function createPricing({ price, payTo }: RouteOptions, depositAccount?: string): Priced {
  return { price: createPrice(price), payTo: createPayTo(payTo, depositAccount) }
}

/** What of a route's terms does not depend on the request, as its 402s say it. */
export const fixedTerms = ({ price, payTo }: RouteOptions) => ({
  amount: price === undefined || typeof price === 'function' ? undefined : roundPrice(parsePrice(price)).toString(),
  payTo: typeof payTo === 'string' ? payTo : undefined,
})

function createPrice(price: RouteOptions['price']): Priced['price'] {
  if (price === undefined) {
    throw new ConfigError("No price. Set NANO402_PRICE or the option price, such as price: '0.001' (XNO).")
  }
  if (typeof price === 'function') {
    return (view) => guarded(() => price(view), parsePrice)
  }
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
  if (typeof payTo === 'function') return (view) => guarded(() => payTo(view), parse)
  try {
    const account = parse(payTo)
    return () => account
  } catch (error) {
    throw new ConfigError(`NANO402_PAY_TO (option payTo) is not an account that can be paid. ${messageOf(error)}`)
  }
}

/** Runs an operator's function; whatever goes wrong in it is a `PriceError`, so nobody is billed and nothing is served. */
function guarded<T, R>(run: () => T | Promise<T>, parse: (value: T) => R): R | Promise<R> {
  const fail = (cause: unknown): never => {
    if (!(cause instanceof PaywallError) && !(cause instanceof Error)) throw cause // a signal of the guard's own
    throw cause instanceof PriceError ? cause : new PriceError('The price function failed.', { cause })
  }
  try {
    const value = run()
    return value instanceof Promise ? value.then(parse).catch(fail) : parse(value)
  } catch (cause) {
    return fail(cause)
  }
}

/** Reads a price. @throws `PriceError`, `AmountError` */
export function parsePrice(price: Price): bigint {
  const amount = typeof price === 'string' ? parseXnoText(price) : parseRawPrice(price)
  if (amount > MAX_RAW - 2n * TAG_MODULUS) throw new PriceError('It is more than a Nano block can carry.')
  return amount
}

function parseXnoText(text: string): bigint {
  const [, xno, unit] = /^\s*(\S+?)(?:\s+(\S+))?\s*$/.exec(text) ?? []
  if (!xno || (unit !== undefined && unit !== 'XNO') || /^[$€£]/.test(xno)) {
    throw new PriceError(`Prices are in XNO: write '0.001' or '0.001 XNO', or { raw } for raw.`)
  }
  return parseXno(xno)
}

function parseRawPrice(price: unknown): bigint {
  const value = typeof price === 'object' && price !== null && 'raw' in price ? price.raw : undefined
  if (typeof value === 'bigint') return raw(value)
  if (typeof value === 'string') return parseRaw(value)
  throw new PriceError("A price is text such as '0.001' (XNO), or { raw } with a bigint or decimal digits.")
}

/** Reads an account to be paid. @throws `InvalidValueError`, `PriceError` */
export function parsePayTo(account: string): string {
  const address = nanoAddress(account)
  if (/^0+$/.test(addressToPublicKey(address))) throw new PriceError('It is the account that burns what it gets.')
  return address
}

const messageOf = (error: unknown) => (error instanceof Error ? error.message : '')
