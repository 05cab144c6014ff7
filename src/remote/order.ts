/** What a resource server orders of a facilitator for one request, and whether what it offers is that. */
import { encodeUtf8, type Field } from '../core/bytes.ts'
import { type Priced, type Pricing, TAG_MODULUS } from '../core/quote.ts'
import { type PaywallRequest, targetOf } from '../core/request.ts'
import type { PaymentRequirements } from '../x402/shapes.ts'
import type { Inputs } from './wire.ts'

/** What an offer is bound to, but for what its price has read. */
export const boundTo = (request: PaywallRequest, { realm }: Pick<Pricing, 'realm'>) => ({
  method: request.method,
  url: targetOf(request),
  realm,
})

/** Whether it asks what was ordered, of the payer and for us. */
export const isOrdered = (
  offer: PaymentRequirements,
  { resourceAmount, payTo }: Pick<Priced, 'resourceAmount' | 'payTo'>,
  { network, maxTimeoutMs }: Pick<Pricing, 'network' | 'maxTimeoutMs'>,
): boolean =>
  offer.network === network &&
  offer.asset === 'XNO' &&
  offer.payTo === payTo &&
  offer.maxTimeoutSeconds === maxTimeoutMs / 1000 &&
  withoutTag(BigInt(offer.amount)) === resourceAmount

/** What each input is, as a facilitator gets to see it. */
export async function digests(names: readonly string[], values: readonly Field[]): Promise<Inputs> {
  const entries = names.map(async (name, i) => [name, await digest(values[i])] as const)
  return Object.fromEntries(await Promise.all(entries))
}

async function digest(value: Field): Promise<string | null> {
  if (value === undefined) return null
  const bytes = typeof value === 'string' ? encodeUtf8(value) : value
  const hash = new Uint8Array(await crypto.subtle.digest('SHA-256', new Uint8Array(bytes)))
  return Array.from(hash, (byte) => byte.toString(16).padStart(2, '0')).join('')
}

const withoutTag = (amount: bigint) => amount - (amount % TAG_MODULUS)

/** Only servers that show a facilitator no request need the offer to say what it is for. */
export function withoutBinding({ extra, ...offer }: PaymentRequirements): PaymentRequirements {
  const { boundTo: _, ...own } = extra ?? {}
  return { ...offer, extra: own }
}
