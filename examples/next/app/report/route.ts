/** The edge runtime. */
import { paywall } from 'nano402/next'

export const runtime = 'edge'

export const GET = paywall(
  // An edge isolate shares nothing, so this is right for one process, such as `next start`, and for nothing else.
  { price: '0.001', store: 'memory', allowVolatileStore: true },
  (_request, { payment }) => Response.json({ report: 'Made at the edge.', paidBy: payment.payer }),
)
