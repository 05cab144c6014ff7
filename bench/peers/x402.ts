/** `@x402/express` and `@x402/hono`. Their facilitator is stubbed: it says yes to every proof, at once. */

import { decodePaymentRequiredHeader, encodePaymentSignatureHeader } from '@x402/core/http'
import { type FacilitatorClient, HTTPFacilitatorClient, x402ResourceServer } from '@x402/core/server'
import { ExactEvmScheme } from '@x402/evm/exact/server'
import { paymentMiddleware as expressMiddleware } from '@x402/express'
import { paymentMiddleware as honoMiddleware } from '@x402/hono'
import type { Neighbour } from '../neighbours.ts'
import { type Ask, PATH, repeat, type Subject } from '../subject.ts'
import { ADDRESS, answeringFetch, HASH, NETWORK, SIGNATURE } from './stub.ts'

const ANSWERS = {
  supported: { kinds: [{ x402Version: 2, scheme: 'exact', network: NETWORK }], extensions: [], signers: {} },
  verify: { isValid: true, payer: ADDRESS },
  settle: { success: true, transaction: HASH, network: NETWORK, payer: ADDRESS },
} as const

/** In process: an object. As with a facilitator elsewhere: its HTTP client, whose `fetch` answers at once. */
const facilitators: Record<string, () => FacilitatorClient> = {
  object: () => ({
    verify: async () => ANSWERS.verify,
    settle: async () => ANSWERS.settle,
    getSupported: async () => ANSWERS.supported,
  }),
  http: () => {
    answeringFetch('http://x402.facilitator', ANSWERS)
    return new HTTPFacilitatorClient({ url: 'http://x402.facilitator' })
  },
}

const ROUTES = {
  [`GET ${PATH}`]: {
    accepts: [{ scheme: 'exact', price: '$0.001', network: NETWORK, payTo: ADDRESS }],
    description: 'Report',
  },
} as const

/** The one proof that is presented again and again: nothing here remembers that it was used. */
const pay = async (ask: Ask) => payFor(await ask(), HASH)

async function payFor(bill: Response, nonce: string): Promise<Record<string, string>> {
  const required = decodePaymentRequiredHeader(bill.headers.get('PAYMENT-REQUIRED') ?? '')
  const [accepted] = required.accepts
  if (!accepted) throw new Error('A challenge without an offer.')
  const authorization = {
    from: ADDRESS,
    to: accepted.payTo,
    value: accepted.amount,
    validAfter: '0',
    validBefore: '9999999999',
    nonce,
  }
  const payload = { signature: SIGNATURE, authorization }
  const header = encodePaymentSignatureHeader({ x402Version: 2, resource: required.resource, accepted, payload })
  return { 'PAYMENT-SIGNATURE': header }
}

export async function create(): Promise<Subject> {
  const middlewareFor = (facilitator: FacilitatorClient) => {
    const server = new x402ResourceServer(facilitator).register(NETWORK, new ExactEvmScheme())
    return { hono: honoMiddleware(ROUTES, server), express: expressMiddleware(ROUTES, server) }
  }
  const object = middlewareFor(facilitators.object())
  const http = middlewareFor(facilitators.http())
  return {
    name: '@x402',
    async prepare(scenario, count) {
      return {
        middleware: scenario === 'paid-lookup' ? http : object,
        headers: async (ask) => repeat(count, scenario === 'unpaid' ? {} : await pay(ask)),
      }
    },
  }
}

/** For neighbours.ts: with a chain that takes each payment once. */
export function neighbour(): Neighbour {
  const taken = new Set<unknown>()
  const facilitator: FacilitatorClient = {
    ...facilitators.object(),
    async settle({ payload }) {
      const { nonce } = payload.authorization as { nonce: string }
      const isNew = !taken.has(nonce)
      taken.add(nonce)
      return isNew ? ANSWERS.settle : { ...ANSWERS.settle, success: false, errorReason: 'nonce_already_used' }
    },
  }
  const accepts = [{ scheme: 'exact', price: '$0.001', network: NETWORK, payTo: ADDRESS }] as const
  const server = new x402ResourceServer(facilitator).register(NETWORK, new ExactEvmScheme())
  let payments = 0
  return {
    name: '@x402/hono',
    charge: honoMiddleware({ '/*': { accepts: [...accepts] } }, server),
    pay: (bill) => payFor(bill, `0x${(++payments).toString(16).padStart(64, '0')}`),
  }
}
