/**
 * What the guard remembers: claims, and small versioned records. A store sees ids and values as opaque text; every
 * method is one atomic step over one key, so a Redis Cluster can spread the keys. There are no optional methods.
 */

/** Names what one use of a proof uses up, such as `block:<HASH>`. Canonical before it gets here. */
export type ClaimId = string
/** One guard run, by a random name: a claim answers to its owner alone. */
export type Owner = string

/** How long a claim lasts, and how often it may be made. */
export interface ClaimLimits {
  /** The claim frees itself when it is neither renewed nor committed for this long, so a killed process frees it. */
  readonly leaseMs: number
  /** How many claims may be made of this id before it is exhausted. */
  readonly attempts: number
  /** The claim, and its count of attempts, may be forgotten after this instant (Unix time in ms) once nobody holds it. */
  readonly keepUntilMs: number
}

/** What came of an attempt to claim. */
export type ClaimResult =
  /** It is the owner's, until the lease ends. */
  | 'claimed'
  /** Somebody else has it right now. */
  | 'held'
  /** It was committed. For good. */
  | 'spent'
  /** Nobody has it, but it was claimed `attempts` times already. */
  | 'exhausted'

/** What is remembered of a claim. */
export interface ClaimRecord {
  /** `released`: nobody has it, be it that it was given back or that its lease ended. `spent`: committed. */
  readonly state: 'held' | 'released' | 'spent'
  /** How often it was claimed. */
  readonly attempts: number
}

/** A record's text and the number of times it was written. */
export interface Versioned {
  readonly version: number
  readonly value: string
}

/** Claims with an owner and a lease, and versioned records. Rejects with `StoreError` (`ERR_STORE`) when it cannot answer. */
export interface Store {
  /** Whether a claim survives the end of this process. */
  readonly durable: boolean
  /** Since when the store remembers everything (Unix time in ms). Later than an earlier answer: it was emptied. */
  epochMs(): Promise<number>
  /** Takes the claim, or says who has it. Asked again by the owner that holds it: `claimed`, and no attempt is counted. */
  claim(id: ClaimId, owner: Owner, limits: ClaimLimits): Promise<ClaimResult>
  /** Starts the lease anew. False: it is not the owner's any more. A lapsed lease that nobody took is still the owner's. */
  renew(id: ClaimId, owner: Owner, leaseMs: number): Promise<boolean>
  /** Makes the claim final, durably. True again when asked again by the same owner. False: it was not the owner's. */
  commit(id: ClaimId, owner: Owner, keepUntilMs: number): Promise<boolean>
  /** Gives the claim back; its attempt stays counted. Does nothing when it is not the owner's, or is committed. */
  release(id: ClaimId, owner: Owner): Promise<void>
  /** How a claim stands. Undefined: it was never made, or is forgotten. Changes nothing. */
  inspect(id: ClaimId): Promise<ClaimRecord | undefined>
  /** The record under this key. */
  read(key: string): Promise<Versioned | undefined>
  /** Writes the record if its version is still `expectedVersion` (0: there must be none). False: somebody was faster. */
  write(key: string, expectedVersion: number, value: string, keepUntilMs: number): Promise<boolean>
  /** Frees the connection. */
  close(): Promise<void>
}
