/** A POST. Its body is left for the handler. */
import { paywall } from 'nano402/next'

export const POST = paywall({ price: '0.003', attempts: 1 }, async (request, { payment }) =>
  Response.json({ translation: (await request.text()).toUpperCase(), paidBy: payment.payer }),
)
