/** Failure switches: what a test makes the devnet do wrong. All off at first. */
import type { BlockHash } from '../nano/index.ts'
import type { NodeAnswer } from '../rpc/node.ts'

/** How a node can be there and be of no use. Over HTTP each is what it says; in process each is `NodeUnavailableError`. */
export type Outage =
  | 'reset'
  | 'status-500'
  | 'html'
  | 'too-many-requests'
  | 'empty-object'
  | 'half-json'
  | 'silence'
  | 'redirect'
  | 'huge'

/** Set a field to make the devnet fail that way, and set it back to end it. */
export interface Faults {
  /** Every answer comes this much later, in ms. */
  lagMs: number
  /** Blocks that arrive from now on stay unconfirmed this much longer, in ms. */
  confirmLagMs: number
  /** Blocks that are in the ledger, but that no answer admits to. */
  readonly lost: Set<BlockHash>
  /** Rewrites answers: how a node lies. A websocket message passes through it too, with its topic as the action. */
  lie: ((action: string, answer: NodeAnswer) => NodeAnswer) | undefined
  /** No usable answers at all, and no new websockets. */
  down: Outage | undefined
  /** The websocket acknowledges, and tells nothing. */
  muted: boolean
}

export const noFaults = (): Faults => ({
  lagMs: 0,
  confirmLagMs: 0,
  lost: new Set(),
  lie: undefined,
  down: undefined,
  muted: false,
})
