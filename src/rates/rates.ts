/**
 * What dollars are worth in raw: several sources, asked together and ahead of time, so that a request finds a fresh rate and
 * waits for nobody. Without one there is no price; there is no rate to fall back on.
 */
import { ConfigError, PriceError } from '../errors.ts'
import { unref, withDeadline } from '../rpc/wait.ts'
import { agree } from './agree.ts'
import { ONE, readDecimal } from './decimal.ts'
import type { RateSource, Reading } from './sources.ts'

/** Turns dollars into raw. */
export interface Rates {
  /**
   * A price in raw, rounded up to what a price can be: a multiple of 10^20. At once where a fresh rate is at hand.
   *
   * @param usd - Dollars as decimal text, such as `'0.01'`.
   * @throws `PriceError` (`ERR_PRICE`) where there is no rate, or `usd` is no such text.
   */
  toRaw(usd: string): bigint | Promise<bigint>
  /** Ends what it does by itself. Asked again, it begins again. */
  close(): void
}

export interface RatesOptions {
  /** Whom to ask. With three or more, one that lies does not move the price. */
  readonly sources: readonly RateSource[]
  /** What is older is not believed, nor used any longer. Default 600,000. */
  readonly maxAgeMs?: number
  /** How many sources have to be fresh and agree. Default 2, or 1 where there is one. */
  readonly minSources?: number
  /** How far sources may be from their median, as a part of it: decimal text. Beyond that there is no rate. Default `'0.05'`. */
  readonly maxSpread?: string
  /** How often they are asked. Default 60,000, or half of `maxAgeMs`. */
  readonly refreshMs?: number
  /** How long one may take to answer. Default 3,000. */
  readonly timeoutMs?: number
  /** Told of each source that gave nothing usable: its number in the list, and why. */
  readonly onFault?: (source: number, fault: unknown) => void
}

/** Absurd beyond these: a millionth of a dollar, and a million. */
const [LEAST, MOST] = [ONE / 10n ** 6n, ONE * 10n ** 6n]
/** Prices are multiples of this: the digits below are the tag's. */
const STEP = 10n ** 20n
/** What clocks may differ by. */
const SKEW_MS = 60_000
/** Where there is no rate, sources are not asked for every request. */
const PAUSE_MS = 5_000
/** When nobody has asked for so long, nobody is asked either. */
const IDLE_MS = 3_600_000

/** By two clocks: one can be set, and the other may stand still while a machine sleeps. */
const now = () => ({ wallMs: Date.now(), steadyMs: performance.now() })
const since = ({ wallMs, steadyMs }: ReturnType<typeof now>) =>
  Math.max(Date.now() - wallMs, performance.now() - steadyMs)

/** What a source said last. */
interface Heard {
  readonly rate: bigint
  readonly at: ReturnType<typeof now>
  /** How long it may be used from then on. */
  readonly freshMs: number
}

/**
 * Makes the `rates` of prices in dollars: `price: { usd: '0.01', rates }`. Asks nobody before the first request; from then on
 * by itself, until an hour after the last one. A source is a function: see {@link RateSource}.
 *
 * @throws {@link ConfigError} (`ERR_CONFIG`)
 * @example
 * await rates({ sources: [async () => ({ usdPerXno: '0.8', atMs: Date.now() })] }).toRaw('0.01') // 12500000000000000000000000000n
 */
