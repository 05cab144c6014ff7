/** The request as the guard sees it: the part of a standard `Request` that it needs, so a `Request` is one. */

import type { HeaderReader } from '../x402/wire.ts'

/** One request, as much of it as the guard needs. A standard `Request` is one. */
export interface PaywallRequest {
  readonly method: string
  /** The original URL or target, before any rewrite. */
  readonly url: string
  readonly headers: HeaderReader
  /** Aborts when the client goes away. */
  readonly signal?: AbortSignal | undefined
  /** Whether it has gone. Without it, the signal is asked. */
  readonly aborted?: boolean | undefined
  /** The address that its connection comes from, where that is known. */
  readonly remoteAddress?: string | undefined
  /** Whether its body was read before, so that nobody can read it any more. */
  readonly bodyUsed?: boolean | undefined
  /**
   * The body, left unread for the handler; undefined when it is longer than `limit` bytes. Asked for only when the price
   * reads the body. Without it, the request must be a standard `Request`, which is cloned.
   */
  readBody?(limit: number): Promise<Uint8Array | undefined>
}

/** Path and query as they were sent. Scheme and host are the client's word, so they are no part of it. */
export function targetOf(request: { readonly url: string }): string {
  const { url } = request
  if (url.startsWith('/')) return url
  const path = /^[a-z][a-z0-9+.-]*:\/\/[^/?#]*/i.exec(url)?.[0].length ?? 0
  return url.startsWith('/', path) ? url.slice(path) : `/${url.slice(path)}`
}

/** The body of a request without taking it away; undefined when it is longer than `limit` bytes. */
export async function readBody(request: PaywallRequest, limit: number): Promise<Uint8Array | undefined> {
  if (request.readBody) return request.readBody(limit)
  if (!isStandardRequest(request)) throw new TypeError('This request offers no way to read its body twice.')
  const reader = request.clone().body?.getReader()
  const chunks: Uint8Array[] = []
  let length = 0
  for (let next = await reader?.read(); next?.value; next = await reader?.read()) {
    length += next.value.length
    if (length > limit) {
      reader?.cancel().catch(() => {}) // not waited for: a copy's end is not told before the original's
      return undefined
    }
    chunks.push(next.value)
  }
  return joinChunks(chunks, length)
}

const isStandardRequest = (request: PaywallRequest): request is Request =>
  'clone' in request && typeof request.clone === 'function'

/** `length` bytes, in chunks, as one piece. */
export function joinChunks(chunks: readonly Uint8Array[], length: number): Uint8Array {
  const body = new Uint8Array(length)
  let at = 0
  for (const chunk of chunks) {
    body.set(chunk, at)
    at += chunk.length
  }
  return body
}

/** A browser asks for permission, not for the resource (Fetch standard, CORS-preflight request). */
export const isPreflight = ({ method, headers }: PaywallRequest): boolean =>
  method === 'OPTIONS' && !!headers.get('origin') && !!headers.get('access-control-request-method')
