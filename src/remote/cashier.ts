/**
 * A cashier that asks a facilitator: for paywalls without a node, a store and a secret. The guard does not notice. The
 * facilitator is believed about payments; what it offers is checked against what was ordered.
 */

import { encodeUtf8, type Field, randomHex } from '../core/bytes.ts'
import type { Cashier, Offers, Taken } from '../core/cashier.ts'
import { type HoldSteps, keepClaims } from '../core/claims.ts'
import { currentPrice, type Pricing, priceRequest, readUnprovenInputs, TAG_MODULUS } from '../core/quote.ts'
import { refusal } from '../core/refusal.ts'
import { type PaywallRequest, targetOf } from '../core/request.ts'
import { FacilitatorError } from '../errors.ts'
import type { PaymentRequirements } from '../x402/shapes.ts'
import type { Ask } from './ask.ts'
import { type ClaimAnswer, type HoldOrder, type Inputs, readAccepts, readClaimAnswer, readDone } from './wire.ts'

export interface RemoteTerms extends Pricing {
  readonly attempts: number
  readonly leaseMs: number
}

/** It may ask for inputs, then for the price; what asks more often does not know what it wants. */
const MAX_QUESTIONS = 3

/** Makes a route's cashier of a facilitator. */
export function remoteCashier(ask: Ask, terms: RemoteTerms): Cashier {
  const { network, realm, maxTimeoutMs, attempts, leaseMs, priceBodyLimit } = terms
  const bound = (request: PaywallRequest) => ({ method: request.method, url: targetOf(request), realm })

  return {
    async offer(request) {
      const { resourceAmount, payTo, inputs, values } = await priceRequest(request, terms)
      const { accepts } = await ask('requirements', readAccepts, {
        ...bound(request),
        inputs: await digests(inputs, values),
        price: { raw: resourceAmount.toString() },
        payTo,
        maxTimeoutSeconds: maxTimeoutMs / 1000,
      })
      const isOrdered = (offer: PaymentRequirements) =>
        offer.network === network &&
        offer.asset === 'XNO' &&
        offer.payTo === payTo &&
        withoutTag(BigInt(offer.amount)) === resourceAmount
      if (!accepts.every(isOrdered)) throw new FacilitatorError('The facilitator offers what was not ordered.')
      return { amount: BigInt(accepts[0]?.amount ?? 0), accepts: accepts.map(withoutBinding) } satisfies Offers
    },

    async take(payment, request) {
      const startMs = performance.now()
      const owner = randomHex(16)
      const { accepted, payload, extensions } = payment
      const presented = { accepted, payload, ...(extensions && { extensions }) }
      let inputs: Inputs = {}
      let price: string | undefined
      for (let questions = 0; questions < MAX_QUESTIONS; questions++) {
        const leaseEndMs = Date.now() + leaseMs
        const order = { ...bound(request), inputs, owner, payment: presented, attempts, leaseMs }
        const answer = await ask('claim', readClaimAnswer, { ...order, ...(price !== undefined && { price }) })
        if ('refused' in answer) return refusal(answer.refused)
        if ('granted' in answer) {
          const { granted } = answer
          const claims = keepClaims(remoteSteps(ask, { owner, ...granted, leaseMs }), { leaseMs, leaseEndMs })
          return taken(granted, claims, network, performance.now() - startMs)
        }
        const { needs } = answer
        if (needs.inputs) {
          // Named by the client until the seal is opened: what no price could have read is its mistake.
          const values = await readUnprovenInputs(request, needs.inputs, { ...terms, priceBodyLimit })
          if (!values) return refusal('invalid_session')
          inputs = { ...inputs, ...(await digests(needs.inputs, values)) }
        }
        if (needs.price) price = (await currentPrice(request, terms)).toString()
      }
      throw new FacilitatorError('The facilitator asks without end.')
    },
  }
}

type Granted = Extract<ClaimAnswer, { granted: unknown }>['granted']

function taken(granted: Granted, claims: Taken['claims'], network: string, ms: number): Taken {
  const { scheme, settlement } = granted
  if (settlement.network !== network || !/^[0-9]{1,39}$/.test(settlement.amount ?? '')) {
    throw new FacilitatorError('The facilitator settled on another network, or an amount that is none.')
  }
  const settled = { kind: 'settled', settlement, commit: async () => {}, release: async () => {} } as const
  return { kind: 'taken', settled, scheme, amount: BigInt(settlement.amount ?? 0), claims, ms }
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

/** What each input is, as a facilitator gets to see it. */
async function digests(names: readonly string[], values: readonly Field[]): Promise<Inputs> {
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
function withoutBinding({ extra, ...offer }: PaymentRequirements): PaymentRequirements {
  const { boundTo: _, ...own } = extra ?? {}
  return { ...offer, extra: own }
}
