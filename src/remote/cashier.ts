/**
 * A cashier that asks a facilitator: for paywalls without a node, a store and a secret. The guard does not notice. The
 * facilitator is believed about payments; what it offers is checked against what was ordered.
 */
import { randomHex } from '../core/bytes.ts'
import type { Cashier, Offers, Taken } from '../core/cashier.ts'
import { type HoldSteps, keepClaims } from '../core/claims.ts'
import { type Extension, objectionOf, type Use, usesOf } from '../core/extension.ts'
import { currentPrice, type Pricing, priceRequest, readUnprovenInputs } from '../core/quote.ts'
import { refusal } from '../core/refusal.ts'
import type { PaywallRequest } from '../core/request.ts'
import type { Store } from '../core/store.ts'
import { FacilitatorError } from '../errors.ts'
import type { PresentedPayment } from '../x402/wire.ts'
import type { Ask } from './ask.ts'
import { boundTo, digests, isOrdered, withoutBinding } from './order.ts'
import {
  type ClaimAnswer,
  type HoldOrder,
  type Inputs,
  type PaidUse,
  readAccepts,
  readClaimAnswer,
  readDone,
} from './wire.ts'

export interface RemoteTerms extends Pricing {
  readonly attempts: number
  readonly leaseMs: number
  readonly extensions?: readonly Extension[]
  /** Where extensions keep what they note: the facilitator has the claims, and no answers. */
  store(): Promise<Store>
}

/** It may ask for inputs, then for the price; what asks more often does not know what it wants. */
const MAX_QUESTIONS = 3

/** Makes a route's cashier of a facilitator. */
export function remoteCashier(ask: Ask, terms: RemoteTerms): Cashier {
  const { network, maxTimeoutMs, attempts, leaseMs, priceBodyLimit, extensions = [] } = terms
  const keepers = extensions.filter((extension) => extension.use)

  /** Asks for a claim, with as much of the request as it takes. */
  async function claim(payment: PresentedPayment, request: PaywallRequest, owner: string): Promise<Claimed> {
    const { accepted, payload, signedUrl } = payment // its extensions are no business of the facilitator's
    const presented = { accepted, payload, ...(signedUrl !== undefined && { signedUrl }) }
    let inputs: Inputs = {}
    let price: string | undefined
    for (let questions = 0; questions < MAX_QUESTIONS; questions++) {
      const leaseEndMs = Date.now() + leaseMs
      const order = { ...boundTo(request, terms), inputs, owner, payment: presented, attempts, leaseMs }
      const answer = await ask('claim', readClaimAnswer, { ...order, ...(price !== undefined && { price }) })
      if (!('needs' in answer)) return { ...answer, leaseEndMs }
      const { needs } = answer
      if (needs.inputs) {
        // Named by the client until the seal is opened: what no price could have read is its mistake.
        const values = await readUnprovenInputs(request, needs.inputs, { ...terms, priceBodyLimit })
        if (!values) return { refused: 'invalid_session', leaseEndMs }
        inputs = { ...inputs, ...(await digests(needs.inputs, values)) }
      }
      if (needs.price) price = (await currentPrice(request, terms)).toString()
    }
    throw new FacilitatorError('The facilitator asks without end.')
  }

  return {
    async offer(request) {
      const priced = await priceRequest(request, terms)
      const { resourceAmount, payTo, inputs, values } = priced
      const { accepts } = await ask('requirements', readAccepts, {
        ...boundTo(request, terms),
        inputs: await digests(inputs, values),
        price: { raw: resourceAmount.toString() },
        payTo,
        maxTimeoutSeconds: maxTimeoutMs / 1000,
      })
      if (!accepts.every((offer) => isOrdered(offer, priced, terms)))
        throw new FacilitatorError('The facilitator offers what was not ordered.')
      return { amount: BigInt(accepts[0]?.amount ?? 0), accepts: accepts.map(withoutBinding) } satisfies Offers
    },

    async take(payment, request) {
      const startMs = performance.now()
      const owner = randomHex(16)
      const usesFor = async ({ session, ids, keepUntilMs }: PaidUse): Promise<readonly Use[]> =>
        keepers.length === 0
          ? []
          : usesOf(keepers, { request, payment, session, ids, keepUntilMs, store: await terms.store() })

      const claimed = await claim(payment, request, owner)
      if ('refused' in claimed) {
        const [use] = claimed.spent ? await usesFor(claimed.spent) : []
        return use ? use.spent() : refusal(claimed.refused)
      }
      const { granted, leaseEndMs } = claimed
      const claims = keepClaims(remoteSteps(ask, { owner, ...granted, leaseMs }), { leaseMs, leaseEndMs })
      try {
        const settled = settledAs(granted, network)
        const uses = await usesFor(granted)
        const objection = await objectionOf(uses)
        if (objection) {
          await claims.release()
          return objection
        }
        // Noting it may have taken longer than the lease: whoever took the claims over may be serving.
        if (!(await claims.keep())) return refusal('payment_in_progress')
        return { kind: 'taken', ...settled, claims, uses, ms: performance.now() - startMs }
      } catch (fault) {
        await claims.release()
        throw fault
      }
    },
  }
}

/** What a facilitator has decided, and when its claims are free again. */
type Claimed = Exclude<ClaimAnswer, { needs: unknown }> & { readonly leaseEndMs: number }
type Granted = Extract<ClaimAnswer, { granted: unknown }>['granted']

function settledAs({ scheme, settlement }: Granted, network: string): Pick<Taken, 'settled' | 'scheme' | 'amount'> {
  if (settlement.network !== network || !/^[0-9]{1,39}$/.test(settlement.amount ?? '')) {
    throw new FacilitatorError('The facilitator settled on another network, or an amount that is none.')
  }
  const settled = { kind: 'settled', settlement, commit: async () => {}, release: async () => {} } as const
  return { settled, scheme, amount: BigInt(settlement.amount ?? 0) }
}

/** The steps of claims that a facilitator keeps. */
function remoteSteps(ask: Ask, { owner, ids, keepUntilMs, leaseMs }: HoldOrder): HoldSteps {
  const hold = { owner, ids, keepUntilMs }
  const step = async (path: string, ms = leaseMs) => (await ask(path, readDone, { ...hold, leaseMs: ms })).done
  return {
    renew: (ms) => step('renew', ms),
    commit: () => step('commit'),
    release: async () => void (await step('release')),
    noteDelivery: () => step('delivered').catch(() => {}),
  }
}
