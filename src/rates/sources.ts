/**
 * Public tickers that say what one XNO is worth. None needs a key. Each is one function that asks once; whoever calls it
 * bounds how long that takes, and judges what comes back.
 */
import { readText } from '../rpc/http.ts'

/** What one XNO is worth. */
export interface Reading {
  /** US dollars for one XNO, as decimal text such as `'0.8531'`. */
  readonly usdPerXno: string
  /** When it was so (Unix time in ms). */
  readonly atMs: number
}

/** Asks one source once. Gives up when the signal aborts. */
export type RateSource = (signal: AbortSignal) => Promise<Reading>

/** How a source is asked. */
export interface SourceOptions {
  /** Asked in place of the public address, such as a proxy of your own. */
  readonly url?: string
  /** Default: the platform's. */
  readonly fetch?: (url: string, init: RequestInit) => Promise<Response>
}

const MAX_BYTES = 65_536

/** CoinGecko's average over many exchanges, with the time of its last change. */
export const coinGecko = ticker(
  'coinGecko',
  'https://api.coingecko.com/api/v3/simple/price?ids=nano&vs_currencies=usd&include_last_updated_at=true&precision=full',
  (answer) => ({
    price: part(answer, 'nano', 'usd'),
    atMs: 1_000 * Number(part(answer, 'nano', 'last_updated_at')),
  }),
)

/** The last trade at Kraken, in dollars. */
export const kraken = ticker('kraken', 'https://api.kraken.com/0/public/Ticker?pair=NANOUSD', (answer) => ({
  price: part(answer, 'result', 'NANOUSD', 'c', 0),
}))

/** The last trade at KuCoin, in USDT, which is taken for a dollar. */
export const kuCoin = ticker(
  'kuCoin',
  'https://api.kucoin.com/api/v1/market/orderbook/level1?symbol=XNO-USDT',
  (answer) => ({ price: part(answer, 'data', 'price') }),
)

/** The last trade at Binance, in USDT, which is taken for a dollar. Not available everywhere. */
export const binance = ticker('binance', 'https://api.binance.com/api/v3/ticker/price?symbol=XNOUSDT', (answer) => ({
  price: part(answer, 'price'),
}))

interface Told {
  readonly price: unknown
  /** Default: now. What an exchange answers is its price of the moment. */
  readonly atMs?: number
}

function ticker(name: string, publicUrl: string, read: (answer: unknown) => Told) {
  return ({ url = publicUrl, fetch = globalThis.fetch }: SourceOptions = {}): RateSource => {
    const source: RateSource = async (signal) => {
      const { price, atMs = Date.now() } = read(await askForJson(url, { fetch, signal }))
      // The digits of a number are those that the answer had: none of these has more than a number can hold.
      return { usdPerXno: String(price), atMs }
    }
    return Object.defineProperty(source, 'name', { value: name })
  }
}

async function askForJson(
  url: string,
  { fetch, signal }: Required<Pick<SourceOptions, 'fetch'>> & { readonly signal: AbortSignal },
): Promise<unknown> {
  const response = await fetch(url, { headers: { accept: 'application/json' }, redirect: 'manual', signal })
  if (response.status !== 200) throw new Error(`HTTP status ${response.status}`)
  const text = await readText(response.body, MAX_BYTES)
  if (text === undefined) throw new Error(`More than ${MAX_BYTES} bytes`)
  return JSON.parse(text)
}

/** A part of an answer that may have any shape. Undefined: there is none. */
function part(value: unknown, ...path: readonly (string | number)[]): unknown {
  return path.reduce<unknown>(
    (inner, key) =>
      typeof inner === 'object' && inner !== null ? (inner as Record<string | number, unknown>)[key] : undefined,
    value,
  )
}
