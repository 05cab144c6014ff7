import { type RateSource, type RatesOptions, type Reading, rates } from 'nano402/rates'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'

const STEP = 10n ** 20n
const XNO = 10n ** 30n
const MINUTE = 60_000
const HOUR = 60 * MINUTE

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

/** A source that says what it is set to, and counts how often it is asked. */
function source(usdPerXno: unknown, ageMs: unknown = 0) {
  const told = { usdPerXno, ageMs, asked: 0, signal: undefined as AbortSignal | undefined }
  const ask: RateSource = async (signal) => {
    told.asked++
    told.signal = signal
    if (told.usdPerXno instanceof Promise) await told.usdPerXno
    const atMs = typeof told.ageMs === 'number' ? Date.now() - told.ageMs : told.ageMs
    return { usdPerXno: told.usdPerXno, atMs } as Reading
  }
  return Object.assign(ask, { told })
}
const open = (sources: readonly RateSource[], options: Partial<RatesOptions> = {}) => rates({ sources, ...options })
const dollar = (sources: readonly RateSource[], options: Partial<RatesOptions> = {}) =>
  Promise.resolve(open(sources, options).toRaw('1'))
const noRate = { code: 'ERR_PRICE', message: expect.stringMatching(/^No dollar rate: /) }
const never = () => new Promise<never>(() => {})

describe('a price in raw', () => {
  test.each([
    ['1', '1', XNO],
    ['0.01', '0.8', XNO / 80n],
    ['0.01', '0.8531', 11721955300000000000000000000n, 'rounded up, to a multiple of 10^20'],
    ['1', '3', 333333333400000000000000000000n],
    ['0.000000000000000000000000000001', '1000000', STEP, 'the least that a price can be'],
    ['999999999', '1', 999_999_999n * XNO],
    ['0.1', '0.3', 333333333400000000000000000000n, 'not what floating-point numbers make of it'],
  ])('%s dollars at %s are exact', async (usd, usdPerXno, amount, _why = '') => {
    expect(await open([source(usdPerXno)]).toRaw(usd)).toBe(amount)
  })

  test.each([
    '0',
    '0.00',
    '-1',
    '+1',
    '1e3',
    '0x1',
    '1,5',
    '.5',
    '1.',
    '01',
    ' 1',
    '1\n',
    '',
    '٣',
    'NaN',
    '$1',
    '1'.repeat(10),
  ])('of %j dollars is none, and nobody is asked', (usd) => {
    const one = source('1')
    expect(() => open([one]).toRaw(usd)).toThrow(expect.objectContaining({ code: 'ERR_PRICE' }))
    expect(one.told.asked).toBe(0)
  })

  test('of anything but text is none', () => {
    for (const usd of [undefined, null, 1, 0.01, 1n, {}, ['1'], { toString: () => '1' }]) {
      expect(() => open([source('1')]).toRaw(usd as string)).toThrow(expect.objectContaining({ code: 'ERR_PRICE' }))
    }
  })
})

