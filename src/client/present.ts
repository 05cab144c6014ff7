/** Shows a proof to the server, as often as the server asks for it again, and no longer than it was said. */
import type { PaymentProof } from '../errors.ts'
import { unlessAborted } from '../rpc/wait.ts'
import { readSettlement } from '../x402/client-wires.ts'
import { decodePaymentRequired, PAYMENT_REQUIRED } from '../x402/headers.ts'
import { parseStrictJson } from '../x402/json.ts'
import type { SettlementResponse } from '../x402/shapes.ts'
import { peekJson } from './bills.ts'
import type { RepeatableRequest } from './request.ts'

/** What came of it. `again`: the proof is still good, but there is no answer. */
export type Presented =
  /** Served, and the proof with it used up. */
  | { readonly kind: 'served'; readonly response: Response; readonly settlement: SettlementResponse | undefined }
  /** An answer of the resource that does not use the proof up: an error, or a redirect from before the paywall. */
  | { readonly kind: 'unserved'; readonly response: Response }
  | { readonly kind: 'refused'; readonly refusal: string; readonly headers: Headers }
  | { readonly kind: 'again'; readonly refusal: string; readonly cause?: unknown }

export interface PresentOptions {
  readonly fetch: (request: Request) => Promise<Response>
  readonly url: string
  readonly retryForMs: number
  readonly onAttempt: (attempt: number) => void
}

/** With Retry-After, these say that the same proof is worth presenting again. */
const RETRIED = new Set([409, 429, 503, 504])
/** So do these in a 402: stock x402 servers have no other status for a facilitator that cannot say yes yet. */
const RETRIED_CODES = new Set([
  ...['settlement_pending', 'broadcast_failed', 'payment_in_progress', 'too_many_attempts'],
  ...['node_unavailable', 'store_unavailable', 'facilitator_unavailable'],
])
const FIRST_PAUSE_MS = 250
const LONGEST_PAUSE_MS = 5_000

/** Never rejects: a lost answer is presented again too, because one proof gives one answer and costs nothing more. */
export async function present(
  request: RepeatableRequest,
  proof: Pick<PaymentProof, 'headers'>,
  options: PresentOptions,
): Promise<Presented> {
  const deadlineMs = performance.now() + options.retryForMs
  const ask = async () => readAnswer(await options.fetch(request.paid(options.url, proof.headers)))
  let pauseMs = FIRST_PAUSE_MS
  for (let attempt = 1; ; attempt++) {
    options.onAttempt(attempt)
    const outcome = await ask().catch(lost)
    if (outcome.kind !== 'again') return outcome
    if (request.signal.aborted) return { kind: 'again', refusal: 'aborted', cause: request.signal.reason }
    const waitMs = outcome.retryAfterMs ?? pauseMs
    if (performance.now() + waitMs > deadlineMs) return outcome
    pauseMs = Math.min(2 * pauseMs, LONGEST_PAUSE_MS)
    await pause(waitMs, request.signal)
  }
}

type Outcome = Exclude<Presented, { kind: 'again' }> | (Presented & { kind: 'again'; retryAfterMs?: number })

const lost = (cause: unknown): Outcome => ({ kind: 'again', refusal: 'no_answer', cause })

async function readAnswer(response: Response): Promise<Outcome> {
  const { status, headers } = response
  const settlement = readSettlement(headers)
  const retryAfterMs = readRetryAfter(headers.get('retry-after'))
  const refusal = refusalIn(headers, settlement)
  if (RETRIED.has(status) && retryAfterMs !== undefined) {
    await discard(response)
    return { kind: 'again', refusal: refusal ?? `http_${status}`, retryAfterMs }
  }
  if (status === 402 && settlement?.errorReason !== undefined && RETRIED_CODES.has(settlement.errorReason)) {
    await discard(response)
    return { kind: 'again', refusal: settlement.errorReason }
  }
  if (status === 402 || ((status === 400 || status === 409) && refusal !== undefined)) {
    const inBody = refusal ?? (await refusalInBody(response))
    await discard(response)
    return { kind: 'refused', refusal: inBody ?? 'payment_required', headers }
  }
  const isServed = response.ok || (status >= 300 && status < 400 && settlement?.success === true)
  return isServed ? { kind: 'served', response, settlement } : { kind: 'unserved', response }
}

/** The server's code. It goes into error messages, so only what looks like a code is one. */
function refusalIn(headers: Headers, settlement: SettlementResponse | undefined): string | undefined {
  const required = headers.get(PAYMENT_REQUIRED)
  return asCode(settlement?.errorReason ?? (required === null ? undefined : decodePaymentRequired(required)?.error))
}

/** The same in the body of a 402, where forms without a header for it have it. */
async function refusalInBody(response: Response): Promise<string | undefined> {
  const text = await peekJson(response).catch(() => undefined)
  const body = text === undefined ? undefined : parseStrictJson(text)
  return asCode(typeof body === 'object' && body !== null && 'error' in body ? body.error : undefined)
}

const asCode = (code: unknown) => (typeof code === 'string' && /^[A-Za-z0-9_-]{1,64}$/.test(code) ? code : undefined)

/** Retry-After in ms: seconds, or a date. Undefined when there is none that makes sense. */
function readRetryAfter(text: string | null): number | undefined {
  if (text === null) return undefined
  if (/^[0-9]{1,9}$/.test(text)) return Math.max(Number(text) * 1_000, FIRST_PAUSE_MS)
  const atMs = Date.parse(text)
  return Number.isNaN(atMs) ? undefined : Math.max(atMs - Date.now(), FIRST_PAUSE_MS)
}

/** Frees the connection of an answer that nobody reads. */
export const discard = (response: Response): Promise<void> =>
  response.body?.cancel().catch(() => {}) ?? Promise.resolve()

const pause = (ms: number, signal: AbortSignal) =>
  unlessAborted(new Promise<void>((resolve) => setTimeout(resolve, ms)), signal).catch(() => {})
