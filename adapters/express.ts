/** Express 4 and 5, and anything else with `(req, res, next)` over Node's own request and response. */
import {
  holdResponse,
  instanceFor,
  nodeRequest,
  type Payment,
  type Paywall,
  type PaywallOptions,
  type ReadRequest,
  type RouteOptions,
  routeFor,
  sendAnswer,
  sendResponse,
  type WrittenResponse,
} from '../src/index.ts'

declare global {
  namespace Express {
    interface Request {
      /** Who paid what for this request; set by nano402's paywall. */
      payment?: Payment
    }
  }
}

type PaidRequest = ReadRequest & { payment?: Payment }

/**
 * Serves what follows only to requests that paid. Place it on the route that it protects, or before all of them.
 *
 * @param options - Options, or an instance of `createPaywall`; what they leave out comes from the environment.
 * @param routeOptions - What differs for this route.
 * @throws `ConfigError` (`ERR_CONFIG`) at once, for an option that is missing or wrong.
 * @example
 * import express from 'express'
 * const app = express()
 * app.get('/report', paywall({ price: '0.001' }), (req, res) => void res.json({ paidBy: req.payment?.payer }))
 */
export function paywall(options: PaywallOptions | Paywall = {}, routeOptions: RouteOptions = {}) {
  const route = routeFor(options, routeOptions)
  return async (req: PaidRequest, res: WrittenResponse, next: (error?: unknown) => void): Promise<void> => {
    const outcome = await route.guard(nodeRequest(req, res))
    if (outcome.kind === 'refused') return sendAnswer(res, outcome)
    req.payment = outcome.payment
    holdResponse(res, outcome)
    next()
  }
}

/**
 * What the deployment says about itself, at `/.well-known/x402` and beside it. Place it before the paywall.
 *
 * @example
 * import express from 'express'
 * const app = express()
 * app.use(routes())
 */
export function routes(options: PaywallOptions | Paywall = {}) {
  const answer = instanceFor(options).routes()
  return async (req: ReadRequest, res: WrittenResponse, next: (error?: unknown) => void): Promise<void> => {
    const found = await answer({ method: req.method ?? 'GET', url: req.originalUrl ?? req.url ?? '/' })
    return found ? sendResponse(res, found) : next()
  }
}
