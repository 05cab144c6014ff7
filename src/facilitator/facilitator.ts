/**
 * The facilitator: makes offers for resource servers that have no secret, and verifies, claims and settles what pays
 * them, for servers that have no node and no store. The order of checks is the guard's own (core/check.ts, core/take.ts); here is only
 * what a facilitator has in place of a request.
 */

import { checkPayment, chooseMechanism, isFromBeforeReset, isSameOffer, openPayment } from '../core/check.ts'
import { type Hold, stepsIn } from '../core/claims.ts'
import { harmless } from '../core/events.ts'
import { codeOf } from '../core/fault.ts'
import { TAG_MODULUS } from '../core/quote.ts'
import { answerFor, isRefusal, type RefusalCode } from '../core/refusal.ts'
import { takePayment } from '../core/take.ts'
import { makeOffers, offersOf, type Till } from '../core/till.ts'
import { type Health, openDeployment } from '../deployment.ts'
import { InvalidValueError } from '../errors.ts'
import type { MechanismName } from '../mechanisms/names.ts'
import { openMechanisms } from '../mechanisms/open.ts'
import { checkOptions, type DeploymentOptions, processEnvironment, splitOptions, withEnvironment } from '../options.ts'
import { parsePayTo, parsePrice } from '../pricing.ts'
import {
  type BoundRequest,
  type ClaimAnswer,
  type ClaimOrder,
  type HoldOrder,
  type Order,
  readBoundRequest,
  readOrder,
  readPresented,
} from '../remote/wire.ts'
import {
  type PaymentPayload,
  type PaymentRequirements,
  readPaymentPayload,
  readPaymentRequirements,
  type SettlementResponse,
  type SupportedResponse,
  type VerifyResponse,
  X402_VERSION,
} from '../x402/shapes.ts'
import { boundAs, inputNames } from './bound.ts'

/** What `POST /verify` and `POST /settle` are asked (x402 v2, section 7). */
export interface FacilitatorRequest {
  readonly x402Version: number
  readonly paymentPayload: unknown
  readonly paymentRequirements: unknown
}

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
   * (16 to 128 of `[A-Za-z0-9_-]`, drawn at random by the resource server) that took it.
   */
  settle(request: FacilitatorRequest & { readonly settlementId?: string | undefined }): Promise<SettlementResponse>
}

/** What our own guard asks beside that, for claims that become final before the first byte of an answer. */
export interface ClaimDesk {
  /** Verifies, claims and settles. `signal` aborts when nobody waits any more. */
  claim(order: ClaimOrder, signal?: AbortSignal): Promise<ClaimAnswer>
  /** Starts the leases anew. False: somebody else took one. */
  renew(hold: HoldOrder): Promise<boolean>
  /** Makes the claims final. False: one is not the owner's. */
  commit(hold: HoldOrder): Promise<boolean>
  release(hold: HoldOrder): Promise<boolean>
  /** Notes that the answer has left. */
  delivered(hold: HoldOrder): Promise<boolean>
}

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

export interface FacilitatorService extends Facilitator, ClaimDesk {
  readonly network: string
  /** The same for one resource server: what it was offered is good for nobody else. */
  of(resourceServer: string): Facilitator & ClaimDesk
  health(): Promise<Health>
  close(): Promise<void>
}

const MAX_TIMEOUT_SECONDS = 86_400
const HOUR_MS = 3_600_000
/** A longer one would make a header too long to be sent: such an offer can be claimed, and not settled. */
const MAX_CARRIED_URL = 2_048
const SETTLEMENT_ID = /^[A-Za-z0-9_-]{16,128}$/
/** A digest in hex, with room to spare. */
const DIGEST_LIMIT = 100
/** Nothing is served between the claim of a settlement and its commit, so there is nothing to count. */
const ANY_NUMBER = 1_000_000
/** The price of today is needed, and was not given. */
const PRICE_NEEDED = Symbol('price needed')

/**
 * Makes a facilitator from options; what they leave out comes from the environment (`NANO402_...`).
 *
 * @throws `ConfigError` (`ERR_CONFIG`) naming what is missing or wrong, and the remedy.
 */
