/** Prices in dollars: what they are in raw, by the word of several public sources or of your own. */
export { type Rates, type RatesOptions, rates } from './rates.ts'
export { binance, coinGecko, kraken, kuCoin, type RateSource, type Reading, type SourceOptions } from './sources.ts'
