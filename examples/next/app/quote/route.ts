/** The nodejs runtime, and everything from the environment: see .env.example. */
import { paywall } from 'nano402/next'

export const GET = paywall((_request, { payment }) =>
  Response.json({ bid: '1.01', ask: '1.02', paidBy: payment.payer }),
)
