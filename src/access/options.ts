/** What may be set of access before payment. */
import type { Principal } from '../core/payment.ts'
import type { RequestView } from '../core/price.ts'

/** The request as these functions see it. Headers are what the client says; only what your code verifies is more. */
export interface AccessView extends RequestView {
  /**
   * The address that the connection comes from, on Node's own request and Express: behind a proxy it is the proxy's. Undefined
   * elsewhere.
   */
  readonly remoteAddress: string | undefined
}

/** A function of a request. */
export type Asked<T> = (request: AccessView) => T | Promise<T>

/** Why a request is refused: a sentence, or one with a code of yours. */
export type InvalidReason = string | { readonly code: string; readonly detail: string }

/** What one payment buys where it buys more than one request. */
export interface PassOptions {
  /** How many requests one payment buys, the one that it comes with included. At least 2. */
  readonly uses: number
  /** How long the pass is good. */
  readonly ttlMs: number
  /**
   * What it is good for: every route that names the same. Default: the routes of this `name`, at one price; without a name, those
   * with the same price and the same `pass`. Name one, and passes stay good when the price changes.
   */
  readonly scope?: string
  /** Whose it is: a pass is good only where this says what it said when it was bought. Default: whoever shows it. */
  readonly by?: Asked<string>
  /** The path below which browsers send it. Default `/`. */
  readonly path?: string
}

/** Requests that are free, so many a day. */
export interface FreeOptions {
  /** How many requests of one key are free, each day (UTC). */
  readonly perDay: number
  /** The key. What a client can set, such as a header, is no limit at all. */
  readonly by: Asked<string>
}

/** Access before payment, asked in this order: `validate`, `skip`, `pass`, `free`. */
export interface AccessOptions {
  /** Refuses a bad request with 400, before anything is offered or charged: why, or undefined. It may read the body, up to `priceBodyLimit`. */
  readonly validate?: Asked<InvalidReason | undefined | null>
  /**
   * Says who need not pay: a subscriber's name, or an object with its `id`; nothing: nobody, who then pays. It has to
   * verify that (a signed token, a session of yours): a header alone is anybody's.
   */
  readonly skip?: Asked<Principal | undefined | null | false>
  /** A payment buys a pass: `{ uses: 100, ttlMs: 3_600_000 }`. It comes in the header `Nano402-Pass`, to a browser on a page as a cookie. */
  readonly pass?: PassOptions
  /** So many requests a day are free: `{ perDay: 10, by: (request) => request.remoteAddress ?? '' }`. */
  readonly free?: FreeOptions
}
