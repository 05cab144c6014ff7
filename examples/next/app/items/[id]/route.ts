/** A dynamic route: Next's second argument is there, with `payment` beside `params`. */
import { paywall } from 'nano402/next'

interface Context {
  readonly params: Promise<{ readonly id: string }>
}

export const GET = paywall<Context>({ price: '0.002' }, async (_request, { params, payment }) =>
  Response.json({ item: (await params).id, paidBy: payment.payer }),
)
