/** What a facilitator is asked where a server has made its offers anew and cannot say which one was paid. */
import { TAG_MODULUS } from '../core/quote.ts'
import { InvalidValueError } from '../errors.ts'
import type { Facilitator, FacilitatorRequest, Order } from '../facilitator/index.ts'
import { readBoundRequest } from '../remote/wire.ts'
import { X402_VERSION } from '../x402/shapes.ts'
import type { Offered } from './handler.ts'
import { offerKeyOf } from './offers.ts'

/** A payment as it was presented. */
export interface Presented {
  readonly payload: object
  /** The client's copy of the offer, where its form has one. */
  readonly accepted?: { readonly extra?: object }
}

/**
 * What was offered is asked for with what is presented: it comes back where that is genuine and for the request that
 * `requirements` were made for, and something that it does not pay where it is not. What the client echoes says which offer
 * it means, and no more: the seal in it decides.
 *
 * @param requirements - The offer that this server made for this request, earlier or just now. Never the client's copy of it.
 * @throws `InvalidValueError` (`ERR_INVALID_VALUE`) when it is not an offer of the facilitator's.
 */
export async function settlementCall(
  facilitator: Pick<Facilitator, 'requirements'>,
  requirements: Offered,
  { payload, accepted: { extra } = {} }: Presented,
): Promise<FacilitatorRequest> {
  const bound = readBoundRequest((requirements.extra as { boundTo?: unknown } | undefined)?.boundTo)
  if (!bound) throw new InvalidValueError('These requirements were not made by getRequirements.')
  const amount = BigInt(requirements.amount)
  const accepts = await facilitator.requirements({
    ...bound,
    ...termsOf(requirements),
    price: { raw: (amount - (amount % TAG_MODULUS)).toString() },
    paymentPayload: { accepted: { ...(extra && { extra }) }, payload },
  })
  const kind = offerKeyOf(extra) ?? offerKeyOf(requirements.extra)
  const offer = accepts.find((one) => offerKeyOf(one.extra) === kind)
  return {
    x402Version: X402_VERSION,
    paymentPayload: { x402Version: X402_VERSION, accepted: offer, payload },
    paymentRequirements: offer,
  }
}

export const termsOf = ({ payTo, maxTimeoutSeconds }: Offered): Pick<Order, 'payTo' | 'maxTimeoutSeconds'> =>
  maxTimeoutSeconds === 0 ? { payTo } : { payTo, maxTimeoutSeconds } // 0: Faremeter's middleware leaves it to us
