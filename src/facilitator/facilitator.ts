/**
 * The facilitator: makes offers for resource servers that have no secret, and verifies, claims and settles what pays
 * them, for servers that have no node and no store. The order of checks is the guard's own (core/check.ts, core/take.ts);
 * here is what a facilitator has in place of a request.
 */
import { harmless } from '../core/events.ts'
import { schemesOf } from '../core/mechanism.ts'
import { type Health, openDeployment } from '../deployment.ts'
import type { MechanismName } from '../mechanisms/names.ts'
import { openMechanisms } from '../mechanisms/open.ts'
import { checkOptions, type DeploymentOptions, processEnvironment, splitOptions, withEnvironment } from '../options.ts'
import type { Order } from '../remote/wire.ts'
import type { PaymentRequirements, SettlementResponse, SupportedResponse, VerifyResponse } from '../x402/shapes.ts'
import { X402_VERSION } from '../x402/shapes.ts'
import type { FacilitatorRequest } from './call.ts'
import { createCounter, type Shared } from './counter.ts'
import { type ClaimDesk, createClaimDesk } from './desk.ts'
import { createFinder, createLookout, type Finder } from './find.ts'
import { makeRequirements } from './requirements.ts'
import { type SettleRequest, settlePayment } from './settle.ts'
import { verifyPayment } from './verify.ts'

/** What a resource server may ask. A refusal of a payment is a value; trouble of ours is thrown. */
export interface Facilitator {
  supported(): Promise<SupportedResponse>
  /**
   * Offers for one request. With `paymentPayload`: those that it pays, if its seal is genuine and for this very request.
   *
   * @throws `InvalidValueError`, `AmountError`, `PriceError` for an order that cannot be sealed.
   */
  requirements(order: Order): Promise<readonly PaymentRequirements[]>
  /** Would this payment be taken? Changes nothing. */
  verify(request: FacilitatorRequest): Promise<VerifyResponse>
  /**
   * Takes this payment, once. Asked again, it is refused as `payment_already_spent`, unless it carries the `settlementId`
   * that took it.
   *
   * @throws `InvalidValueError` for a settlement id that has not its form.
   */
  settle(request: SettleRequest): Promise<SettlementResponse>
}

/** What a facilitator is made of. What is left out comes from the environment. */
export type FacilitatorOptions = Pick<
  DeploymentOptions,
  'rpc' | 'ws' | 'network' | 'store' | 'allowVolatileStore' | 'secret' | 'claimWindowMs' | 'confirmTimeoutMs'
> &
  Pick<DeploymentOptions, 'quorum' | 'onEvent'> & {
    /**
     * Ways to pay, by name. No objects: a claim is made final by whichever process is asked, so a mechanism must have
     * nothing left to do once it has settled.
     */
    readonly mechanisms?: readonly MechanismName[]
  }

export interface FacilitatorService extends Facilitator, ClaimDesk, Finder {
  readonly network: string
  /** The same for one resource server: what it was offered is good for nobody else. */
  of(resourceServer: string): Facilitator & ClaimDesk & Finder
  health(): Promise<Health>
  close(): Promise<void>
}

/**
 * Makes a facilitator from options; what they leave out comes from the environment (`NANO402_...`).
 *
 * @throws `ConfigError` (`ERR_CONFIG`) naming what is missing or wrong, and the remedy.
 * @example
 * const facilitator = createFacilitator({ rpc: 'http://127.0.0.1:7076', store: 'sqlite:claims.db' })
 */
export function createFacilitator(options: FacilitatorOptions = {}): FacilitatorService {
  checkOptions(options)
  const environment = processEnvironment()
  const { deployment } = splitOptions(withEnvironment(options, environment))
  const { network = 'nano:mainnet', confirmTimeoutMs = 5_000, claimWindowMs = 86_400_000 } = deployment
  const emit = deployment.onEvent && harmless(deployment.onEvent)
  const { node, ledger, feed, seal, store, health, close } = openDeployment(
    { ...deployment, ...(emit && { onEvent: emit }) },
    environment.NODE_ENV === 'production',
  )
  const mechanisms = openMechanisms(options.mechanisms, { ledger, confirmTimeoutMs, network })
  const shared: Shared = { emit, mechanisms, seal, network, claimWindowMs, store }
  const lookout = createLookout({ node, ledger, feed })
  const kinds = schemesOf(mechanisms).map((scheme) => ({ x402Version: X402_VERSION, scheme, network }))

  function of(resourceServer: string): Facilitator & ClaimDesk & Finder {
    const counter = createCounter(resourceServer, shared)
    return {
      supported: async () => ({ kinds, extensions: [], signers: {} }), // the payer signs its own blocks
      requirements: (order) => makeRequirements(order, counter),
      verify: (request) => verifyPayment(request, counter),
      settle: (request) => settlePayment(request, counter),
      ...createClaimDesk(counter),
      ...createFinder(counter, lookout),
    }
  }

  return {
    ...of(''),
    of,
    network,
    health,
    async close() {
      lookout.close()
      await close()
    },
  }
}
