/** The claims of one guard run: taken all or none, kept alive, and made final or given back by their owner alone. */
import { LeaseLostError, StoreError } from '../errors.ts'
import { randomHex } from './bytes.ts'
import type { ClaimId, ClaimResult, Owner, Store } from './store.ts'

export interface ClaimTerms {
  readonly leaseMs: number
  readonly attempts: number
  readonly keepUntilMs: number
}

/** Claims that this process holds. */
export interface HeldClaims {
  /** Starts the leases anew. False: somebody else took one. */
  renew(): Promise<boolean>
  /** Whether they are still ours. Asks the store only when their leases are well under way. */
  keep(): Promise<boolean>
  /** Makes them final. Asks a store that fails again until the lease is over. @throws `StoreError`, `LeaseLostError` */
  commit(): Promise<void>
  /**
   * Notes that the answer has left. Its absence tells reconciliation which deliveries a crash may have cost. Undefined
   * where the store does not outlive this process: nobody would be left to read it.
   */
  readonly noteDelivery: (() => Promise<unknown>) | undefined
  /** Gives them back, last one first. A store that fails is no matter: the lease ends by itself. */
  release(): Promise<void>
}

const COMMIT_RETRY_MS = 50

/** The record that says that what this claim bought has left. */
export const deliveryKey = (id: ClaimId): string => `delivered:${id}`

/** The record that says that this claim's payment was presented too late for its price. */
export const latenessKey = (id: ClaimId): string => `late:${id}`

/** The record whose version is the number of attempts at this claim that do not count. */
const cancelledKey = (id: ClaimId): string => `cancelled:${id}`

/** Claims that one owner took together, as plain data: whoever knows the owner's name can carry on with them. */
export interface Hold {
  readonly ids: readonly ClaimId[]
  readonly owner: Owner
  readonly keepUntilMs: number
}

/** Claims that were taken in this process, which can name them. */
export interface OwnClaims extends HeldClaims {
  readonly hold: Hold
  /** Gives them back as if they had not been taken: no handler has run, so no attempt is counted. */
  cancel(): Promise<void>
}

/** What an owner can do with a hold. Each step may be asked again. They reject with `StoreError` when nobody can answer. */
export interface HoldSteps {
  /** Starts the leases anew. False: somebody else took one. */
  renew(leaseMs: number): Promise<boolean>
  /** Makes the claims final. False: one was not the owner's. */
  commit(): Promise<boolean>
  /** Gives them back. What fails frees itself when its lease ends. */
  release(): Promise<void>
  readonly noteDelivery: (() => Promise<unknown>) | undefined
}

/** Takes every id, or none: what was taken is given back in reverse when a later one cannot be had. */
export async function claimAll(
  store: Store,
  ids: readonly ClaimId[],
  terms: ClaimTerms,
  owner: Owner = randomHex(16),
): Promise<OwnClaims | Exclude<ClaimResult, 'claimed'>> {
  const { leaseMs, keepUntilMs } = terms
  const leaseEndMs = Date.now() + leaseMs
  /** No handler has run, so no attempt is counted. If the store does not take that note in time, it is. */
  const discountAll = async (taken: readonly ClaimId[]) => {
    const discounted = Promise.all(taken.map((id) => discount(store, id, keepUntilMs)))
    await answerBefore(Date.now() + leaseMs, discounted).catch(() => {})
  }
  for (const [taken, id] of ids.entries()) {
    const before = ids.slice(0, taken)
    const result = await claimOne(store, id, owner, terms).catch(async (fault: unknown) => {
      await giveBack(store, [...before, id], owner) // this one too: nobody knows whether it was taken
      throw fault
    })
    if (result === 'claimed') continue
    // Leases that were started one after the other end so: who asks in between finds the first id free, and the next one held.
    if (result === 'held') await discountAll(before)
    await giveBack(store, before, owner)
    return result
  }
  const hold = { ids, owner, keepUntilMs }
  const claims = keepClaims(stepsIn(store, hold), { leaseMs, leaseEndMs })
  return {
    ...claims,
    hold,
    async cancel() {
      await discountAll(ids)
      await claims.release()
    },
  }
}

