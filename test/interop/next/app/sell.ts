/** The one handler of all routes, behind `@x402/next` and a facilitator elsewhere. Routes are bundles of their own: what they share is global. */
import { withX402, x402ResourceServer } from '@x402/next'
import { facilitatorClient, type NanoOptionOptions, nanoOption, nanoServer, remoteFacilitator } from 'nano402/x402'
import { NextResponse } from 'next/server.js'

const shared = globalThis as typeof globalThis & { runs?: number }
export const runs = () => shared.runs ?? 0

const network = 'nano:devnet'
/** `next build` imports every route, with no environment. */
const { FACILITATOR_URL: url = 'http://127.0.0.1:1', PAY_TO: payTo = '' } = process.env

export function sell(mechanism: NonNullable<NanoOptionOptions['mechanism']>) {
  const facilitator = remoteFacilitator(url)
  const accepts = nanoOption(facilitator, { network, price: '0.001', payTo, mechanism })
  const server = new x402ResourceServer(facilitatorClient(facilitator)).register(network, nanoServer())
  const handler = async () => {
    shared.runs = runs() + 1
    return new NextResponse('a paid report')
  }
  return withX402(handler, { accepts, description: 'A report' }, server)
}
