/** What leaves: the answer that refuses, and the marks on the answer that was paid for. */
import type { PaymentRequired, SettlementResponse } from '../x402/shapes.ts'
import type { Header, HeaderReader, Wire } from '../x402/wire.ts'
import { answerFor, type RefusalCode } from './refusal.ts'

/** An answer of ours instead of the resource. */
export interface Refused {
  readonly kind: 'refused'
  /**
   * Three are no refusals: `preflight` answers a browser's question, `replay` is an answer that was paid for before, and
   * `reply` answers what was about the payment alone.
   */
  readonly code: RefusalCode | 'preflight' | 'replay' | 'reply'
  readonly status: number
  /** The headers to send, given those that earlier code has set: list headers are merged, most others must go. */
  headers(existing: Iterable<Header>): readonly Header[]
  readonly body: string | null
  /** The body of a `replay`, in place of `body`. */
  readonly bytes?: Uint8Array<ArrayBuffer>
  /** The body of a `reply` that goes on, in place of `body`. Whoever sends it cancels it when the client has gone. */
  readonly stream?: ReadableStream<Uint8Array<ArrayBuffer>>
  /** The same as a standard `Response`. */
  toResponse(existing?: Iterable<Header>): Response
}

/** What a payment here may be: it goes with every 400, which says that one is something else. */
export interface Accepted {
  readonly x402Versions: readonly number[]
  readonly schemes: readonly string[]
  readonly networks: readonly string[]
  readonly assets: readonly string[]
}

/** What we answer, in the form that is spoken. */
export interface Answers {
  /** A 402 with its offers, in the headers and in the body. */
  paymentRequired(code: RefusalCode, required: PaymentRequired, more: readonly Header[]): Refused
  /** Every other refusal: the code and the sentence as JSON, and what else is said of it there. */
  refusal(code: RefusalCode, more?: readonly Header[], said?: object): Refused
  /** A browser's question before the request. It is not answered with content, and says nothing about payment. */
  preflight(): Refused
  /** What was presented has been seen to, and there is nothing else to say. */
  reply(settlement: SettlementResponse): Refused
  /** The headers that tell a client what became of the proof it presented. */
  settlementHeaders(settlement: SettlementResponse): readonly Header[]
  /**
   * The marks on an answer that was paid for: it belongs to this client alone, and scripts may read what it cost. Without a
   * settlement, that is said later.
   */
  paidHeaders(settlement: SettlementResponse | undefined, existing: HeaderReader): readonly Header[]
}

const EXPOSE = 'Access-Control-Expose-Headers'

export interface AnswersOptions {
  /** What else of a request its answer depends on. */
  readonly vary?: readonly string[]
  /** What else of an answer scripts may read. */
  readonly expose?: readonly string[]
}

export function createAnswers(wire: Wire, { vary = [], expose = [] }: AnswersOptions = {}): Answers {
  const presented = [...wire.requestHeaders, ...vary].join(', ')
  const answered = [...wire.responseHeaders, ...expose].join(', ')
  const unpaidHeaders: readonly Header[] = [
    ['Content-Type', 'application/json; charset=utf-8'],
    ['Cache-Control', 'no-store'],
    ['Vary', presented],
    [EXPOSE, `${answered}, Retry-After`],
  ]
  return {
    paymentRequired(code, required, more) {
      const { headers, body } = wire.offer(required)
      return refused(code, 402, [...headers, ...unpaidHeaders, ...more], body ?? reasonOf(code))
    },
    refusal(code, more = [], said = undefined) {
      const { status, retryAfterSeconds } = answerFor(code)
      const retry: Header[] = retryAfterSeconds === undefined ? [] : [['Retry-After', String(retryAfterSeconds)]]
      return refused(code, status, [...unpaidHeaders, ...retry, ...more], reasonOf(code, said))
    },
    preflight: () => refused('preflight', 204, [], null),
    reply: (settlement) => refused('reply', 204, [...wire.settled(settlement), ...unpaidHeaders.slice(1)], null),
    settlementHeaders: (settlement) => wire.settled(settlement),
    paidHeaders: (settlement, existing) => [
      ...(settlement ? wire.settled(settlement) : []),
      ['Cache-Control', privately(existing.get('cache-control'))],
      ['Vary', joinLists(existing.get('vary'), presented)],
      [EXPOSE, joinLists(existing.get(EXPOSE), answered)],
    ],
  }
}

/** The code and its sentence. */
const reasonOf = (code: RefusalCode, more?: object) =>
  JSON.stringify({ error: code, message: answerFor(code).message, ...more })

/** Headers about the connection, the site's policy or the request's tracking. Everything else may be about the resource. */
const SURVIVES =
  /^(access-control-.*|vary|date|connection|keep-alive|strict-transport-security|content-security-policy|cross-origin-.*|permissions-policy|referrer-policy|x-content-type-options|x-frame-options|x-request-id|ratelimit.*|x-ratelimit-.*)$/i
const MERGED = new Set(['vary', EXPOSE.toLowerCase()])

/** An answer of ours with these headers. */
export function refused(
  code: Refused['code'],
  status: number,
  own: readonly Header[],
  body: string | Uint8Array<ArrayBuffer> | ReadableStream<Uint8Array<ArrayBuffer>> | null,
): Refused {
  const headers = (existing: Iterable<Header>): readonly Header[] => {
    const merged = [...own]
    for (const [name, value] of existing) {
      if (!SURVIVES.test(name)) continue
      const same = MERGED.has(name.toLowerCase())
        ? merged.findIndex(([ours]) => ours.toLowerCase() === name.toLowerCase())
        : -1
      if (same < 0) merged.push([name, value])
      else merged[same] = [name, joinLists(value, merged[same]?.[1] ?? '')]
    }
    return merged
  }
  return {
    kind: 'refused',
    code,
    status,
    headers,
    ...bodyOf(body),
    toResponse: (existing = []) => new Response(body, { status, headers: headers(existing).map((h) => [...h]) }),
  }
}

/** The same answer with other values of these headers. */
export function remarked(answer: Refused, marks: readonly Header[]): Refused {
  const names = new Set(marks.map(([name]) => name.toLowerCase()))
  const kept = answer.headers([]).filter(([name]) => !names.has(name.toLowerCase()))
  return refused(answer.code, answer.status, [...kept, ...marks], answer.bytes ?? answer.body)
}

const bodyOf = (body: Parameters<typeof refused>[3]) => {
  if (body === null || typeof body === 'string') return { body }
  return body instanceof Uint8Array ? { body: null, bytes: body } : { body: null, stream: body }
}

const privately = (cacheControl: string | null | undefined) =>
  cacheControl && /\b(private|no-store)\b/i.test(cacheControl) ? cacheControl : 'private'

/** Joins two comma-separated lists of header names without repeating one. */
function joinLists(existing: string | null | undefined, added: string): string {
  if (!existing) return added
  const names = existing.split(',').map((name) => name.trim())
  if (names.includes('*')) return existing
  const known = new Set(names.map((name) => name.toLowerCase()))
  return [...names, ...added.split(', ').filter((name) => !known.has(name.toLowerCase()))].join(', ')
}
