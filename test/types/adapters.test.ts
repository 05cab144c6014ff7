/** What the compiler knows in a handler behind a paywall. tsc checks these; vitest only runs them past it. */
import express, { type Request as ExpressRequest, type RequestHandler } from 'express'
import { type Context, Hono } from 'hono'
import type { PassFacts, Payment, Principal } from 'nano402'
import { paywall as expressPaywall } from 'nano402/express'
import { paywall as honoPaywall } from 'nano402/hono'
import { paywall as nextPaywall, type PaidContext } from 'nano402/next'
import { expectTypeOf, test } from 'vitest'

/** Checked, never called: an adapter opens its instance when it is called. */
const unused = (code: (...given: never[]) => unknown) => expectTypeOf(code).toBeFunction()

test('Express: a request may have been paid for, so its payment may be missing', () => {
  expectTypeOf<ExpressRequest['payment']>().toEqualTypeOf<Payment | undefined>()
  unused(() => {
    const app = express()
    app.use(expressPaywall())
    app.use('/premium', expressPaywall({ price: '0.001' }))
    app.get('/items/:id', expressPaywall({ price: '0.001' }), (req, res) => {
      expectTypeOf(req.params.id).toEqualTypeOf<string>()
      expectTypeOf(req.payment?.amount).toEqualTypeOf<bigint | undefined>()
      res.json(req.payment?.payer)
    })
  })
  expectTypeOf<ReturnType<typeof expressPaywall>>().toExtend<RequestHandler>()
})

test('Hono: a handler behind the paywall has a payment', () => {
  unused(() => {
    const app = new Hono()
    app.use(honoPaywall())
    app.get('/report', honoPaywall({ price: '0.001' }), (c) => {
      expectTypeOf(c.get('payment')).toEqualTypeOf<Payment>()
      expectTypeOf(c.var.payment.transaction).toEqualTypeOf<string>()
      return c.text('paid')
    })
  })
  expectTypeOf<Context['var']['payment']>().toEqualTypeOf<Payment>()
})

test("Next.js: the second argument is Next's own, and the payment", () => {
  interface RouteContext {
    readonly params: Promise<{ readonly id: string }>
  }
  unused(() => {
    const GET = nextPaywall<RouteContext>({ price: '0.001' }, async (request, { params, payment }) => {
      expectTypeOf(request).toEqualTypeOf<Request>()
      expectTypeOf((await params).id).toEqualTypeOf<string>()
      expectTypeOf(payment).toEqualTypeOf<Payment>()
      return new Response()
    })
    expectTypeOf(GET).toEqualTypeOf<(request: Request, context: RouteContext) => Promise<Response>>()
    nextPaywall((_request, { payment }) => Response.json(payment.payer))
    // @ts-expect-error a route handler answers with a Response
    nextPaywall({ price: '0.001' }, () => 'paid')
  })
  expectTypeOf<PaidContext<RouteContext>['payment']>().toEqualTypeOf<Payment>()
})

test('a payment says in every kind who paid what, and in each what there is beside', () => {
  expectTypeOf<Payment['payer']>().toEqualTypeOf<string>()
  expectTypeOf<Payment['amount']>().toEqualTypeOf<bigint>()
  expectTypeOf<Payment['kind']>().toEqualTypeOf<'paid' | 'pass' | 'free' | 'skipped'>()
  expectTypeOf<Extract<Payment, { kind: 'skipped' }>['principal']>().toEqualTypeOf<Principal>()
  unused((payment: Payment) => {
    expectTypeOf(payment.pass?.left).toEqualTypeOf<number | undefined>()
    if (payment.kind === 'pass') expectTypeOf(payment.pass).toExtend<PassFacts>()
    if (payment.kind === 'free') expectTypeOf(payment.left).toEqualTypeOf<number>()
    // @ts-expect-error only who skipped has a principal
    return payment.principal
  })
})
