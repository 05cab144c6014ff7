/** Next.js route handlers (App Router), in the `nodejs` and the `edge` runtime. */
import {
  checkOptions,
  instanceFor,
  isPaywall,
  type Payment,
  type Paywall,
  type PaywallOptions,
  type PaywallRoute,
  routeFor,
  type SelfRoutes,
} from '../src/index.ts'

/** What Next passes beside the request, and who paid. */
export type PaidContext<C> = C & { readonly payment: Payment }
/** A route handler of an App Router `route.ts`, told who paid in its second argument. */
export type PaidHandler<C> = (request: Request, context: PaidContext<C>) => Response | Promise<Response>
type Handler<C> = (request: Request, context: C) => Promise<Response>

/**
 * Wraps a route handler so that it runs only for requests that paid. Everything comes from the environment.
 *
 * @example
 * export const GET = paywall((_request, { payment }) => Response.json({ paidBy: payment.payer }))
 */
export function paywall<C extends object>(handler: PaidHandler<C>): Handler<C>
/**
 * Wraps a route handler so that it runs only for requests that paid.
 *
 * @param options - Options, or an instance of `createPaywall`. What they leave out comes from the environment, which is
 * read at the first request, because `next build` imports every route.
 * @throws `ConfigError` (`ERR_CONFIG`) at once, for an option that is wrong.
 * @example
 * export const GET = paywall({ price: '0.001' }, (_request, { payment }) => Response.json({ paidBy: payment.payer }))
 */
export function paywall<C extends object>(options: PaywallOptions | Paywall, handler: PaidHandler<C>): Handler<C>
export function paywall<C extends object>(
  ...args: [PaidHandler<C>] | [PaywallOptions | Paywall, PaidHandler<C>]
): Handler<C> {
  const [options, handler] = args.length === 1 ? [{}, args[0]] : args
  if (!isPaywall(options)) checkOptions(options)
  let route: PaywallRoute | undefined
  return async (request, context) => {
    route ??= routeFor(options)
    const outcome = await route.guard(request)
    if (outcome.kind === 'refused') return outcome.toResponse()
    return outcome.deliver(() => handler(request, { ...context, payment: outcome.payment }))
  }
}

/**
 * What the deployment says about itself, for `app/.well-known/x402/route.ts` and beside it.
 *
 * @example
 * export const GET = routes()
 */
export function routes(options: PaywallOptions | Paywall = {}) {
  let answer: SelfRoutes | undefined
  return async (request: Request): Promise<Response> => {
    answer ??= instanceFor(options).routes()
    return (await answer(request)) ?? new Response('Not found', { status: 404 })
  }
}
