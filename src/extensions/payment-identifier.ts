/**
 * x402's `payment-identifier`: a request that is made again under the same id gets the answer that it got, instead of a
 * refusal because its payment is spent. What is stored belongs to one paid session: the sealed session id, which only its
 * client has, opens it, and an id without it opens nothing. Nothing is stored before a payment is claimed.
 */
import { refused } from '../core/answer.ts'
import { encodeFields } from '../core/bytes.ts'
import type { AnswerCopy, Extension, StartedAnswer, Visit } from '../core/extension.ts'
import { BODY_TOO_LARGE } from '../core/price.ts'
import { refusal } from '../core/refusal.ts'
import { joinChunks, readBody, targetOf } from '../core/request.ts'
import { PriceError } from '../errors.ts'
import { decodeBase64Url, encodeBase64Url } from '../x402/base64.ts'
import { IDENTIFIER, identifierIn, PAYMENT_IDENTIFIER } from '../x402/identifier.ts'
import type { Header } from '../x402/wire.ts'

/** How answers are kept, to be given again to a request that is made again. */
export interface PaymentIdentifierOptions {
  /** Refuse a payment that brings none, with 400. Default false. */
  readonly required?: boolean
  /** Longest answer that is stored, in bytes. Default 65,536. */
  readonly maxBytes?: number
  /** Longest request body that is compared, in bytes; a longer one is refused with 413. Default 1,048,576. */
  readonly maxBodyBytes?: number
  /** For how long an answer is stored. Default 3,600,000 (1 h). */
  readonly keepMs?: number
}

const BODY_READ =
  'A payment here goes with the body of its request, and something has read that before: put the paywall before body parsers.'

/** How long a body may take from its first byte to its last if it is to be stored. */
const MAX_COPY_MS = 30_000
/** Headers that are about the content. No other is stored: a cookie, say, is not to be set a second time. */
const STORED_HEADERS = [
  ...['content-type', 'content-language', 'content-encoding', 'content-disposition', 'content-location'],
  ...['content-range', 'etag', 'last-modified', 'location', 'link'],
]

/** What is noted when the claim is taken, under the session's name. */
interface Note {
  readonly id: string
  readonly fingerprint: string
  /** Later, an answer that is not there will not come any more. */
  readonly answerByMs: number
}

/** `dropped`: too long, too slow, or cut short. */
type Stored = 'dropped' | { readonly status: number; readonly headers: readonly Header[]; readonly body: string }

/** Asks for ids, which name payments in a channel, and stores no answers. */
export const askForIdentifier = (required: boolean): Extension => ({
  name: PAYMENT_IDENTIFIER,
  offer(_required, request) {
    // Said now, before anybody pays: a payment under an identifier, or in a channel, could not be used.
    if (request.bodyUsed) throw new PriceError(BODY_READ)
    return { info: { required }, schema: SCHEMA }
  },
  read(payment) {
    const id = identifierIn(payment)
    // In a channel not every message pays for a request. Those that do are asked for one by who takes them.
    const isAsked = required && payment.accepted.scheme !== 'batch-settlement'
    if (id === undefined) return isAsked ? refusal('payment_identifier_required') : undefined
    return typeof id === 'string' && IDENTIFIER.test(id) ? undefined : refusal('invalid_payment_identifier')
  },
})

