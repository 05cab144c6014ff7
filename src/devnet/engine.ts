/** What the devnet in process and the devnet over HTTP share: one node, its switches, and the way from a call to an answer. */
import { NodeRefusedError } from '../errors.ts'
import type { NodeAnswer } from '../rpc/node.ts'
import { ACTIONS } from './actions/index.ts'
import { type Faults, noFaults } from './faults.ts'
import { EPOCH_BLOCKS } from './genesis.ts'
import { createNode, type Node } from './node.ts'
import { readRequest } from './request.ts'

/** One call that reached the devnet. */
export interface Call {
  readonly action: string
  readonly parameters: Readonly<Record<string, unknown>>
}

/** How a devnet behaves. */
export interface DevnetOptions {
  /** How long a block stays unconfirmed, in ms. Default 200; with 0 it is confirmed before `process` answers. */
  readonly confirmMs?: number
  /**
   * Leaves genesis as it was in 2015. By default its account has both epoch upgrades behind it, as every account of today
   * has, so that the work thresholds are today's.
   */
  readonly bareGenesis?: boolean
}

export interface Engine {
  readonly node: Node
  readonly faults: Faults
  readonly calls: Call[]
  readonly counts: Map<string, number>
  answer(action: string, parameters: Readonly<Record<string, unknown>>): Promise<NodeAnswer>
}

const CALLS_KEPT = 1000

export function createEngine({ confirmMs = 200, bareGenesis = false }: DevnetOptions): Engine {
  const faults = noFaults()
  const node = createNode(() => confirmMs + faults.confirmLagMs)
  if (!bareGenesis) {
    for (const block of EPOCH_BLOCKS) {
      const entry = node.process(block)
      if (!('error' in entry)) node.confirm(entry.hash)
    }
  }
  const calls: Call[] = []
  const counts = new Map<string, number>()
  const { ledger } = node
  const visible: Node = {
    ...node,
    ledger: { ...ledger, get: (hash) => (faults.lost.has(hash) ? undefined : ledger.get(hash)) },
  }
  return {
    node,
    faults,
    calls,
    counts,
    async answer(action, parameters) {
      calls.push({ action, parameters })
      if (calls.length > CALLS_KEPT) calls.shift()
      counts.set(action, (counts.get(action) ?? 0) + 1)
      if (faults.lagMs > 0) await new Promise((resolve) => setTimeout(resolve, faults.lagMs))
      const act = ACTIONS.get(action)
      if (!act) throw new NodeRefusedError(action, 'Unknown command')
      const answer = await act(visible, readRequest(action, parameters))
      return faults.lie ? faults.lie(action, answer) : answer
    },
  }
}
