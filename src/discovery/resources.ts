/** What the routes of a paywall charge, as x402's lists have it: asked of the same prices and mechanisms as their 402s. */
import type { Route } from '../core/guard.ts'
import { TAG_MODULUS } from '../core/quote.ts'
import type { PaywallRequest } from '../core/request.ts'
import { BAZAAR, bazaarEntry, type DiscoveryOptions, methodOf } from '../extensions/bazaar.ts'
import { type PaymentRequirements, X402_VERSION } from '../x402/shapes.ts'

/** One resource of a list. */
export interface DiscoveredResource {
  readonly resource: string
  readonly type: 'http'
  readonly x402Version: typeof X402_VERSION
  /** As in a 402, without what is one session's alone: `amount` is the price without a tag, and there is no `extra`. */
  readonly accepts: readonly PaymentRequirements[]
  /** ISO 8601. */
  readonly lastUpdated: string
  readonly description?: string
  readonly mimeType?: string
  readonly extensions: Readonly<Record<string, unknown>>
}

/** A route that says where it is. */
export interface Listing {
  readonly options: DiscoveryOptions & { readonly path: string }
  route(): Promise<Pick<Route, 'cashier' | 'resource'>>
  /** Its price in dollars, if it is in dollars. */
  readonly usd: string | undefined
  /** Whom it may ask to be paid, where that is known. */
  readonly accounts: readonly string[]
  /** Unix time in ms. */
  readonly listedAtMs: number
}

/** The route as a list has it; undefined where its price cannot be said without a request. */
export async function describeResource({
  options,
  route,
  accounts,
  listedAtMs,
}: Listing): Promise<DiscoveredResource | undefined> {
  const request = exampleRequest(options)
  const { cashier, resource } = await route()
  const offers = await cashier.offer(request).catch(() => undefined)
  if (!offers) return undefined
  const { url, ...about } = resource({ ...request, url: options.path })
  return {
    resource: url,
    type: 'http',
    x402Version: X402_VERSION,
    accepts: distinct(
      offers.accepts.flatMap(({ extra: _, amount, ...offer }) => {
        const listed = { ...offer, amount: withoutTag(amount) }
        // Of a pool a 402 names one, and a list all of them.
        return accounts.includes(offer.payTo) ? accounts.map((payTo) => ({ ...listed, payTo })) : [listed]
      }),
    ),
    lastUpdated: new Date(listedAtMs).toISOString(),
    ...about,
    extensions: { [BAZAAR]: bazaarEntry(options, methodOf(options)) },
  }
}

/** Ways to pay differ in `extra`: what is left of them may be the same. */
const distinct = (accepts: readonly PaymentRequirements[]) => [
  ...new Map(accepts.map((offer) => [JSON.stringify(offer), offer])).values(),
]

const withoutTag = (amount: string) => (BigInt(amount) - (BigInt(amount) % TAG_MODULUS)).toString()

/** The request that the examples of a route make. */
function exampleRequest(options: Listing['options']): PaywallRequest {
  const path = options.path.replace(/:(\w+)/g, (all, name: string) =>
    encodeURIComponent(String(options.pathParams?.[name] ?? all)),
  )
  const query = new URLSearchParams(
    Object.entries(options.queryParams ?? {}).map(([name, value]) => [name, String(value)]),
  )
  const body = new TextEncoder().encode(options.body === undefined ? '' : JSON.stringify(options.body))
  return {
    method: methodOf(options),
    url: query.size === 0 ? path : `${path}?${query}`,
    headers: { get: () => undefined },
    readBody: async (limit) => (body.length > limit ? undefined : body),
  }
}