describe('several sources', () => {
  test.each([
    [['0.80', '0.81', '0.82'], '0.81', 'the one in the middle'],
    [['0.82', '80', '0.80'], '0.82', 'a hundred times too much moves it no further than the honest ones are apart'],
    [['0.80', '0.008', '0.82'], '0.80', 'a hundredth moves it no further either'],
    [['0.80', '0.82'], '0.80', 'of two the lower, which is dearer in XNO'],
    [['0.80', '0.81', '0.82', '0.83'], '0.81', 'of four the lower of the two in the middle'],
  ])('%j give %s: %s', async (said, median) => {
    const expected = await dollar([source(median)])
    expect(await dollar(said.map((one) => source(one)))).toBe(expected)
    expect(await dollar(said.toReversed().map((one) => source(one)))).toBe(expected)
  })

  test.each([[['0.80', '80']], [['0.80', '0.85', '80']], [['0.80', '0.80', '80', '80']], [['0.008', '0.80', '80']]])(
    '%j have no rate: no majority of them agrees',
    async (said) => {
      await expect(dollar(said.map((one) => source(one)))).rejects.toMatchObject({
        ...noRate,
        message: expect.stringContaining('too far apart'),
      })
    },
  )

  test('agree within maxSpread of their median, that included', async () => {
    const two = [source('1'), source('1.1')]
    expect(await dollar(two, { maxSpread: '0.1' })).toBe(XNO)
    await expect(dollar(two, { maxSpread: '0.0999' })).rejects.toMatchObject(noRate)
    expect(await dollar([source('1'), source('1')], { maxSpread: '0' })).toBe(XNO)
  })

  test('have no rate where fewer than minSources agree, majority or not', async () => {
    const three = [source('1'), source('1'), source('2')]
    await expect(dollar(three, { minSources: 3 })).rejects.toMatchObject(noRate)
    expect(await dollar(three, { minSources: 2 })).toBe(XNO)
  })

  test('one that fails is done without, and two of three are not enough to do without', async () => {
    const fails: RateSource = () => Promise.reject(new Error('down'))
    const throws: RateSource = () => {
      throw new Error('broken')
    }
    const faults: unknown[] = []
    const onFault = (index: number, fault: unknown) => {
      faults.push([index, String(fault)])
      throw new Error('a listener in trouble')
    }
    expect(await dollar([fails, source('1'), source('1')], { onFault })).toBe(XNO)
    expect(faults).toEqual([[0, 'Error: down']])
    await expect(dollar([fails, throws, source('1')])).rejects.toMatchObject({
      ...noRate,
      message: 'No dollar rate: of 3 sources 1 has a fresh one, and 2 are needed.',
      cause: { errors: expect.arrayContaining([new Error('down'), new Error('broken')]) },
    })
    await expect(dollar([fails, source('1'), source('1')], { minSources: 3 })).rejects.toMatchObject(noRate)
    expect(await dollar([fails, throws, source('1')], { minSources: 1 })).toBe(XNO)
  })
})

test.each<[string, unknown]>([
  ['nothing', '0'],
  ['nothing, with decimals', '0.000000'],
  ['a negative', '-0.8'],
  ['NaN', 'NaN'],
  ['Infinity', 'Infinity'],
  ['an exponent that would fill the memory', '1e9999999'],
  ['a small exponent', '1e-3'],
  ['absurdly little', '0.0000009'],
  ['absurdly much', '1000001'],
  ['too many digits', '9'.repeat(100_000)],
  ['too many decimals', `0.${'1'.repeat(31)}`],
  ['a comma', '0,8'],
  ['hex', '0x1'],
  ['another script', '١'],
  ['a space', '1 '],
  ['a number', 0.8],
  ['a bigint', 1n],
  ['null', null],
  ['undefined', undefined],
  ['a list', ['1']],
  ['an object', { toString: () => '1' }],
])('%s is no rate', async (_, said) => {
  await expect(dollar([source(said)])).rejects.toMatchObject(noRate)
})

test('what is no reading is no rate', async () => {
  for (const reading of [undefined, null, 7, 'text', [], {}, { usdPerXno: '1' }, { atMs: 0 }]) {
    await expect(dollar([async () => reading as never]), JSON.stringify(reading)).rejects.toMatchObject(noRate)
  }
})