export function createFacilitator(options: FacilitatorOptions = {}): FacilitatorService {
  checkOptions(options)
  const environment = processEnvironment()
  const { deployment } = splitOptions(withEnvironment(options, environment))
  const { network = 'nano:mainnet', confirmTimeoutMs = 5_000, claimWindowMs = 86_400_000 } = deployment
  const emit = deployment.onEvent && harmless(deployment.onEvent)
  const opened = openDeployment(
    { ...deployment, ...(emit && { onEvent: emit }) },
    environment.NODE_ENV === 'production',
  )
  const { ledger, seal } = opened
  const mechanisms = openMechanisms(options.mechanisms, { ledger, confirmTimeoutMs, network })

  function of(resourceServer: string): Facilitator & ClaimDesk {
    const ownerOf = (kind: 'claim' | 'settlement', id: string) => JSON.stringify([kind, resourceServer, id])

    const tillFor = async (
      { realm = '', inputs }: Pick<BoundRequest, 'realm' | 'inputs'>,
      terms: Pick<Till, 'price'> & Partial<Pick<Till, 'payTo' | 'maxTimeoutMs' | 'attempts' | 'leaseMs'>>,
    ): Promise<Till> => ({
      name: resourceServer === '' ? 'default' : resourceServer,
      emit,
      mechanisms,
      seal,
      network,
      claimWindowMs,
      store: await opened.store(),
      // Two names that cannot run into each other: what one server was offered must not be good at another.
      realm: JSON.stringify([resourceServer, realm]),
      priceBodyLimit: DIGEST_LIMIT,
      payTo: () => '',
      maxTimeoutMs: 0,
      attempts: ANY_NUMBER,
      leaseMs: 30_000,
      ...terms,
      // What the server's price has read is read here too, and thereby sealed.
      async price(view) {
        for (const name of inputNames(inputs)) await (name === 'body' ? view.bytes() : view.header(name.slice(7)))
        return terms.price(view)
      },
    })

    /** What a stock server's call is about: nobody shows us its request, so the offer carries what it is for. */
    async function readCall({ x402Version, paymentPayload, paymentRequirements }: FacilitatorRequest) {
      if (x402Version !== X402_VERSION) return 'invalid_x402_version'
      const payment = readPaymentPayload(paymentPayload)
      if (!payment) return 'invalid_payload'
      const required = readPaymentRequirements(paymentRequirements)
      if (!required || !isDemanded(payment.accepted, required)) return 'invalid_payment_requirements'
      // The server's own word, if it gives it; otherwise the client's, which only a genuine seal bears out.
      const bound = readBoundRequest(required.extra?.boundTo ?? payment.accepted.extra?.boundTo)
      if (!bound) return 'invalid_payment_requirements'
      const amount = BigInt(required.amount)
      // The server asks this amount today, so for a late payment it is the price of today.
      return {
        payment,
        request: boundAs(bound),
        till: await tillFor(bound, { price: () => amount - (amount % TAG_MODULUS) }),
      }
    }

    const holdOf = ({ owner, ids, keepUntilMs }: HoldOrder): Hold => ({
      owner: ownerOf('claim', owner),
      ids,
      keepUntilMs: Math.min(keepUntilMs, Date.now() + claimWindowMs + MAX_TIMEOUT_SECONDS * 1000 + HOUR_MS),
    })
    const stepsOf = async (order: HoldOrder) => stepsIn(await opened.store(), holdOf(order))

    return {
      supported: async () => ({
        kinds: [...new Set(mechanisms.map(({ scheme }) => scheme))].map((scheme) => ({
          x402Version: 2,
          scheme,
          network,
        })),
        extensions: [],
        signers: {},
      }),

      async requirements(unread) {
        const order = readOrder(unread)
        if (!order)
          throw new InvalidValueError('The order is not { method, url, price, payTo, ... } as docs/protocol.md has it.')
        const { method, url, inputs, realm, maxTimeoutSeconds = 300 } = order
        const [price, payTo] = [parsePrice(order.price), parsePayTo(order.payTo)]
        const till = await tillFor(order, {
          price: () => price,
          payTo: () => payTo,
          maxTimeoutMs: maxTimeoutSeconds * 1000,
        })
        const request = boundAs(order)
        const presented = readPresented(order.paymentPayload)
        const known = presented && (await openPayment(presented, request, till))
        const isGood =
          known?.kind === 'opened' && (Date.now() <= known.quote.expiresAtMs || price <= known.quote.resourceAmount)
        const { accepts } = isGood ? offersOf(known.quote, till) : await makeOffers(request, till)
        if (url.length > MAX_CARRIED_URL) return accepts
        const boundTo: BoundRequest = { method, url, ...(inputs && { inputs }), ...(realm !== undefined && { realm }) }
        return accepts.map((offer) => ({ ...offer, extra: { ...offer.extra, boundTo } }))
      },

      async verify(unread) {
        const call = await readCall(unread)
        if (typeof call === 'string') return invalid(call)
        const { payment, request, till } = call
        const checked = await checkPayment(payment, request, till)
        if (isRefusal(checked)) return invalid(checked.code)
        if (checked.isTooLate) return invalid('session_expired')
        if (await isFromBeforeReset(checked.quote, till)) return invalid('store_reset')
        for (const id of checked.verified.ids) {
          if ((await till.store.inspect(id))?.state === 'spent') return invalid('payment_already_spent')
        }
        return { isValid: true }
      },

      async settle(unread) {
        const { settlementId } = unread
        if (settlementId !== undefined && !SETTLEMENT_ID.test(settlementId)) {
          throw new InvalidValueError('A settlementId is 16 to 128 of A-Z, a-z, 0-9, _ and -.')
        }
        const call = await readCall(unread)
        if (typeof call === 'string') return failed(call, network)
        const { payment, request, till } = call
        const owner = settlementId === undefined ? undefined : ownerOf('settlement', settlementId)
        const taken = await takePayment(payment, request, till, owner)
        if (isRefusal(taken)) {
          const before = taken.code === 'payment_already_spent' && owner !== undefined
          const settlement = before ? await settledBy(owner, payment, request, till) : undefined
          return settlement ?? failed(taken.code, network, transactionOf(payment, till))
        }
        await taken.claims.commit()
        await taken.settled.commit()
        return taken.settled.settlement
      },

      async claim(order, signal) {
        const { price, owner, attempts, leaseMs, payment } = order
        const till = await tillFor(order, {
          attempts,
          leaseMs,
          price() {
            if (price === undefined) throw PRICE_NEEDED
            return BigInt(price)
          },
        })
        const unseen = sealedInputs(payment, till).filter((name) => order.inputs?.[name] === undefined)
        if (unseen.length > 0) return { needs: { inputs: unseen } }
        const request = { ...boundAs(order), ...(signal && { signal }) }
        try {
          const taken = await takePayment(payment, request, till, ownerOf('claim', owner))
          if (isRefusal(taken)) return { refused: taken.code }
          const { ids, keepUntilMs } = taken.claims.hold
          return { granted: { ids, keepUntilMs, scheme: taken.scheme, settlement: taken.settled.settlement } }
        } catch (fault) {
          if (fault === PRICE_NEEDED) return { needs: { price: true } }
          const code = codeOf(fault)
          emit?.({ type: 'refused', route: till.name, code, status: answerFor(code).status, fault })
          return { refused: code }
        }
      },

      renew: async (order) => (await stepsOf(order)).renew(order.leaseMs),
      commit: async (order) => (await stepsOf(order)).commit(),
      async release(order) {
        await (await stepsOf(order)).release()
        return true
      },
      async delivered(order) {
        const steps = await stepsOf(order)
        if (!(await steps.commit())) return false // whose they are not says nothing about them
        await steps.noteDelivery?.()
        return true
      },
    }
  }

  return { ...of(''), of, network, health: opened.health, close: opened.close }
}

