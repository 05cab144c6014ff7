/**
 * What has become of a payment, for the page that waits for it: as server-sent events, or as one answer. It is asked at
 * the resource's own URL, with the page's cookie and nothing else, so that the seal is checked for this very request, and
 * it says one word, which is about this session alone.
 */
import type { Sight } from '../arrivals/index.ts'
import { type Refused, refused } from '../core/answer.ts'
import { encodeUtf8 } from '../core/bytes.ts'
import { unref } from '../rpc/wait.ts'
import type { Header } from '../x402/wire.ts'
import type { PageSession } from './sessions.ts'

/** The header that asks: `events` or `now`. Another site's script may not send it without asking first, which we refuse. */
export const STATUS_HEADER = 'Nano402-Page'

/** `expired`: the offer is over and nothing has been seen. `unknown`: no session of ours, for this request, came along. */
export type PageState = 'waiting' | 'cut' | 'seen' | 'confirmed' | 'expired' | 'unknown'

export interface Status {
  /** Answers what was asked about these sessions, whose seals are genuine. */
  answer(asked: string, sessions: readonly PageSession[]): Promise<Refused>
  close(): void
}

const MAX_STREAMS = 1_000
const MAX_STREAMS_OF_SESSION = 4
/** A stream ends after this; the page opens another one. */
const STREAM_MS = 300_000
const BEAT_MS = 15_000
/** For how long a payment is looked for after its offer is over. */
const GRACE_MS = 120_000
const LOOK_MS = 3_000
/** Events that a client has not read yet. */
const MAX_UNREAD = 16

export function createStatus(): Status {
  const open = new Map<string, Set<() => void>>()
  let count = 0

  function stream(sessions: readonly PageSession[], name: string): ReadableStream<Uint8Array<ArrayBuffer>> {
    const undo: (() => void)[] = []
    let over = false
    let last: PageState | undefined
    const sights = new Map<PageSession, Sight>()

    const leave = () => {
      if (over) return false
      over = true
      for (const step of undo) step()
      return true
    }
    const start = (controller: ReadableStreamDefaultController<Uint8Array<ArrayBuffer>>) => {
      const end = () => {
        if (leave()) controller.close()
      }
      const say = (text: string) => {
        controller.enqueue(new Uint8Array(encodeUtf8(text)))
        if ((controller.desiredSize ?? 0) < -MAX_UNREAD) end() // nobody reads it
      }
      const tell = () => {
        const state = stateOf(sessions, [...sights.values()])
        if (state === last || over) return
        last = state
        say(`event: state\ndata: ${JSON.stringify({ state })}\n\n`)
        if (state === 'confirmed') end()
      }
      const streams = open.get(name) ?? new Set()
      open.set(name, streams.add(end))
      count++
      undo.push(() => {
        count--
        streams.delete(end)
        if (streams.size === 0) open.delete(name)
      })
      const untilMs = Math.max(...sessions.map(({ quote }) => quote.expiresAtMs)) - Date.now()
      const timers = [
        setInterval(() => say(': \n\n'), BEAT_MS),
        setTimeout(tell, untilMs + 1),
        setTimeout(end, Math.min(STREAM_MS, untilMs + GRACE_MS)),
      ]
      timers.forEach(unref)
      undo.push(() => timers.forEach(clearTimeout))
      for (const session of sessions) {
        const stop = session.watch((sight) => {
          sights.set(session, sight)
          if (sights.size === sessions.length) tell()
        })
        if (over) stop()
        else undo.push(stop)
      }
    }
    return new ReadableStream({ start, cancel: () => void leave() })
  }

  return {
    async answer(asked, sessions) {
      const live = sessions.filter(({ quote }) => Date.now() < quote.expiresAtMs + GRACE_MS)
      const name = live[0]?.quote.id
      if (name === undefined) return json(404, 'unknown')
      if (asked !== 'events') {
        return json(200, stateOf(live, await Promise.all(live.map((session) => session.look(LOOK_MS)))))
      }
      const isFull = count >= MAX_STREAMS || (open.get(name)?.size ?? 0) >= MAX_STREAMS_OF_SESSION
      return isFull ? UNKNOWN_YET : refused('reply', 200, EVENTS, stream(live, name))
    },
    close() {
      for (const streams of [...open.values()]) for (const end of [...streams]) end()
    },
  }
}

const COMMON: readonly Header[] = [
  ['Cache-Control', 'no-store, no-transform'], // compression would hold events back
  ['Vary', `Cookie, ${STATUS_HEADER}`],
  ['X-Content-Type-Options', 'nosniff'],
]
const EVENTS: readonly Header[] = [['Content-Type', 'text/event-stream'], ['X-Accel-Buffering', 'no'], ...COMMON]
const JSON_HEADERS: readonly Header[] = [['Content-Type', 'application/json; charset=utf-8'], ...COMMON]

const json = (status: number, state: PageState): Refused =>
  refused('reply', status, JSON_HEADERS, JSON.stringify({ state }))

/** It cannot be said now: the page asks again. */
export const UNKNOWN_YET: Refused = json(503, 'waiting')

/** The best that is known of one of the sessions. */
function stateOf(sessions: readonly PageSession[], sights: readonly Sight[]): PageState {
  const isSeen = (state: PageState) => sights.some((sight) => sight.state === state)
  for (const state of ['confirmed', 'seen', 'cut'] as const) if (isSeen(state)) return state
  return sessions.some(({ quote }) => Date.now() < quote.expiresAtMs) ? 'waiting' : 'expired'
}
