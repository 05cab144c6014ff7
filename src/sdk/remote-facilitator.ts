/** Our facilitator elsewhere: the same as one in this process, asked over HTTP. */
import { randomHex } from '../core/bytes.ts'
import { FacilitatorError } from '../errors.ts'
import type { Facilitator, Order } from '../facilitator/index.ts'
import { createAsk, type FacilitatorAddress } from '../remote/ask.ts'
import { readAccepts } from '../remote/wire.ts'
import { readSettlementResponse, readSupportedResponse, readVerifyResponse } from '../x402/shapes.ts'

/**
 * A facilitator by its address, such as `npx nano402 facilitator` serves one.
 *
 * @throws {@link ConfigError} (`ERR_CONFIG`) at once for what is no address; `FacilitatorError` (`ERR_FACILITATOR`) from each
 * call that gets no usable answer.
 * @example
 * const facilitator = remoteFacilitator({ url: 'https://facilitator.example', token: process.env.NANO402_FACILITATOR_TOKEN ?? '' })
 */
export function remoteFacilitator(address: string | FacilitatorAddress): Facilitator {
  const ask = createAsk(address)
  return {
    supported: () => ask('supported', readSupportedResponse),
    requirements: async (order) => (await ask('requirements', readAccepts, asJson(order))).accepts,
    verify: (request) => ask('verify', readVerifyResponse, request),
    settle({ settlementId = randomHex(16), ...request }) {
      const settle = () => ask('settle', readSettlementResponse, { ...request, settlementId })
      // An answer that got lost may have been a yes: asked again under the same id, it is the same answer.
      return settle().catch((fault: unknown) => {
        if (fault instanceof FacilitatorError) return settle()
        throw fault
      })
    },
  }
}

const asJson = ({ price, ...order }: Order): object => ({
  ...order,
  price: typeof price === 'string' ? price : { raw: price.raw.toString() },
})
