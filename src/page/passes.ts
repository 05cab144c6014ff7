/**
 * A pass in a browser, which sends no header of ours: a cookie in its place, one for each thing that passes are sold for.
 * Scripts cannot read it, and no other page can have it used.
 */
import type { PassShelf, Route } from '../core/guard.ts'
import { type PaywallRequest, readBody, targetOf } from '../core/request.ts'
import { PASS_HEADER } from '../x402/pass.ts'
import type { Header, HeaderReader } from '../x402/wire.ts'

/** The request with the pass that its cookie has, as if it had come in the header; or the very same. */
export function withPassOf(request: PaywallRequest, { pass }: Route): PaywallRequest {
  const { headers } = request
  const token =
    pass && !headers.get(PASS_HEADER) && isWanted(request) ? tokenIn(headers.get('cookie'), pass) : undefined
  if (token === undefined) return request
  const isPass = (name: string) => name.toLowerCase() === PASS_HEADER.toLowerCase()
  const read: HeaderReader = { get: (name) => (isPass(name) ? token : headers.get(name)) }
  const { method, url, remoteAddress } = request
  return {
    ...{ method, url, remoteAddress, headers: read },
    get signal() {
      return request.signal
    },
    get aborted() {
      return request.aborted
    },
    get bodyUsed() {
      return request.bodyUsed
    },
    readBody: (limit) => readBody(request, limit),
  }
}

/** The route as it sells to a browser. */
export function sellingCookies(route: Route, request: PaywallRequest, origin: string): Route {
  const { pass } = route
  if (!pass) return route
  const prefix = isSecure(origin, request) ? '__Secure-' : ''
  const cookieOf = ([name, token]: Header, maxAgeSeconds: number): Header =>
    name === PASS_HEADER
      ? [
          'Set-Cookie',
          `${prefix}${nameOf(pass)}=${token}; Max-Age=${maxAgeSeconds}; Path=${pass.path}; HttpOnly; SameSite=Lax` +
            `${prefix && '; Secure'}`,
        ]
      : [name, token]
  return {
    ...route,
    pass: {
      ...pass,
      async sell(asked) {
        const sellTo = await pass.sell(asked)
        return (payer) => {
          const sold = sellTo(payer)
          const maxAgeSeconds = Math.floor((sold.pass.expiresAtMs - Date.now()) / 1000)
          return { ...sold, headers: sold.headers.map((header) => cookieOf(header, maxAgeSeconds)) }
        }
      },
    },
  }
}

const nameOf = ({ scope }: PassShelf) => `nano402-pass-${scope}`

function tokenIn(cookies: string | null | undefined, pass: PassShelf): string | undefined {
  const found = (cookies ?? '').split(';').map((cookie) => /^\s*(?:__Secure-)?([\w-]+)=([\w.-]+)\s*$/.exec(cookie))
  return found.find((cookie) => cookie?.[1] === nameOf(pass))?.[2]
}

/** Over plain http a browser keeps such a cookie for this machine alone, or where the operator says that http is all there is. */
const isSecure = (origin: string, { url }: PaywallRequest): boolean =>
  !(origin ? origin.startsWith('http:') : /^http:\/\/(localhost|127\.|\[::1\])/.test(url))

/**
 * Whether a page of this origin asks, or somebody who clicked or typed: no other page may use up a person's pass, and no
 * browser that loads ahead, or the icon that nobody asked for. Browsers say so wherever the connection is safe.
 */
function isWanted(request: PaywallRequest): boolean {
  const { headers } = request
  if (headers.get('sec-purpose') || headers.get('purpose')) return false
  if (targetOf(request) === '/favicon.ico') return false
  const isFromHere = ['same-origin', 'none'].includes(headers.get('sec-fetch-site') ?? 'none')
  return isFromHere || (headers.get('sec-fetch-dest') === 'document' && headers.get('sec-fetch-user') === '?1')
}
