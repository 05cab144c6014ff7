/** `@faremeter/middleware`, x402 version 2. Its facilitator is stubbed: it says yes to every proof, at once. */
import { createMiddleware as createExpress } from '@faremeter/middleware/express'
import { createMiddleware as createHono } from '@faremeter/middleware/hono'
import { type Ask, PATH, repeat, type Subject } from '../subject.ts'
import { ADDRESS, answeringFetch, HASH, NETWORK, SIGNATURE } from './stub.ts'

const ASSET = '0x036CbD53842c5426634e7929541eC2318f3dCF7e'
const SETTLED = { success: true, transaction: HASH, network: NETWORK, payer: ADDRESS } as const
const supportedVersions = { x402v1: false, x402v2: true }

/** In process: a handler object. */
const inProcess = {
  supportedVersions,
  pricing: [{ amount: '1000', asset: ASSET, recipient: ADDRESS, network: NETWORK, description: 'Report' }],
  x402Handlers: [
    {
      capabilities: { networks: [NETWORK], assets: [ASSET] },
      schemes: ['exact'],
      getRequirements: async ({ accepts }) => accepts,
      handleSettle: async () => SETTLED,
    },
  ],
} satisfies Parameters<typeof createHono>[0]

/** As with a facilitator elsewhere: its HTTP client, whose `fetch` answers at once. It caches the offers by itself. */
const remote = {
  supportedVersions,
  facilitatorURL: 'http://faremeter.facilitator',
  accepts: [
    {
      scheme: 'exact',
      network: NETWORK,
      maxAmountRequired: '1000',
      asset: ASSET,
      payTo: ADDRESS,
      resource: `http://127.0.0.1${PATH}`,
      description: 'Report',
      maxTimeoutSeconds: 300,
    },
  ],
} satisfies Parameters<typeof createHono>[0]

/** The one proof that is presented again and again: nothing here remembers that it was used. */
async function pay(ask: Ask): Promise<Record<string, string>> {
  const required = JSON.parse(atob((await ask()).headers.get('PAYMENT-REQUIRED') ?? ''))
  const authorization = {
    from: ADDRESS,
    to: ADDRESS,
    value: '1000',
    validAfter: '0',
    validBefore: '9999999999',
    nonce: HASH,
  }
  const payload = { signature: SIGNATURE, authorization }
  const payment = { x402Version: 2, resource: required.resource, accepted: required.accepts[0], payload }
  return { 'PAYMENT-SIGNATURE': btoa(JSON.stringify(payment)) }
}

export async function create(): Promise<Subject> {
  answeringFetch(remote.facilitatorURL, { accepts: (body: object) => body, settle: SETTLED })
  const middlewareFor = async (options: Parameters<typeof createHono>[0]) => ({
    hono: await createHono(options),
    express: await createExpress(options),
  })
  const object = await middlewareFor(inProcess)
  const http = await middlewareFor(remote)
  return {
    name: '@faremeter',
    async prepare(scenario, count) {
      return {
        middleware: scenario === 'paid-lookup' ? http : object,
        headers: async (ask) => repeat(count, scenario === 'unpaid' ? {} : await pay(ask)),
      }
    },
  }
}
