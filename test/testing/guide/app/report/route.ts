import { paywall } from 'nano402/next'

export const GET = paywall({ price: '0.01' }, (_request, { payment }) =>
  Response.json({ report: 'Sunny.', paidBy: payment.payer }),
)
