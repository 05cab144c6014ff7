/**
 * A stream that is paid for event by event. What the payee asks for on the way is authorised within the budget of the request;
 * its events about payment end here, and all others pass through as they came.
 */
import { raw } from '../../nano/index.ts'
import type { Budget, Release } from '../budget.ts'
import type { RepeatableRequest } from '../request.ts'
import type { Held } from './held.ts'
import type { Opening } from './opening.ts'
import type { Standing } from './standing.ts'
import type { Tab } from './tab.ts'
import { newPaymentId } from './talk.ts'

export interface StreamOptions {
  readonly standing: Pick<Standing, 'look' | 'authorize'>
  readonly budget: Budget
  readonly opening: Pick<Opening, 'topUp'>
}

/** A request that was answered with a stream. */
export interface Streamed {
  readonly tab: Tab
  /** The payment of the request, which is charged already. */
  readonly one: Held
  readonly cost: bigint
  readonly request: RepeatableRequest
}

export const isStream = ({ headers, body }: Response): boolean =>
  body !== null && /^text\/event-stream\b/i.test(headers.get('content-type') ?? '')

const NEED = 'event: payment-need\n'
const RECEIPT = 'event: payment-receipt\n'

export function createStreams({ standing, budget, opening }: StreamOptions) {
  /** Answers a `payment-need`. @throws `OverBudgetError` (`ERR_OVER_BUDGET`), which ends the stream */
  async function give(streamed: Streamed, stream: Held, releases: Release[], data: unknown): Promise<void> {
    const { tab, cost } = streamed
    const { channelId, requiredCumulative } = data as { channelId?: unknown; requiredCumulative?: unknown }
    if (channelId !== tab.id || typeof requiredCumulative !== 'string' || !/^[0-9]{1,39}$/.test(requiredCumulative))
      return
    const growth = tab.growthTo(BigInt(requiredCumulative))
    if (growth > 0n) {
      releases.push(budget.reserve(tab.host, raw(growth), cost + stream.max))
      stream.max += growth
    }
    const reach = tab.authorized() + growth
    while (reach > tab.credited()) await opening.topUp(tab, reach - tab.credited())
    await tab.extend(stream, reach)
    await standing.authorize(tab, reach, streamed.request)
  }

  /** What the stream did cost, when nobody said so: how the channel stands, if nothing else changes it just now. */
  async function settleCut({ tab }: Streamed, stream: Held): Promise<void> {
    const stated = await standing.look(tab)
    const isQuiet = stated?.reserved === 0n && tab.isQuiet(stream)
    tab.settle(stream, isQuiet ? stated.charged - tab.charged() : stream.max)
  }

  /** The stream without its events about payment. */
  return function metered(response: Response, streamed: Streamed): Response {
    const { tab, one } = streamed
    const before = tab.known()
    // It may draw on all that was authorised and not charged.
    const max = tab.headroom()
    const releases: Release[] = max > 0n ? [budget.count(tab.host, raw(max), Date.now())] : []
    const stream: Held = {
      ...{
        id: newPaymentId(),
        key: '',
        url: one.url,
        method: one.method,
        atMs: Date.now(),
        reach: tab.authorized(),
        max,
      },
      ...({ before, isUnderWay: false, isUncertain: true, isFailed: false, isStream: true } as const),
      release: () => {
        for (const release of releases) release()
      },
    }
    tab.restore(stream)
    const [decoder, encoder] = [new TextDecoder(), new TextEncoder()]
    const reader = (response.body as ReadableStream<Uint8Array>).getReader()
    let text = ''
    let isOver = false

    async function finish(data: unknown): Promise<void> {
      isOver = true
      const about = { paymentId: one.id, requestHash: undefined, max: tab.authorized() }
      const stated = await tab.read(data, before, about)
      if (typeof stated !== 'string') return tab.settle(stream, stated.cost, stated)
      tab.distrust(stated)
      tab.settle(stream, stream.max)
    }

    /** The events of ours are dealt with; the others come back. */
    async function sift(event: string): Promise<string> {
      const name = [NEED, RECEIPT].find((one) => event.startsWith(one))
      if (name === undefined || isOver) return event
      const data = parse(event.slice(name.length).replace(/^data: /, ''))
      await (name === NEED ? give(streamed, stream, releases, data) : finish(data))
      return ''
    }

    const body = new ReadableStream<Uint8Array>(
      {
        async pull(controller) {
          try {
            for (;;) {
              const end = text.indexOf('\n\n')
              if (end >= 0) {
                const event = text.slice(0, end + 2)
                text = text.slice(end + 2)
                const passed = await sift(event)
                if (passed !== '') return controller.enqueue(encoder.encode(passed))
                continue
              }
              const { done, value } = await reader.read()
              if (!done) {
                text += decoder.decode(value, { stream: true })
                continue
              }
              if (text !== '') controller.enqueue(encoder.encode(text))
              if (!isOver) await settleCut(streamed, stream)
              return controller.close()
            }
          } catch (error) {
            await reader.cancel().catch(() => {})
            if (!isOver) await settleCut(streamed, stream)
            throw error
          }
        },
        async cancel(reason) {
          await reader.cancel(reason).catch(() => {})
          if (!isOver) await settleCut(streamed, stream)
        },
      },
      { highWaterMark: 0 },
    )
    return new Response(body, response)
  }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text) ?? {}
  } catch {
    return {}
  }
}