/** Claims an id. Only one that seems to be used up is looked at for attempts that do not count. */
async function claimOne(store: Store, id: ClaimId, owner: Owner, terms: ClaimTerms): Promise<ClaimResult> {
  const result = await store.claim(id, owner, terms)
  if (result !== 'exhausted') return result
  const cancelled = (await store.read(cancelledKey(id)))?.version ?? 0
  return cancelled === 0 ? result : store.claim(id, owner, { ...terms, attempts: terms.attempts + cancelled })
}

/** Notes that the last attempt at a claim does not count. Only who holds the claim writes, so nobody is faster. */
async function discount(store: Store, id: ClaimId, keepUntilMs: number): Promise<void> {
  const version = (await store.read(cancelledKey(id)))?.version ?? 0
  await store.write(cancelledKey(id), version, '', keepUntilMs)
}

/** The steps of a hold, in the store where it was taken. */
export const stepsIn = (store: Store, { ids, owner, keepUntilMs }: Hold): HoldSteps => ({
  // In the order in which they were taken: whoever took the first one over finds the others as they were.
  async renew(leaseMs) {
    for (const id of ids) if (!(await store.renew(id, owner, leaseMs))) return false
    return true
  },
  // One after the other, and what was paid with, which comes last, first: cut off in between, it is used up, and
  // reconciliation says so. The other way round it would pass for good, and nobody could use it.
  async commit() {
    for (const id of ids.toReversed()) if (!(await store.commit(id, owner, keepUntilMs))) return false
    return true
  },
  release: () => giveBack(store, ids, owner),
  noteDelivery: store.durable
    ? () => Promise.all(ids.map((id) => store.write(deliveryKey(id), 0, '1', keepUntilMs))).catch(() => {})
    : undefined,
})

/** Keeps a hold from `leaseEndMs` (Unix time) on, asking as often as it takes and no longer than the lease. */
export function keepClaims(
  steps: HoldSteps,
  lease: { readonly leaseMs: number; readonly leaseEndMs: number },
): HeldClaims {
  const { leaseMs } = lease
  let { leaseEndMs } = lease
  const lost = () => new LeaseLostError('The claim on this payment was lost before it became final.')
  const renew = async () => {
    const newEndMs = Date.now() + leaseMs
    if (!(await steps.renew(leaseMs))) return false
    leaseEndMs = newEndMs
    return true
  }
  const keep = async () => Date.now() < leaseEndMs - leaseMs / 3 || answerBefore(Date.now() + leaseMs, renew())
  return {
    renew,
    keep,
    async commit() {
      // Who slept while its lease ran out may have been overtaken, and has to know that before it uses anything up.
      if (!(await keep())) throw lost()
      const deadlineMs = Math.max(leaseEndMs, Date.now() + COMMIT_RETRY_MS)
      for (;;) {
        try {
          if (await answerBefore(deadlineMs, steps.commit())) return
          throw lost()
        } catch (error) {
          if (error instanceof LeaseLostError || Date.now() + COMMIT_RETRY_MS >= deadlineMs) throw error
        }
        await new Promise((resolve) => setTimeout(resolve, COMMIT_RETRY_MS))
      }
    },
    noteDelivery: steps.noteDelivery,
    release: () => answerBefore(Date.now() + leaseMs, steps.release()).catch(() => {}),
  }
}

async function giveBack(store: Store, ids: readonly ClaimId[], owner: Owner): Promise<void> {
  for (const id of ids.toReversed()) {
    await store.release(id, owner).catch(() => {}) // it frees itself when the lease ends
  }
}

/** What a store answers, unless it is silent until then (Unix time in ms). */
async function answerBefore<T>(deadlineMs: number, answer: Promise<T>): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(
      () => reject(new StoreError('The store did not answer within the lease.')),
      deadlineMs - Date.now(),
    )
  })
  try {
    return await Promise.race([answer, late])
  } finally {
    clearTimeout(timer)
  }
}
