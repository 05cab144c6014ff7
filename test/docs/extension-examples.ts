/** What docs/protocol_rev1.md shows of extensions and discovery, made by the code. */

import { createPasses } from '../../src/access/pass.ts'
import { describeResource } from '../../src/discovery/resources.ts'
import { bazaar, type DiscoveryOptions } from '../../src/extensions/bazaar.ts'
import { createSigner } from '../../src/extensions/jws.ts'
import { offerReceipt } from '../../src/extensions/offer-receipt.ts'
import { paymentIdentifier } from '../../src/extensions/payment-identifier.ts'
import type { PaymentRequired, ResourceInfo, SettlementResponse } from '../../src/x402/shapes.ts'
import { examples } from './mechanism-examples.ts'

/** RFC 8032, test 1. */
const signer = createSigner(['9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60'])
const resource: ResourceInfo = { url: 'https://api.example.com/forecast', mimeType: 'application/json' }
const request = { method: 'GET', url: '/forecast?city=Berlin', headers: { get: () => undefined } }

const offer = examples.session?.offer
if (!offer) throw new Error('There is no example of a session.')
const required: PaymentRequired = { x402Version: 2, error: 'payment_required', resource, accepts: [offer] }
const settlement: SettlementResponse = {
  success: true,
  transaction: '71D34D8B4E8E7C64F8A1215366DAB2807503B5D5F365CAC4D67418B72C929045',
  network: offer.network,
  payer: 'nano_35s8xxbrurpph5zrcb8ey3y1j9niij7k1m645otcxdk3fxg517i6j5empshy',
  amount: offer.amount,
}
const discovery: DiscoveryOptions & { readonly path: string } = {
  path: '/forecast',
  queryParams: { city: 'Berlin' },
  inputSchema: { properties: { city: { type: 'string' } }, required: ['city'] },
  output: { example: { days: [21, 19] } },
}
const route = {
  cashier: {
    offer: async () => ({ amount: BigInt(offer.amount), accepts: [offer] }),
    take: () => Promise.reject(new Error('Nobody pays an example.')),
  },
  resource: () => resource,
}

/** By the name that stands in front of each. The clock must stand at `EXAMPLE_TIME_MS`. */
export const makeExamples = async (): Promise<Readonly<Record<string, unknown>>> => ({
  'payment-identifier': { 'payment-identifier': paymentIdentifier({}, 300_000).offer?.(required, request) },
  'offer-receipt of a 402': { 'offer-receipt': await offerReceipt(signer).offer?.(required, request) },
  'offer-receipt of a settlement': { 'offer-receipt': await offerReceipt(signer).settle?.(settlement, resource) },
  '/.well-known/jwks.json': { keys: await signer.publicKeys() },
  'nano402-pass': {
    'nano402-pass': createPasses({ uses: 100, ttlMs: 3_600_000 }, ['', 'nano:mainnet', 'route', 'report'], {
      open: () => Promise.reject(new Error('Nobody shows a pass to an example.')),
      holdMs: 1,
      attempts: 1,
      bodyLimit: 0,
    }).extension.offer?.(required, request),
  },
  bazaar: { bazaar: bazaar(discovery).offer?.(required, request) },
  'a listed resource': await describeResource({
    options: discovery,
    route: async () => route,
    usd: undefined,
    accounts: [],
    listedAtMs: EXAMPLE_TIME_MS,
  }),
})

export const EXAMPLE_TIME_MS = Date.UTC(2026, 0, 1)