export function rates(options: RatesOptions): Rates {
  const { sources, maxAgeMs, refreshMs, timeoutMs, onFault, ...agreement } = checked(options)
  const heard: (Heard | undefined)[] = sources.map(() => undefined)
  let faults: unknown[] = []
  let asking: { readonly at: ReturnType<typeof now>; readonly done: Promise<void> } | undefined
  let askedAt: ReturnType<typeof now> | undefined
  let wantedAt = now()
  let timer: ReturnType<typeof setTimeout> | undefined
  let closing = new AbortController()

  const fresh = () => heard.flatMap((one) => (one && since(one.at) < one.freshMs ? one.rate : []))

  function tell(source: number, fault: unknown): void {
    try {
      onFault?.(source, fault)
    } catch {
      // A listener's trouble is not the rate's.
    }
  }

  async function ask(source: RateSource, index: number): Promise<void> {
    const { signal } = closing
    try {
      const late = new Error(`Nothing within ${timeoutMs} ms`)
      const reading = await withDeadline(async (mine) => source(mine), { timeoutMs, late, signals: [signal] })
      heard[index] = read(reading, maxAgeMs)
    } catch (fault) {
      faults.push(fault)
      if (!signal.aborted) tell(index, fault)
    }
  }

  /** Asks all of them, once for everybody who waits. One that was cut off, as on the edge, is not waited for forever. */
  function refresh(): Promise<void> {
    if (asking && since(asking.at) < 2 * timeoutMs) return asking.done
    faults = []
    askedAt = now()
    const done = Promise.all(sources.map(ask)).then(() => {
      if (asking?.done === done) asking = undefined
      rearm()
    })
    asking = { at: askedAt, done }
    return done
  }

  function rearm(): void {
    clearTimeout(timer)
    if (closing.signal.aborted || since(wantedAt) > IDLE_MS) return
    timer = setTimeout(refresh, refreshMs)
    unref(timer)
  }

  function rateNow(): bigint {
    const rate = agree(fresh(), agreement)
    if (typeof rate === 'bigint') return rate
    const why =
      rate === 'few'
        ? `of ${sources.length} sources ${fresh().length} has a fresh one, and ${agreement.minSources} are needed`
        : 'the sources are too far apart'
    throw new PriceError(`No dollar rate: ${why}.`, { cause: new AggregateError(faults) })
  }

  return {
    toRaw(usd) {
      const dollars = readDecimal(usd)
      if (!dollars) throw new PriceError("Not a price in dollars: expected decimal text such as '0.01', above 0.")
      const inRaw = (rate: bigint) => {
        const amount = (dollars * ONE + rate - 1n) / rate
        return ((amount + STEP - 1n) / STEP) * STEP
      }
      wantedAt = now()
      if (closing.signal.aborted) closing = new AbortController()
      const rate = agree(fresh(), agreement)
      if (typeof rate === 'bigint') {
        // On the edge, where no timer outlives a request.
        if (!askedAt || since(askedAt) >= refreshMs) void refresh()
        return inRaw(rate)
      }
      const mayAsk = asking !== undefined || askedAt === undefined || since(askedAt) >= Math.min(PAUSE_MS, refreshMs)
      return mayAsk ? refresh().then(() => inRaw(rateNow())) : inRaw(rateNow())
    },
    close() {
      clearTimeout(timer)
      closing.abort()
      asking = undefined
      askedAt = undefined
    },
  }
}

/** What a source said, if it can be so. */
function read({ usdPerXno, atMs }: Reading, maxAgeMs: number): Heard {
  const rate = readDecimal(usdPerXno)
  if (rate === undefined || rate < LEAST || rate > MOST) throw new Error('What it said is no rate')
  const ageMs = typeof atMs === 'number' ? Date.now() - atMs : Number.NaN
  if (!(ageMs >= -SKEW_MS && ageMs < maxAgeMs)) throw new Error('What it said is too old, or of no time')
  return { rate, at: now(), freshMs: maxAgeMs - Math.max(0, ageMs) }
}

const KNOWN = ['sources', 'maxAgeMs', 'minSources', 'maxSpread', 'refreshMs', 'timeoutMs', 'onFault']

/** The options with their defaults. @throws {@link ConfigError} (`ERR_CONFIG`) */
function checked(options: RatesOptions) {
  const unknown = Object.keys(options).find((name) => !KNOWN.includes(name))
  if (unknown !== undefined) {
    throw new ConfigError(`Unknown option ${unknown} of rates. Known options: ${KNOWN.join(', ')}.`)
  }
  const { sources, maxAgeMs = 600_000, timeoutMs = 3_000, maxSpread = '0.05', onFault } = options
  const { refreshMs = Math.min(60_000, Math.ceil(maxAgeMs / 2)) } = options
  if (!Array.isArray(sources) || sources.length === 0 || sources.some((source) => typeof source !== 'function')) {
    throw new ConfigError('Rates need sources: a list of functions, such as [coinGecko(), kraken(), kuCoin()].')
  }
  const { minSources = Math.min(2, sources.length) } = options
  for (const [name, ms] of Object.entries({ maxAgeMs, refreshMs, timeoutMs })) {
    if (!Number.isInteger(ms) || ms < 1 || ms > 86_400_000)
      throw new ConfigError(`Option ${name} of rates must be an integer of milliseconds, from 1 to a day.`)
  }
  if (refreshMs >= maxAgeMs) {
    throw new ConfigError('Option refreshMs of rates must be below maxAgeMs: a rate is asked for before it is too old.')
  }
  if (!Number.isInteger(minSources) || minSources < 1 || minSources > sources.length) {
    throw new ConfigError('Option minSources of rates must be an integer from 1 to the number of sources.')
  }
  const spread = readDecimal(maxSpread)
  if (spread === undefined || spread >= ONE) {
    throw new ConfigError("Option maxSpread of rates must be decimal text below 1, such as '0.05'.")
  }
  return { sources, maxAgeMs, refreshMs, timeoutMs, onFault, minSources, maxSpread: spread }
}