describe('freshness', () => {
  test('what is too old, of the future or of no time is not believed', async () => {
    for (const age of [10 * MINUTE, HOUR, -MINUTE - 1, Number.NaN, Number.NEGATIVE_INFINITY, '0', null]) {
      await expect(dollar([source('1', age)]), String(age)).rejects.toMatchObject(noRate)
    }
    for (const age of [10 * MINUTE - 1, 0, -MINUTE]) expect(await dollar([source('1', age)]), String(age)).toBe(XNO)
  })

  test('a rate is used until it is too old, by its own time and not by when it was heard', async () => {
    const one = source('1', 9 * MINUTE)
    const open = rates({ sources: [one], refreshMs: 5 * MINUTE })
    expect(await open.toRaw('1')).toBe(XNO)
    one.told.usdPerXno = 'broken'
    vi.advanceTimersByTime(MINUTE - 1)
    expect(open.toRaw('1')).toBe(XNO)
    vi.advanceTimersByTime(1)
    await expect(open.toRaw('1')).rejects.toMatchObject(noRate)
  })

  test('what a source has said lately is not forgotten for something older', async () => {
    const one = source('1')
    const faults: string[] = []
    const open = rates({ sources: [one], onFault: (_, fault) => faults.push(String(fault)) })
    await open.toRaw('1')
    Object.assign(one.told, { usdPerXno: '2', ageMs: HOUR })
    await vi.advanceTimersByTimeAsync(MINUTE)
    expect(open.toRaw('1')).toBe(XNO)
    expect(faults).toEqual(['Error: What it said is too old, or of no time'])
  })

  test('one source that fails keeps its last word while that is fresh, and no longer', async () => {
    const [one, two] = [source('1'), source('1')]
    const open = rates({ sources: [one, two] })
    await open.toRaw('1')
    one.told.usdPerXno = 'broken'
    await vi.advanceTimersByTimeAsync(10 * MINUTE - 1)
    expect(open.toRaw('1')).toBe(XNO)
    await vi.advanceTimersByTimeAsync(1)
    await expect((async () => open.toRaw('1'))()).rejects.toMatchObject(noRate)
  })

  test('a clock that is set back or on makes nothing fresher than it is', async () => {
    const one = source('1')
    const open = rates({ sources: [one] })
    await open.toRaw('1')
    one.told.usdPerXno = 'broken'
    vi.setSystemTime(Date.now() - 24 * HOUR)
    expect(open.toRaw('1')).toBe(XNO)
    await vi.advanceTimersByTimeAsync(10 * MINUTE)
    await expect((async () => open.toRaw('1'))()).rejects.toMatchObject(noRate)
    one.told.usdPerXno = '1'
    await vi.advanceTimersByTimeAsync(MINUTE)
    expect(open.toRaw('1')).toBe(XNO)
    one.told.usdPerXno = '2'
    vi.setSystemTime(Date.now() + HOUR) // as after a sleep, in which the other clock stood still
    expect(await open.toRaw('1')).toBe(XNO / 2n)
  })
})

