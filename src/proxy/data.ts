/** What stands in a file for what are functions and objects in code: prices in dollars, pools of accounts, and whose a use is. */
import { type AccessView, ConfigError, type PaywallOptions, pool } from '../index.ts'
import { binance, coinGecko, kraken, kuCoin, type RateSource, type Rates, rates } from '../rates/index.ts'

const SOURCES: Readonly<Record<string, () => RateSource>> = { binance, coinGecko, kraken, kuCoin }
const USUAL = ['coinGecko', 'kraken', 'kuCoin']

type Data = Readonly<Record<string, unknown>>

/** The options of a file as code has them. What is wrong in them is left for whoever checks options. @throws {@link ConfigError} */
export function fromData({ rates: sources, ...options }: Data): Data {
  let made: Rates | undefined
  const dollars = () => {
    made ??= ratesOf(sources ?? USUAL)
    return made
  }
  const isBehindProxy = options.trustProxy === true
  const convert = (terms: unknown): unknown => (isData(terms) ? termsOf(terms, dollars, isBehindProxy) : terms)
  const { routes, default: fallback } = options
  return {
    ...(convert(options) as Data),
    ...(routes !== undefined && { routes: Array.isArray(routes) ? routes.map(convert) : routes }),
    ...(fallback !== undefined && { default: convert(fallback) }),
  }
}

const isData = (value: unknown): value is Data => typeof value === 'object' && value !== null && !Array.isArray(value)

function termsOf(terms: Data, dollars: () => Rates, isBehindProxy: boolean): Data {
  const { price, payTo, free, pass } = terms
  if (isData(free) && free.by !== undefined && !isBehindProxy) {
    throw new ConfigError(
      'free.by: a client can write any header. Set trustProxy where a proxy of yours sets this one, or leave it out.',
    )
  }
  const address = isBehindProxy ? lastForwarded : connected
  return {
    ...terms,
    ...(isData(price) && 'usd' in price && { price: { ...price, rates: dollars() } }),
    ...(Array.isArray(payTo) && { payTo: pool(payTo) satisfies PaywallOptions['payTo'] }),
    ...(isData(free) && { free: { ...free, by: typeof free.by === 'string' ? headerNamed(free.by) : address } }),
    ...(isData(pass) && typeof pass.by === 'string' && { pass: { ...pass, by: headerNamed(pass.by) } }),
  }
}

const headerNamed = (name: string) => (request: AccessView) => request.header(name) ?? ''
const connected = ({ remoteAddress = '' }: AccessView) => networkOf(remoteAddress)
/** The address that the proxy in front of us has seen; what stands before it, the client may have written. */
const lastForwarded = (request: AccessView) =>
  networkOf(request.header('x-forwarded-for')?.split(',').at(-1)?.trim() ?? '')

/** Of IPv6 the first half: one customer has all of the second. */
export function networkOf(address: string): string {
  if (!address.includes(':') || address.includes('.')) return address.replace(/^::ffff:/i, '')
  const [before = '', after] = address.toLowerCase().split('::')
  const groups = before === '' ? [] : before.split(':')
  const missing = after === undefined ? 0 : 8 - groups.length - after.split(':').filter(Boolean).length
  return [...groups, ...Array<string>(Math.max(0, missing)).fill('0'), ...(after ?? '').split(':')]
    .slice(0, 4)
    .join(':')
}

function ratesOf(names: unknown): Rates {
  const known = Object.keys(SOURCES).join(', ')
  if (!Array.isArray(names)) throw new ConfigError(`rates: expected a list of ${known}.`)
  const sources = names.map((name, i) => {
    const make = Object.hasOwn(SOURCES, name) ? SOURCES[name] : undefined
    if (!make) throw new ConfigError(`rates[${i}]: expected one of ${known}.`)
    return make()
  })
  return rates({ sources })
}
