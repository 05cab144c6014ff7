/**
 * Server-sent events that are paid for one by one. The client is asked for more in events of our own, `payment-need` and
 * `payment-receipt`, which content cannot forge: each line of it is written behind `data: `, and their names are refused.
 */
import { ChargeError } from '../errors.ts'

/** What a stream sends. Text is an event without a name. */
export type ContentEvent = string | { readonly event?: string; readonly id?: string; readonly data: string }

/** What pays for a stream, event by event. Amounts in raw. */
export interface Draws {
  /** Charges the last event and reserves for the next. False: the last one must not leave. */
  draw(spent: bigint, next: bigint): Promise<'reserved' | 'needed' | 'ended' | false>
  /** What the client is told when more is needed for the next event. */
  need(next: bigint): Promise<object>
  /** Waits until more may be authorised. False: the time is up, or nobody reads any more. */
  more(signal: AbortSignal): Promise<boolean>
  /** Gives back what is reserved, and says what was charged in all. Asked once. */
  end(): Promise<object | undefined>
}

/** Names of our own begin like this. */
const OWN_NAMES = /^payment-/i

/**
 * An event as it goes over the wire.
 *
 * @throws {@link ChargeError} (`ERR_CHARGE`) for a name of our own, or one that is more than a line.
 */
export function encodeEvent(content: ContentEvent): string {
  const { event, id, data } = typeof content === 'string' ? { data: content } : content
  if (event !== undefined && (OWN_NAMES.test(event.trim()) || /[\r\n\0]/.test(event))) {
    throw new ChargeError('An event must have a name of one line that does not begin with payment-.')
  }
  if (id !== undefined && /[\r\n\0]/.test(id)) throw new ChargeError('The id of an event must be one line.')
  const lines = String(data).split(/\r\n|\r|\n/)
  return [
    ...(event === undefined ? [] : [`event: ${event}`]),
    ...(id === undefined ? [] : [`id: ${id}`]),
    ...lines.map((line) => `data: ${line}`),
    '\n',
  ].join('\n')
}

const ownEvent = (name: 'payment-need' | 'payment-receipt', data: object) =>
  `event: ${name}\ndata: ${JSON.stringify(data)}\n\n`

/**
 * The body of an answer of type `text/event-stream`. For each event so much is reserved before it is asked for, and charged
 * as it leaves; without enough the client is asked for more, and the stream ends when nobody gives it in time.
 */
export function meteredEvents(
  source: AsyncIterable<ContentEvent>,
  { price, draws }: { readonly price: bigint; readonly draws: Draws },
): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder()
  const gone = new AbortController()
  const events = source[Symbol.asyncIterator]()

  async function* run(): AsyncGenerator<string, void> {
    try {
      let state = await draws.draw(0n, price)
      for (;;) {
        while (state === 'needed') {
          // Asked for long after the last event, there may be enough by now.
          state = await draws.draw(0n, price)
          if (state !== 'needed') break
          yield ownEvent('payment-need', await draws.need(price))
          do {
            if (!(await draws.more(gone.signal))) return
            state = await draws.draw(0n, price)
          } while (state === 'needed')
        }
        if (state !== 'reserved') return
        const next = await events.next()
        if (next.done) return
        const text = encodeEvent(next.value)
        state = await draws.draw(price, price)
        if (state === false) return
        yield text
      }
    } finally {
      await events.return?.()?.catch(() => {})
      const receipt = await draws.end()
      if (receipt && !gone.signal.aborted) yield ownEvent('payment-receipt', receipt)
    }
  }
  const running = run()
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        const { done, value } = await running.next()
        if (done) controller.close()
        else controller.enqueue(encoder.encode(value))
      },
      async cancel() {
        gone.abort()
        await running.return()
      },
    },
    { highWaterMark: 0 },
  )
}
