/** Hono, on Node, at the edge, or as a plain `fetch` handler. */
import type { MiddlewareHandler } from 'hono'
import {
  instanceFor,
  type Payment,
  type Paywall,
  type PaywallOptions,
  type RouteOptions,
  routeFor,
} from '../src/index.ts'

declare module 'hono' {
  interface ContextVariableMap {
    /** Who paid what for this request; set by nano402's paywall. */
    payment: Payment
  }
}

/**
 * Serves what follows only to requests that paid. Place it on the route that it protects, or before all of them.
 *
 * @param options - Options, or an instance of `createPaywall`; what they leave out comes from the environment.
 * @param routeOptions - What differs for this route.
 * @throws `ConfigError` (`ERR_CONFIG`) at once, for an option that is missing or wrong.
 * @example
 * import { Hono } from 'hono'
 * const app = new Hono()
 * app.get('/report', paywall({ price: '0.001' }), (c) => c.json({ paidBy: c.get('payment').payer }))
 */
export function paywall(options: PaywallOptions | Paywall = {}, routeOptions: RouteOptions = {}): MiddlewareHandler {
  const route = routeFor(options, routeOptions)
  return async (c, next) => {
    const outcome = await route.guard(c.req.raw)
    if (outcome.kind === 'refused') {
      const answer = outcome.toResponse(c.res.headers)
      c.res = undefined // Hono would copy every header that earlier middleware has set onto the new response
      c.res = answer
      return
    }
    c.set('payment', outcome.payment)
    const answer = await outcome.deliver(async () => {
      await next()
      return c.finalized ? c.res : undefined // a handler that gave nothing; `c.res` would make a response up
    })
    if (answer === c.res) return
    c.res = undefined
    c.res = answer
  }
}

/**
 * What the deployment says about itself, at `/.well-known/x402` and beside it. Place it before the paywall.
 *
 * @example
 * import { Hono } from 'hono'
 * const app = new Hono()
 * app.use(routes())
 */
export function routes(options: PaywallOptions | Paywall = {}): MiddlewareHandler {
  const answer = instanceFor(options).routes()
  return async (c, next) => (await answer(c.req.raw)) ?? next()
}
