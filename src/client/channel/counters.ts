/**
 * How far a channel has come: what our proofs authorise, what was charged, and what the payee has said of both. Decides how much
 * the next proof authorises. Amounts in raw.
 */
import { type Acknowledged, decodeAcknowledged } from '../../channel/wire.ts'
import { saysMore } from '../folding.ts'
import type { Progress } from '../journal.ts'
import type { Held, Holding } from './held.ts'
import { evidenceOf, type Stated } from './receipts.ts'

/** How often a proof for the same sum is shown before one for more is: the payee must not take them for forgotten ones. */
const MAX_AT_LEVEL = 32

export interface CountersOptions {
  readonly noted: Progress | undefined
  /** What proofs are multiples of. */
  readonly unit: bigint
  /** How far a token may be from the best that the payee has. Undefined: as far as it likes. */
  readonly step: bigint | undefined
  readonly holding: Holding
}

export type Counters = ReturnType<typeof createCounters>

export function createCounters({ noted, unit, step, holding }: CountersOptions) {
  const { exposure, underWay } = holding
  let authorized = BigInt(noted?.authorized ?? 0)
  let charged = BigInt(noted?.charged ?? 0)
  let evidence: Acknowledged | undefined = decodeAcknowledged(noted?.receipt)
  /** What receipts have said: the counters never go below. */
  let statedCharged = BigInt(evidence?.channelState.charged ?? 0)
  let statedAuthorized = BigInt(evidence?.channelState.authorized ?? 0)
  /** What the payee, corrected, has charged and reserved: a stream may have drawn on more than was meant for it. */
  let corrected = 0n
  /** How often proofs for `authorized` were shown. */
  let atLevel = 0
  const roundUp = (amount: bigint) => ((amount + unit - 1n) / unit) * unit

  function reachFor(max: bigint, but?: Held): bigint {
    const known = charged + exposure(but)
    const needed = roundUp((known > corrected ? known : corrected) + max)
    if (needed > authorized) return needed
    return atLevel < MAX_AT_LEVEL ? authorized : authorized + unit
  }

  function believe(stated: Stated) {
    const said = evidenceOf(stated)
    if (said.receipt && saysMore(said, evidence)) evidence = said
    if (stated.authorized > statedAuthorized) statedAuthorized = stated.authorized
    if (stated.charged < statedCharged) return // an answer that a later one has overtaken
    statedCharged = stated.charged
    // Nobody else was under way, so this is what was charged: what was counted for an answer that was lost was less.
    if (exposure() === 0n && stated.reserved === 0n && stated.charged < charged) charged = stated.charged
  }

  return {
    authorized: () => authorized,
    charged: () => charged,
    statedCharged: () => statedCharged,
    /** The best that the payee has signed. */
    evidence: () => evidence,
    progress: (): Progress => ({
      authorized: String(authorized),
      charged: String(charged),
      ...(evidence && { receipt: evidence }),
    }),
    /** The most that may have been charged in all. */
    most: (but?: Held) =>
      holding.others(but).some(({ isStream }) => isStream) ? authorized : charged + holding.most(but),
    /** What is authorised and neither charged nor left for a payment: a stream may draw on it. */
    headroom() {
      const left = authorized - charged - exposure()
      return left > 0n ? left : 0n
    },

    /** How much the proof of a payment has to authorise: what it needs, or what was authorised already. */
    reachFor,
    /** Whether its token would be too far from those that the payee has, or may get before it. */
    isTooFar(reach: bigint, but?: Held): boolean {
      if (step === undefined) return false
      let lowest = statedAuthorized
      for (const one of underWay(but)) if (one.reach < lowest) lowest = one.reach
      return reach - lowest > step
    },
    /** What has to be authorised before so much can be. Undefined: nothing. */
    stepTowards: (reach: bigint): bigint | undefined =>
      step !== undefined && reach - statedAuthorized > step ? statedAuthorized + step : undefined,
    /** How much more than by now has to be authorised for so much in all. */
    growthTo: (required: bigint) => (roundUp(required) > authorized ? roundUp(required) - authorized : 0n),

    /** Authorises what a payment needs. */
    begin(one: Held) {
      const reach = reachFor(one.max, one)
      corrected = 0n
      atLevel = reach > authorized ? 1 : atLevel + 1
      if (reach > authorized) authorized = reach
      one.reach = reach
    },
    /** Authorises so much in all, for no payment of its own. False: it was authorised already. */
    raiseTo(reach: bigint): boolean {
      if (reach <= authorized) return false
      authorized = reach
      atLevel = 0
      return true
    },
    /** The next proof has to be for more: the payee takes one for the same sum as one that it forgot. */
    raiseLevel() {
      atLevel = MAX_AT_LEVEL
    },

    charge(cost: bigint) {
      charged += cost
    },
    believe,
    /** Believes what goes with our best proof at the payee. What was charged beyond what we knew of is given. */
    correct(stated: Stated, reach: bigint): bigint {
      const isBehind = reach > authorized
      const unknown = isBehind && stated.charged > charged ? stated.charged - charged : 0n
      if (isBehind) authorized = reach
      charged += unknown
      corrected = stated.charged + stated.reserved
      believe(stated)
      return unknown
    },
    /** The payee has lost its records, and is at what it signed once: it may be less than it said since. */
    lose(stated: Stated) {
      statedCharged = stated.charged
    },
    /** So much was charged in all, for good. */
    conclude(total: bigint) {
      charged = total
    },
  }
}
