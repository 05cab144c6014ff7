/** One client against one server, over a socket and on a devnet: what is bought, and what it cost. */
import type { WireName } from 'nano402'
import type { Purse, World } from '../support/world.ts'

/** Ways to pay that are tried, each alone: names of the option `mechanisms`. */
export type Mechanism = 'session' | 'signed-block' | 'signature'
export const MECHANISMS: readonly Mechanism[] = ['session', 'signed-block', 'signature']
/** Forms in which an offer is echoed, so that it can be seen which was taken: the others have sessions alone. */
export const ECHOING: readonly WireName[] = ['x402', 'nanosession-7']

/** What is tried. */
export interface Trial {
  readonly wire: WireName
  readonly mechanism: Mechanism
}

/** What a client got. */
export interface Bought {
  readonly status: number
  readonly body: string
}

/** A client that pays by itself. */
export interface Client {
  readonly name: string
  readonly wires: readonly WireName[]
  /** Which ways to pay it knows. Left out: all. */
  readonly mechanisms?: readonly Mechanism[]
  /** Opens one that pays from this purse. */
  open(world: World, purse: Purse, trial: Trial): OpenClient
}

export interface OpenClient {
  get(url: string): Promise<Bought>
  close(): void
}

/** A server that sells `GET /report` for 0.001 XNO. */
export interface Server {
  readonly name: string
  readonly wires: readonly WireName[]
  readonly mechanisms: readonly Mechanism[]
  open(world: World, trial: Trial): Promise<OpenServer>
  /** Ends what its shops have in common. */
  close?(): Promise<void>
}

export interface OpenServer {
  /** Of the paid route. */
  readonly url: string
  /** How often the handler ran. */
  runs(): number | Promise<number>
  close(): Promise<void>
}

export interface PairResult {
  readonly client: string
  readonly server: string
  readonly wire: WireName
  readonly mechanism: Mechanism
  readonly passed: boolean
  readonly detail: string
}

export const REPORT = 'a paid report'