describe('asking', () => {
  test('nobody is asked before the first request, and once for all that wait', async () => {
    const one = source('1')
    const open = rates({ sources: [one] })
    await vi.advanceTimersByTimeAsync(HOUR)
    expect(one.told.asked).toBe(0)
    const all = await Promise.all(Array.from({ length: 100 }, () => open.toRaw('1')))
    expect(new Set(all)).toEqual(new Set([XNO]))
    expect(one.told.asked).toBe(1)
  })

  test('a request finds a fresh rate and waits for nobody, however slow the sources have become', async () => {
    const one = source('1')
    const open = rates({ sources: [one] })
    await open.toRaw('1')
    one.told.usdPerXno = never()
    for (let minute = 0; minute < 9; minute++) {
      await vi.advanceTimersByTimeAsync(MINUTE)
      expect(open.toRaw('1')).toBe(XNO) // a bigint: no promise
    }
    expect(one.told.asked).toBeGreaterThan(5)
  })

  test('goes on by itself, a rate that changes is the new price, and stops an hour after the last request', async () => {
    const one = source('1')
    const open = rates({ sources: [one] })
    await open.toRaw('1')
    one.told.usdPerXno = '2'
    await vi.advanceTimersByTimeAsync(MINUTE)
    expect(open.toRaw('1')).toBe(XNO / 2n)
    await vi.advanceTimersByTimeAsync(2 * HOUR)
    const { asked } = one.told
    expect(asked).toBeGreaterThan(50)
    await vi.advanceTimersByTimeAsync(24 * HOUR)
    expect(one.told.asked).toBe(asked)
    expect(vi.getTimerCount()).toBe(0)
    expect(await open.toRaw('1')).toBe(XNO / 2n)
  })

  test('where no timer runs, as on the edge, a request has the next rate fetched beside it', async () => {
    const one = source('1')
    const open = rates({ sources: [one] })
    await open.toRaw('1')
    vi.clearAllTimers()
    one.told.usdPerXno = '2'
    vi.advanceTimersByTime(MINUTE)
    expect(open.toRaw('1')).toBe(XNO)
    await vi.advanceTimersByTimeAsync(0)
    expect(open.toRaw('1')).toBe(XNO / 2n)
  })

  test('a source that hangs is given up after timeoutMs, told so, and holds up nobody else', async () => {
    const hung = source(never())
    const faults: string[] = []
    const open = rates({ sources: [hung, source('1'), source('1')], onFault: (_, fault) => faults.push(String(fault)) })
    const asked = open.toRaw('1')
    await vi.advanceTimersByTimeAsync(3_000)
    expect(await asked).toBe(XNO)
    expect(hung.told.signal?.aborted).toBe(true)
    expect(faults).toEqual(['Error: Nothing within 3000 ms'])
  })

  test('what was cut off in the middle, as on the edge, is not waited for forever', async () => {
    const one = source('1')
    const open = rates({ sources: [one] })
    one.told.usdPerXno = never()
    void open.toRaw('1')
    vi.clearAllTimers()
    one.told.usdPerXno = '1'
    vi.advanceTimersByTime(6_000)
    expect(await open.toRaw('1')).toBe(XNO)
  })

  test('without a rate, a flood of requests is refused at once and asks the sources once in five seconds', async () => {
    const one = source('broken')
    const open = rates({ sources: [one] })
    const ask = async () => open.toRaw('1')
    await expect(ask()).rejects.toMatchObject(noRate)
    for (let i = 0; i < 100; i++) await expect(ask()).rejects.toMatchObject(noRate)
    expect(one.told.asked).toBe(1)
    one.told.usdPerXno = '1'
    await vi.advanceTimersByTimeAsync(5_000)
    expect(await ask()).toBe(XNO)
    expect(one.told.asked).toBe(2)
  })

  test('closed, it ends what is under way and asks nobody; used again, it begins again', async () => {
    const one = source(never())
    const open = rates({ sources: [one] })
    const waiting = expect((async () => open.toRaw('1'))()).rejects.toMatchObject(noRate)
    await vi.advanceTimersByTimeAsync(0)
    open.close()
    await waiting
    expect(one.told.signal?.aborted).toBe(true)
    expect(vi.getTimerCount()).toBe(0)
    one.told.usdPerXno = '1'
    expect(await open.toRaw('1')).toBe(XNO)
    open.close()
    await vi.advanceTimersByTimeAsync(HOUR)
    expect(one.told.asked).toBe(2)
  })
})

test.each<[RegExp, object]>([
  [/Rates need sources: a list of functions/, { sources: [] }],
  [/Rates need sources/, { sources: ['https://example.com'] }],
  [/Rates need sources/, {}],
  [/Unknown option maxAge of rates\. Known options: sources, maxAgeMs/, { sources: [source('1')], maxAge: 1 }],
  [/minSources .* from 1 to the number of sources/, { sources: [source('1')], minSources: 2 }],
  [/minSources/, { sources: [source('1')], minSources: 0 }],
  [/maxSpread .* text below 1/, { sources: [source('1')], maxSpread: 0.05 }],
  [/maxSpread/, { sources: [source('1')], maxSpread: '1' }],
  [/maxAgeMs .* integer of milliseconds/, { sources: [source('1')], maxAgeMs: 0 }],
  [/refreshMs of rates must be below maxAgeMs/, { sources: [source('1')], maxAgeMs: 1_000, refreshMs: 1_000 }],
  [/timeoutMs/, { sources: [source('1')], timeoutMs: '3000' }],
])('wrong options are refused with the remedy: %s', (message, options) => {
  expect(() => rates(options as RatesOptions)).toThrow(
    expect.objectContaining({ code: 'ERR_CONFIG', message: expect.stringMatching(message) }),
  )
})
