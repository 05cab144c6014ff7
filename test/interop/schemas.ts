/** The SDK's shapes. Those of what a facilitator answers it keeps to itself: they are what its HTTP client lets through. */
import { HTTPFacilitatorClient } from '@x402/core/server'
import { BAZAAR, type DiscoveryExtension, validateDiscoveryExtension, withBazaar } from '@x402/extensions/bazaar'
import { listenFetch } from '../support/frameworks.ts'

export { PaymentPayloadSchema, PaymentRequiredSchema, PaymentRequirementsV2Schema } from '@x402/core/schemas'

type Call = Parameters<HTTPFacilitatorClient['settle']>

/** The SDK's own client for a facilitator at `url`. */
export function askFacilitator(url: string) {
  const client = withBazaar(new HTTPFacilitatorClient({ url }))
  return {
    supported: () => client.getSupported(),
    verify: (payment: unknown, requirements: unknown) => client.verify(payment as Call[0], requirements as Call[1]),
    settle: (payment: unknown, requirements: unknown) => client.settle(payment as Call[0], requirements as Call[1]),
    resources: () => client.extensions.bazaar.listResources(),
  }
}

/** What the SDK finds wrong with what is said of a route's input and output. */
export function discoveryProblems(extensions: Readonly<Record<string, unknown>> | undefined): readonly string[] {
  const { valid, errors } = validateDiscoveryExtension(extensions?.[BAZAAR.key] as DiscoveryExtension)
  return valid ? [] : (errors ?? ['It says no more.'])
}

/** Reads a settlement as the SDK reads one: as the answer of a facilitator. Rejects when it has not the shape. */
export async function readSettlement(settlement: unknown) {
  const { url, close } = await listenFetch(() => Response.json(settlement))
  try {
    return await askFacilitator(url).settle({}, {})
  } finally {
    await close()
  }
}
