/** What leaves: the answer that refuses, and the marks on the answer that was paid for. */
import { encodeBase64 } from '../x402/base64.ts'
import { encodeHeader, PAYMENT_REQUIRED, PAYMENT_RESPONSE, PAYMENT_SIGNATURE } from '../x402/headers.ts'
import type { PaymentRequired, SettlementResponse } from '../x402/shapes.ts'
import { answerFor, type RefusalCode } from './refusal.ts'
import type { HeaderReader } from './request.ts'

export type Header = readonly [name: string, value: string]

/** An answer of ours instead of the resource. */
export interface Refused {
  readonly kind: 'refused'
  /** `preflight` is not a refusal of a payment: a browser's question was answered. */
  readonly code: RefusalCode | 'preflight'
  readonly status: number
  /** The headers to send, given those that earlier code has set: list headers are merged, most others must go. */
  headers(existing: Iterable<Header>): readonly Header[]
  readonly body: string | null
  /** The same as a standard `Response`. */
  toResponse(existing?: Iterable<Header>): Response
}

/** A 402 with its offers, in the header and in the body. */
export function paymentRequiredAnswer(code: RefusalCode, required: PaymentRequired, more: readonly Header[]): Refused {
  const json = JSON.stringify(required)
  return refused(code, 402, [[PAYMENT_REQUIRED, encodeBase64(json)], ...UNPAID_HEADERS, ...more], json)
}

/** Every other refusal: the code and the sentence as JSON. */
export function refusalAnswer(code: RefusalCode, more: readonly Header[] = []): Refused {
  const { status, message, retryAfterSeconds } = answerFor(code)
  const retry: Header[] = retryAfterSeconds === undefined ? [] : [['Retry-After', String(retryAfterSeconds)]]
  return refused(code, status, [...UNPAID_HEADERS, ...retry, ...more], JSON.stringify({ error: code, message }))
}

/** The header that tells a client what became of the proof it presented. */
export const settlementHeader = (settlement: SettlementResponse): Header => [PAYMENT_RESPONSE, encodeHeader(settlement)]

/** A browser's question before the request. It is not answered with content, and says nothing about payment. */
export const preflightAnswer = (): Refused => refused('preflight', 204, [], null)

/** The marks on an answer that was paid for: it belongs to this client alone, and scripts may read what it cost. */
export const paidHeaders = (settlement: SettlementResponse, existing: HeaderReader): readonly Header[] => [
  settlementHeader(settlement),
  ['Cache-Control', privately(existing.get('cache-control'))],
  ['Vary', joinLists(existing.get('vary'), PAYMENT_SIGNATURE)],
  [EXPOSE, joinLists(existing.get(EXPOSE), PAYMENT_RESPONSE)],
]

const EXPOSE = 'Access-Control-Expose-Headers'
const UNPAID_HEADERS: readonly Header[] = [
  ['Content-Type', 'application/json; charset=utf-8'],
  ['Cache-Control', 'no-store'],
  ['Vary', PAYMENT_SIGNATURE],
  [EXPOSE, `${PAYMENT_REQUIRED}, ${PAYMENT_RESPONSE}, Retry-After`],
]
/** Headers about the connection, the site's policy or the request's tracking. Everything else may be about the resource. */
const SURVIVES =
  /^(access-control-.*|vary|date|connection|keep-alive|strict-transport-security|content-security-policy|cross-origin-.*|permissions-policy|referrer-policy|x-content-type-options|x-frame-options|x-request-id|ratelimit.*|x-ratelimit-.*)$/i
const MERGED = new Set(['vary', EXPOSE.toLowerCase()])

function refused(code: Refused['code'], status: number, own: readonly Header[], body: string | null): Refused {
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
    body,
    toResponse: (existing = []) => new Response(body, { status, headers: headers(existing).map((h) => [...h]) }),
  }
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
