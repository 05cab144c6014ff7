/**
 * What a facilitator has for one resource server: a till for each of its requests, and names for its claims. A request is
 * known here by method, URL, and digests of what its price has read; the till sees it as a request whose headers and body
 * are those digests, so that they are sealed and compared like values.
 */
import { encodeUtf8 } from '../core/bytes.ts'
import type { PaywallRequest } from '../core/request.ts'
import type { Owner, Store } from '../core/store.ts'
import type { Till } from '../core/till.ts'
import type { BoundRequest } from '../remote/wire.ts'

/** What all resource servers share. */
export type Shared = Pick<Till, 'emit' | 'mechanisms' | 'seal' | 'network' | 'claimWindowMs'> & {
  store(): Promise<Store>
}

/** What is one request's own. */
type Terms = Pick<Till, 'price'> & Partial<Pick<Till, 'payTo' | 'maxTimeoutMs' | 'attempts' | 'leaseMs' | 'extensions'>>

export interface Counter extends Shared {
  /** The till for one request. */
  till(bound: Pick<BoundRequest, 'realm' | 'inputs'>, terms: Terms): Promise<Till>
  /** The name under which something is claimed: no server can use another's, nor a claim a settlement's. */
  owner(kind: 'claim' | 'settlement', id: string): Owner
}

/** A digest in hex, with room to spare. */
const DIGEST_LIMIT = 100
/** Nothing is served between the claim of a settlement and its commit, so there is nothing to count. */
const ANY_NUMBER = 1_000_000

/** @param resourceServer - Its name; empty where there is one and no more. */
export const createCounter = (resourceServer: string, shared: Shared): Counter => ({
  ...shared,
  owner: (kind, id) => JSON.stringify([kind, resourceServer, id]),
  till: async ({ realm = '', inputs = {} }, terms) => ({
    ...shared,
    name: resourceServer === '' ? 'default' : resourceServer,
    store: await shared.store(),
    // Two names that cannot run into each other: what one server was offered must not be good at another.
    realm: JSON.stringify([resourceServer, realm]),
    priceBodyLimit: DIGEST_LIMIT,
    payTo: () => '',
    maxTimeoutMs: 0,
    attempts: ANY_NUMBER,
    leaseMs: 30_000,
    ...terms,
    // What the server's price has read is read here too, and thereby sealed.
    async price(view) {
      for (const name of Object.keys(inputs)) await (name === 'body' ? view.bytes() : view.header(name.slice(7)))
      return terms.price(view)
    },
  }),
})

/** The request that stands for the one at the resource server. */
export const boundAs = ({ method, url, inputs = {} }: BoundRequest): PaywallRequest => ({
  method,
  url,
  headers: { get: (name) => inputs[`header:${name}`] ?? null },
  readBody: async () => encodeUtf8(inputs.body ?? ''),
})
