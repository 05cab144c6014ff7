/** nano402 behind the handlers that NanoSession describes: for a program that speaks HTTP by itself. */
import type { Payer } from '../client/index.ts'
import { codeOf } from '../core/fault.ts'
import { InvalidValueError } from '../errors.ts'
import type { Facilitator, Order, PaymentRequirements } from '../facilitator/index.ts'
import { type PaymentExecer, type PaymentHandler, paymentHandler } from './handler.ts'
import { SCHEME } from './offers.ts'
import { settlementCall } from './settlement.ts'

/** What is to be paid, and for what. */
export interface RequirementsOrder {
  /** The price in raw. */
  readonly amount: string
  readonly payTo: string
  /** Default 300. */
  readonly maxTimeoutSeconds?: number
  /** What is sold: what is paid for one URL buys no other. Path and query. Default `/`. */
  readonly url?: string
  /** Default GET. */
  readonly method?: string
}

/** NanoSession's handler for servers. */
export interface NanoSessionFacilitator {
  getSupported(): Promise<{ x402Version: number; scheme: string; network: string }[]>
  /** An offer for one request. */
  getRequirements(order: RequirementsOrder): Promise<PaymentRequirements>
  /** `requirements`: the offer for this request, the first one or a new one. Null: not ours. */
  handleVerify(
    requirements: PaymentRequirements,
    payload: unknown,
  ): Promise<{ isValid: boolean; error?: string } | null>
  /** The same, and takes the payment: once. */
  handleSettle(
    requirements: PaymentRequirements,
    payload: unknown,
  ): Promise<{ success: boolean; transactionHash?: string; error?: string } | null>
}

/**
 * The server half. `payload` is what the client's `exec()` gave: `{ proof, sessionId }`, or `{ blockHash, sessionId }`.
 *
 * @example
 * const handler = nanoSessionFacilitator(createFacilitator(), { network: 'nano:mainnet' })
 * const requirements = await handler.getRequirements({ amount: '1000000000000000000000000000', payTo: 'nano_15nhh1kzw3x8ohez6s75wy3jr6dqgq65oaede1fzk5hqxk4j8ehz7iqtb3to' })
 */
export function nanoSessionFacilitator(
  facilitator: Facilitator,
  { network }: { readonly network: `nano:${'mainnet' | 'devnet'}` },
): NanoSessionFacilitator {
  const isOurs = (requirements: PaymentRequirements) =>
    requirements.scheme === SCHEME && requirements.network === network
  const callFor = (requirements: PaymentRequirements, payload: unknown) =>
    settlementCall(facilitator, requirements, { payload: readPayload(payload) })
  return {
    getSupported: async () => [{ x402Version: 2, scheme: SCHEME, network }],
    async getRequirements({ amount, method = 'GET', url = '/', ...terms }) {
      const order: Order = { method, url, price: { raw: amount }, ...terms }
      const [offer] = await facilitator.requirements(order)
      if (!offer) throw new InvalidValueError('The facilitator makes no offers.')
      return offer
    },
    async handleVerify(requirements, payload) {
      if (!isOurs(requirements)) return null
      try {
        const { isValid, invalidReason } = await facilitator.verify(await callFor(requirements, payload))
        return isValid ? { isValid } : { isValid, error: invalidReason ?? 'invalid_payload' }
      } catch (fault) {
        return { isValid: false, error: codeOf(fault) }
      }
    },
    async handleSettle(requirements, payload) {
      if (!isOurs(requirements)) return null
      try {
        const { success, transaction, errorReason } = await facilitator.settle(await callFor(requirements, payload))
        return success
          ? { success, transactionHash: transaction }
          : { success, error: errorReason ?? 'invalid_payload' }
      } catch (fault) {
        return { success: false, error: codeOf(fault) }
      }
    },
  }
}

/** Revisions 3 and 5 call the proof `blockHash`. */
function readPayload(payload: unknown): object {
  if (typeof payload !== 'object' || payload === null) return {}
  const { blockHash, ...rest } = payload as Readonly<Record<string, unknown>>
  return blockHash === undefined || 'proof' in rest ? payload : { proof: blockHash, ...rest }
}

/**
 * The client half: `handle(context, accepts)` gives what can be paid, and `exec()` pays it.
 *
 * @example
 * const payer = createPayer({ seed: '0'.repeat(64), rpc: 'http://127.0.0.1:7076', budget: { perRequest: '0.01', perDay: '1' } })
 * const { handle } = nanoSessionPaymentHandler(payer)
 */
export const nanoSessionPaymentHandler = (payer: Payer): { handle: PaymentHandler } => ({
  handle: paymentHandler(payer),
})

export { remoteFacilitator } from './remote-facilitator.ts'
export type { PaymentExecer, PaymentHandler }
