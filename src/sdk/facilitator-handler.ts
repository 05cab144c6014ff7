/** The server half of Faremeter: `@faremeter/middleware` charges through our facilitator. */
import { codeOf } from '../core/fault.ts'
import { targetOf } from '../core/request.ts'
import { InvalidValueError } from '../errors.ts'
import type {
  BoundRequest,
  Facilitator,
  PaymentRequirements,
  SettlementResponse,
  VerifyResponse,
} from '../facilitator/index.ts'
import { X402_VERSION } from '../x402/shapes.ts'
import type { Offered } from './handler.ts'
import { ASSET, isNano, SCHEME } from './offers.ts'
import { type Presented, settlementCall, termsOf } from './settlement.ts'

export interface FacilitatorHandler {
  readonly capabilities: { networks: string[]; assets: string[] }
  readonly schemes: string[]
  getSupported(): Promise<SupportedKind>[]
  getRequirements(order: { accepts: Offered[]; resource?: { url: string } }): Promise<PaymentRequirements[]>
  handleVerify(requirements: Offered, payment: Presented): Promise<VerifyResponse | null>
  handleSettle(requirements: Offered, payment: Presented): Promise<SettlementResponse | null>
}
type SupportedKind = { x402Version: typeof X402_VERSION; scheme: string; network: string }

/**
 * Charges with `@faremeter/middleware`: `createMiddleware({ x402Handlers: [facilitatorHandler(facilitator, { network })], pricing })`,
 * where a price's `amount` is in raw and its `asset` is XNO.
 *
 * Faremeter tells what it is about as a URL: its Hono middleware with the query, its Express middleware without. Neither
 * tells the method, so what is paid for a URL buys it by whatever method the middleware lets through.
 *
 * @example
 * const x402Handlers = [facilitatorHandler(createFacilitator(), { network: 'nano:mainnet' })]
 */
export function facilitatorHandler(
  facilitator: Facilitator,
  { network }: { readonly network: `nano:${'mainnet' | 'devnet'}` },
): FacilitatorHandler {
  const isOurs = (requirements: Offered) => isNano(requirements) && requirements.network === network

  return {
    capabilities: { networks: [network], assets: [ASSET] },
    schemes: [SCHEME],
    getSupported: () => [Promise.resolve({ x402Version: X402_VERSION, scheme: SCHEME, network })],
    async getRequirements({ accepts, resource }) {
      const offers = accepts.filter(isOurs).map((terms) => {
        const { amount } = terms
        return facilitator.requirements({ ...boundTo(resource), price: { raw: amount }, ...termsOf(terms) })
      })
      return (await Promise.all(offers)).flat()
    },
    async handleVerify(requirements, payment) {
      if (!isOurs(requirements)) return null
      try {
        return await facilitator.verify(await settlementCall(facilitator, requirements, payment))
      } catch (fault) {
        return { isValid: false, invalidReason: codeOf(fault) }
      }
    },
    async handleSettle(requirements, payment) {
      if (!isOurs(requirements)) return null
      try {
        return await facilitator.settle(await settlementCall(facilitator, requirements, payment))
      } catch (fault) {
        return { success: false, errorReason: codeOf(fault), transaction: '', network }
      }
    },
  }
}

/** Any method: the middleware does not say which. */
function boundTo(resource: { url: string } | undefined): BoundRequest {
  if (!resource) throw new InvalidValueError('getRequirements was not told what for.')
  return { method: '*', url: targetOf(resource) }
}
