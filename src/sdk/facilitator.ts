/** Our facilitator as the SDK's servers call one: in this process, in place of its HTTP client, or behind `x402Facilitator`. */
import { codeOf } from '../core/fault.ts'
import { answerFor } from '../core/refusal.ts'
import type {
  Facilitator,
  PaymentRequirements,
  SettlementResponse,
  SupportedResponse,
  VerifyResponse,
} from '../facilitator/index.ts'
import { SCHEME } from './offers.ts'

/** The part of a payment that every version of the SDK has. What is in it is read by the facilitator. */
type Payload = { readonly x402Version: number }

/** A shape of ours as the SDK types it: to be written to, and with CAIP-2 for a network. */
type Sdk<T> = T extends readonly (infer E)[]
  ? Sdk<E>[]
  : T extends object
    ? { -readonly [K in keyof T]: K extends 'network' ? `${string}:${string}` : Sdk<T[K]> }
    : T

/** What a facilitator that only settles needs to be: `facilitator.of('shop')`, say. */
export type Settler = Pick<Facilitator, 'supported' | 'verify' | 'settle'>

/** What `x402ResourceServer` takes as its facilitator. */
export interface NanoFacilitatorClient {
  getSupported(): Promise<Sdk<SupportedResponse>>
  verify(payload: Payload, requirements: PaymentRequirements): Promise<Sdk<VerifyResponse>>
  settle(payload: Payload, requirements: PaymentRequirements): Promise<Sdk<SettlementResponse>>
}

/** What `x402Facilitator.register` takes. */
export interface NanoFacilitator extends Omit<NanoFacilitatorClient, 'getSupported'> {
  readonly scheme: typeof SCHEME
  readonly caipFamily: 'nano:*'
  getExtra(network: string): undefined
  getSigners(network: string): string[]
}

/**
 * A facilitator in this process for stock middleware: `new x402ResourceServer(facilitatorClient(facilitator))`.
 *
 * Trouble of ours is a payment that is not taken, with its code, and the proof stays good: what is thrown the SDK would put
 * into its answer.
 *
 * @example
 * const client = facilitatorClient(createFacilitator())
 */
export function facilitatorClient(facilitator: Settler): NanoFacilitatorClient {
  const getSupported = async () => (await facilitator.supported()) as Sdk<SupportedResponse>
  return { getSupported, ...nanoFacilitator(facilitator) }
}

/**
 * The same for a facilitator of the SDK: `new x402Facilitator().register('nano:mainnet', nanoFacilitator(facilitator))`.
 *
 * @example
 * const facilitator = nanoFacilitator(createFacilitator())
 */
export const nanoFacilitator = (facilitator: Settler): NanoFacilitator => ({
  scheme: SCHEME,
  caipFamily: 'nano:*',
  getExtra: () => undefined,
  getSigners: () => [], // nothing is signed here: the payer signs its own blocks
  async verify(payload, requirements) {
    try {
      return (await facilitator.verify(call(payload, requirements))) as Sdk<VerifyResponse>
    } catch (fault) {
      const code = codeOf(fault)
      return { isValid: false, invalidReason: code, invalidMessage: answerFor(code).message }
    }
  },
  async settle(payload, requirements) {
    try {
      return (await facilitator.settle(call(payload, requirements))) as Sdk<SettlementResponse>
    } catch (fault) {
      const code = codeOf(fault)
      const network = requirements.network as Sdk<SettlementResponse>['network']
      return { success: false, errorReason: code, errorMessage: answerFor(code).message, transaction: '', network }
    }
  },
})

const call = (paymentPayload: Payload, paymentRequirements: PaymentRequirements) => ({
  x402Version: paymentPayload.x402Version,
  paymentPayload,
  paymentRequirements,
})
