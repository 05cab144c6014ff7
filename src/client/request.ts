/** A request that can be sent more than once: its body is read into memory, and everything else is kept as it was given. */
import { InvalidValueError } from '../errors.ts'
import { blake2b } from '../nano/blake2b.ts'
import { bytesToHex, concatBytes } from '../nano/hex.ts'
import { PAYMENT_HEADERS } from '../x402/client-wires.ts'

export interface RepeatableRequest {
  /** Names the request: 64 hex digits over its method, URL and body. */
  readonly key: string
  readonly method: string
  /** Without its fragment. */
  readonly url: string
  readonly signal: AbortSignal
  readonly body: Uint8Array | undefined
  /** Whether the caller brought a proof of its own. */
  readonly hasProof: boolean
  /** The request as it was given. */
  unpaid(): Request
  /** The same with a proof, for `url`. Redirects are not followed, so the proof goes nowhere else. */
  paid(url: string, proof: Readonly<Record<string, string>>): Request
  /** What fetch would ask next after a redirect, without the proof. Undefined where it is not to be followed. */
  redirected(response: Response, from: string): Request | undefined
}

/** A longer body is refused: all of it is held in memory. */
const MAX_BODY_BYTES = 16 * 1024 * 1024
const REDIRECTS = new Set([301, 302, 303, 307, 308])

/**
 * Reads a request so that it can be sent again.
 *
 * @throws {@link InvalidValueError} (`ERR_INVALID_VALUE`) for a body above 16 MiB, and `TypeError` like `fetch` for what is no request.
 */
export async function readRequest(input: RequestInfo | URL, init?: RequestInit): Promise<RepeatableRequest> {
  const base = new Request(input, init)
  const body = await readBody(base)
  const url = withoutFragment(base.url)
  const again = (init: RequestInit = {}) => new Request(base, body ? { ...init, body } : init)
  return {
    key: requestKey(base.method, url, body),
    method: base.method,
    url,
    signal: base.signal,
    body,
    hasProof: PAYMENT_HEADERS.some((name) => base.headers.has(name)),
    unpaid: () => again(),
    paid(target, proof) {
      const headers = new Headers(base.headers)
      for (const [name, value] of Object.entries(proof)) headers.set(name, value)
      const init: RequestInit = { headers, redirect: 'manual' }
      return target === url ? again(init) : elsewhere(target, again(init), body, init)
    },
    redirected(response, from) {
      const location = response.headers.get('location')
      if (!REDIRECTS.has(response.status) || location === null || base.redirect !== 'follow') return undefined
      if (!URL.canParse(location, from)) return undefined
      const target = new URL(location, from)
      if (target.origin !== new URL(from).origin) return undefined
      const keepsMethod = response.status === 307 || response.status === 308 || base.method === 'HEAD'
      if (keepsMethod) return elsewhere(target.href, again(), body)
      const headers = new Headers(base.headers)
      for (const name of ['content-encoding', 'content-language', 'content-location', 'content-type'])
        headers.delete(name)
      return elsewhere(target.href, new Request(base.url, { signal: base.signal }), undefined, { headers })
    },
  }
}

/** The same request for another URL. */
const elsewhere = (url: string, request: Request, body: Uint8Array<ArrayBuffer> | undefined, init?: RequestInit) =>
  new Request(url, {
    method: request.method,
    headers: request.headers,
    signal: request.signal,
    credentials: request.credentials,
    redirect: request.redirect,
    ...(body && { body }),
    ...init,
  })

async function readBody(request: Request): Promise<Uint8Array<ArrayBuffer> | undefined> {
  if (request.body === null) return undefined
  const chunks: Uint8Array[] = []
  let length = 0
  for (const reader = request.body.getReader(); ; ) {
    const { done, value } = await reader.read()
    if (done) return new Uint8Array(concatBytes(...chunks))
    length += value.byteLength
    if (length > MAX_BODY_BYTES) {
      await reader.cancel()
      throw new InvalidValueError('A body above 16 MiB cannot be paid for: it may have to be sent twice.')
    }
    chunks.push(value)
  }
}

const withoutFragment = (url: string) => url.split('#', 1)[0] ?? url

/** Length-prefixed, so that no two requests have one key. */
function requestKey(method: string, url: string, body: Uint8Array = new Uint8Array()): string {
  const fields = [
    new TextEncoder().encode('nano402 request'),
    new TextEncoder().encode(method),
    new TextEncoder().encode(url),
    body,
  ]
  const parts = fields.flatMap((field) => {
    const length = new Uint8Array(4)
    new DataView(length.buffer).setUint32(0, field.length)
    return [length, field]
  })
  return bytesToHex(blake2b(32, concatBytes(...parts)))
}