/** The settlement that this owner was given for this payment; undefined when another took it. */
async function settledBy(owner: string, payment: PaymentPayload, request: ReturnType<typeof boundAs>, till: Till) {
  const checked = await checkPayment(payment, request, till)
  if (isRefusal(checked)) return undefined
  const { verified, keepUntilMs } = checked
  if (!(await stepsIn(till.store, { ids: verified.ids, owner, keepUntilMs }).commit())) return undefined
  const settled = await verified.settle(request)
  return isRefusal(settled) ? undefined : settled.settlement
}

/** What the price read of the request that the payment's seal is for, by name. Not proven yet. */
function sealedInputs(payment: ClaimOrder['payment'], till: Till): readonly string[] {
  const chosen = chooseMechanism(payment, till)
  return typeof chosen === 'string' ? [] : (till.seal.peek(chosen.proof.sessionId)?.inputs ?? [])
}

const isDemanded = (accepted: PaymentRequirements, required: PaymentRequirements): boolean =>
  accepted.scheme === required.scheme && accepted.network === required.network && isSameOffer(accepted, required)

const invalid = (code: RefusalCode): VerifyResponse => ({
  isValid: false,
  invalidReason: code,
  invalidMessage: answerFor(code).message,
})

/** x402's server asks once more for a payment that is pending, if it is told which. */
const failed = (code: RefusalCode, network: string, transaction = ''): SettlementResponse => ({
  success: false,
  errorReason: code,
  errorMessage: answerFor(code).message,
  transaction: code === 'settlement_pending' ? transaction : '',
  network,
})

function transactionOf(payment: PaymentPayload, till: Till): string | undefined {
  const chosen = chooseMechanism(payment, till)
  return typeof chosen === 'string' ? undefined : chosen.proof.hash
}
