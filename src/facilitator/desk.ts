/**
 * Claims for our own guard, elsewhere: taken before its handler runs, final before the first byte of an answer. What is
 * granted is plain data, ids and an owner that nobody else knows: any process of the facilitator carries on with it.
 */
import { chooseMechanism } from '../core/check.ts'
import { stepsIn } from '../core/claims.ts'
import type { Extension } from '../core/extension.ts'
import { codeOf } from '../core/fault.ts'
import { answerFor, isRefusal } from '../core/refusal.ts'
import { takePayment } from '../core/take.ts'
import type { Till } from '../core/till.ts'
import { type ClaimAnswer, type ClaimOrder, type HoldOrder, isInputName, type PaidUse } from '../remote/wire.ts'
import { boundAs, type Counter } from './counter.ts'

/** Claims for resource servers that have no store of their own. */
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

const DAY_MS = 86_400_000
const HOUR_MS = 3_600_000
/** The price of today is needed, and was not given. */
const PRICE_NEEDED = Symbol('price needed')

export function createClaimDesk(counter: Counter): ClaimDesk {
  const { emit, claimWindowMs } = counter
  const stepsOf = async ({ owner, ids, keepUntilMs }: HoldOrder) =>
    stepsIn(await counter.store(), {
      owner: counter.owner('claim', owner),
      ids,
      keepUntilMs: Math.min(keepUntilMs, Date.now() + DAY_MS + claimWindowMs + HOUR_MS), // longer than any offer is good
    })

  return {
    async claim(order, signal) {
      const { price, owner, attempts, leaseMs, payment, inputs = {} } = order
      const witness = createWitness()
      const till = await counter.till(order, {
        attempts,
        leaseMs,
        extensions: [witness.extension],
        price() {
          if (price === undefined) throw PRICE_NEEDED
          return BigInt(price)
        },
      })
      const unseen = sealedInputs(payment, till).filter((name) => isInputName(name) && !Object.hasOwn(inputs, name))
      if (unseen.length > 0) return { needs: { inputs: unseen } }
      const request = { ...boundAs(order), ...(signal && { signal }) }
      try {
        const taken = await takePayment(payment, request, till, counter.owner('claim', owner))
        const use = witness.seen()
        if (isRefusal(taken)) {
          return { refused: taken.code, ...(taken.code === 'payment_already_spent' && use && { spent: use }) }
        }
        if (!use) throw new TypeError('A payment was taken unseen.')
        return { granted: { ...use, scheme: taken.scheme, settlement: taken.settled.settlement } }
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

/** Learns what a payment that was found good uses up: the resource server keeps what was answered for it under that name. */
function createWitness(): { readonly extension: Extension; seen(): PaidUse | undefined } {
  let use: PaidUse | undefined
  return {
    seen: () => use,
    extension: {
      name: 'witness',
      async use({ session, ids, keepUntilMs }) {
        use = { session, ids, keepUntilMs }
        return undefined
      },
    },
  }
}

/** What the price read of the request that the payment's seal is for, by name. Not proven yet. */
function sealedInputs(payment: ClaimOrder['payment'], till: Till): readonly string[] {
  const chosen = chooseMechanism(payment, till)
  return typeof chosen === 'string' ? [] : (till.seal.peek(chosen.proof.sessionId)?.inputs ?? [])
}
