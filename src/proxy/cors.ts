/** Scripts of other origins, where the upstream is not asked: a 402 that they cannot read, they cannot pay. */
import type { IncomingMessage, ServerResponse } from 'node:http'

/** Every origin, or these. */
export type CorsOption = '*' | readonly string[]

/**
 * Lets scripts of these origins read whatever is answered; what the upstream says of them itself comes first.
 *
 * @returns Whether it was a preflight, which is answered with that (Fetch standard, CORS-preflight request).
 */
export function allowOrigin(origins: CorsOption, { method, headers }: IncomingMessage, res: ServerResponse): boolean {
  const { origin } = headers
  if (origins !== '*') res.setHeader('Vary', 'Origin')
  if (origin === undefined || (origins !== '*' && !origins.includes(origin))) return false
  res.setHeader('Access-Control-Allow-Origin', origins === '*' ? '*' : origin)
  const asked = headers['access-control-request-method']
  if (method !== 'OPTIONS' || asked === undefined) return false
  const wanted = headers['access-control-request-headers']
  res.setHeader('Access-Control-Allow-Methods', asked)
  if (wanted !== undefined) res.setHeader('Access-Control-Allow-Headers', wanted)
  res.setHeader('Access-Control-Max-Age', '600')
  res.writeHead(204).end()
  return true
}