/** @param handlerTimeoutMs - How long a handler may take to start its answer. */
export function paymentIdentifier(options: PaymentIdentifierOptions, handlerTimeoutMs: number): Extension {
  const { required = false, maxBytes = 65_536, maxBodyBytes = 1_048_576, keepMs = 3_600_000 } = options
  const asking = askForIdentifier(required)
  return {
    ...asking,

    offer(offered, request) {
      // For the same reason.
      if (required && Number(request.headers.get('content-length')) > maxBodyBytes) throw BODY_TOO_LARGE
      return asking.offer?.(offered, request)
    },

    async use(visit) {
      const id = identifierIn(visit.payment)
      if (typeof id !== 'string') return undefined
      const { store, session, keepUntilMs } = visit
      const noteKey = `identifier:${session}`
      const answerKey = `answer:${session}`
      const fingerprint = await fingerprintOf(visit, maxBodyBytes)
      const read = async <T>(key: string) => {
        const record = await store.read(key)
        return { version: record?.version ?? 0, value: record && (JSON.parse(record.value) as T) }
      }
      return {
        async claimed() {
          const { version, value: note } = await read<Note>(noteKey)
          if (note?.id === id && note.fingerprint !== fingerprint) return refusal('payment_identifier_conflict')
          const answerByMs = Date.now() + handlerTimeoutMs + MAX_COPY_MS
          const own: Note = { id, fingerprint, answerByMs }
          // The claim is ours, and only who has it writes here.
          const isNoted = await store.write(noteKey, version, JSON.stringify(own), keepUntilMs)
          return isNoted ? undefined : refusal('payment_in_progress')
        },

        async spent() {
          const { value: note } = await read<Note>(noteKey)
          if (note?.id !== id) return refusal('payment_already_spent')
          if (note.fingerprint !== fingerprint) return refusal('payment_identifier_conflict')
          const { value: stored } = await read<Stored>(answerKey)
          if (typeof stored === 'object') return { ...refusal('payment_already_spent'), answer: answerFrom(stored) }
          const mayCome = stored === undefined && Date.now() < note.answerByMs
          return refusal(mayCome ? 'payment_in_progress' : 'answer_not_stored')
        },

        answered(answer, final) {
          const keepAnswerUntilMs = Math.min(keepUntilMs, Date.now() + keepMs)
          return copyOf(answer, { maxBytes, isHead: visit.request.method === 'HEAD' }, async (stored) => {
            // The payment is final and the answer gone: a store that fails now costs the copy, and nothing else.
            if (await final) await store.write(answerKey, 0, JSON.stringify(stored), keepAnswerUntilMs).catch(() => {})
          })
        },
      }
    },
  }
}

/** Method, target, body, and what the payment is, as one hash. */
async function fingerprintOf({ request, ids }: Visit, maxBodyBytes: number): Promise<string> {
  const body = await readBody(request, maxBodyBytes)
  if (!body) throw BODY_TOO_LARGE
  const fields = encodeFields([request.method, targetOf(request), body, ...ids])
  return encodeBase64Url(new Uint8Array(await crypto.subtle.digest('SHA-256', new Uint8Array(fields))))
}

/** Collects an answer, and gives it, or that it was dropped, to `store` once. */
function copyOf(
  { status, headers, marks }: StartedAnswer,
  { maxBytes, isHead }: { readonly maxBytes: number; readonly isHead: boolean },
  store: (stored: Stored) => Promise<void>,
): AnswerCopy | undefined {
  const length = Number(headers.get('content-length') ?? 0)
  if (!isHead && length > maxBytes) {
    void store('dropped')
    return undefined
  }
  const kept = STORED_HEADERS.flatMap((name): readonly Header[] => {
    const value = headers.get(name)
    return typeof value === 'string' ? [[name, value]] : []
  })
  let chunks: Uint8Array[] | undefined = []
  let size = 0
  const finish = (stored: Stored) => {
    if (!chunks) return
    clearTimeout(timer)
    chunks = undefined
    void store(stored)
  }
  const timer = setTimeout(() => finish('dropped'), MAX_COPY_MS)
  ;(timer as { unref?: () => void }).unref?.()
  return {
    write(bytes) {
      if (isHead) return true
      size += bytes.length
      if (size > maxBytes) finish('dropped')
      else chunks?.push(bytes.slice())
      return chunks !== undefined
    },
    end() {
      if (chunks) finish({ status, headers: [...kept, ...marks], body: encodeBase64Url(joinChunks(chunks, size)) })
    },
    cut: () => finish('dropped'),
  }
}

/** A stored answer as it leaves again. */
function answerFrom({ status, headers, body }: Exclude<Stored, string>) {
  const bytes = decodeBase64Url(body)
  return refused('replay', status, headers, bytes?.length ? new Uint8Array(bytes) : null)
}

const SCHEMA = {
  $schema: 'https://json-schema.org/draft/2020-12/schema',
  type: 'object',
  properties: {
    required: { type: 'boolean' },
    id: { type: 'string', minLength: 16, maxLength: 128, pattern: '^[a-zA-Z0-9_-]+$' },
  },
  required: ['required'],
}
