/** The pages that a deployment has about itself: what it charges, its public keys, and how it is. Never gated. */
import { refreshed } from '../core/refresh.ts'
import type { PublicJwk } from '../extensions/jws.ts'
import { X402_VERSION } from '../x402/shapes.ts'
import type { DiscoveredResource } from './resources.ts'

/** Answers what is about the deployment itself; undefined for every other request. */
export type SelfRoutes = (request: Pick<Request, 'method' | 'url'>) => Promise<Response | undefined>

export interface SelfRoutesOptions {
  resources(): Promise<readonly DiscoveredResource[]>
  publicKeys(): Promise<readonly PublicJwk[]>
  /** Asks node and store. */
  health(): Promise<{ readonly node: { readonly ok: boolean }; readonly store: { readonly ok: boolean } }>
}

/** Anybody may ask, so node, store, prices and facilitator are asked no more often than this. */
const REFRESH_MS = 5_000
const MAX_PAGE = 100

export function selfRoutes({ resources, publicKeys, health }: SelfRoutesOptions): SelfRoutes {
  const currentHealth = refreshed(health, REFRESH_MS)
  const currentResources = refreshed(resources, REFRESH_MS)
  const pages: Readonly<Record<string, (query: URLSearchParams) => Promise<Response>>> = {
    '/.well-known/x402': async () => {
      const items = await currentResources()
      const urls = [...new Set(items.map(({ resource }) => resource))]
      return page({ version: 1, x402Version: X402_VERSION, resources: urls, items })
    },
    '/discovery/resources': async (query) => {
      const all = await currentResources()
      const limit = numberIn(query, 'limit', MAX_PAGE, MAX_PAGE)
      const offset = numberIn(query, 'offset', 0, all.length)
      const items = all.slice(offset, offset + limit)
      return page({ x402Version: X402_VERSION, items, pagination: { limit, offset, total: all.length } })
    },
    '/.well-known/jwks.json': async () => page({ keys: await publicKeys() }),
    '/.nano402/status': async () => {
      const { node, store } = await currentHealth()
      const ok = node.ok && store.ok
      return page({ ok, node: node.ok, store: store.ok }, ok ? 200 : 503, 'no-store')
    },
  }

  return async ({ method, url }) => {
    if (method !== 'GET' && method !== 'HEAD') return undefined
    const { pathname, searchParams } = new URL(url, 'http://self.invalid')
    return pages[pathname]?.(searchParams).catch(() => page({ error: 'unavailable' }, 503, 'no-store'))
  }
}

const page = (value: object, status = 200, cache = 'public, max-age=60') =>
  new Response(JSON.stringify(value), {
    status,
    headers: {
      'Content-Type': 'application/json; charset=utf-8',
      'Cache-Control': cache,
      'Access-Control-Allow-Origin': '*',
    },
  })

function numberIn(query: URLSearchParams, name: string, fallback: number, most: number): number {
  const text = query.get(name) ?? ''
  return /^[0-9]{1,6}$/.test(text) ? Math.min(Number(text), most) : fallback
}
