/** One client against one server, over a socket and on a devnet: what is bought, what it cost, and whether a copy of the proof buys more. */
import type { World } from '../support/world.ts'

/** Ways to pay that are tried, each alone: names of the option `mechanisms`. */
export type Mechanism = 'session' | 'signed-block' | 'signature'
export const MECHANISMS: readonly Mechanism[] = ['session', 'signed-block', 'signature']
/** Those that our payer can do, whoever asks it. */
export const PAYABLE: readonly Mechanism[] = ['session']
export type Wire = 'x402' | 'x402-v1'

/** What is tried. */
export interface Trial {
  readonly wire: Wire
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
  readonly isOurs: boolean
  readonly wires: readonly Wire[]
  /** Opens one on a funded account. */
  open(world: World): Promise<OpenClient>
}

export interface OpenClient {
  readonly account: string
  get(url: string): Promise<Bought>
  close(): void
}

/** A server that sells `GET /report` for 0.001 XNO. */
export interface Server {
  readonly name: string
  readonly isOurs: boolean
  readonly wires: readonly Wire[]
  readonly mechanisms: readonly Mechanism[]
  open(world: World, trial: Trial): Promise<OpenServer>
}

export interface OpenServer {
  /** Of the paid route. */
  readonly url: string
  /** How often the handler ran. */
  runs(): number
  close(): Promise<void>
}

export interface PairResult {
  readonly client: string
  readonly server: string
  readonly wire: Wire
  readonly mechanism: Mechanism
  readonly passed: boolean
  readonly detail: string
}

export const REPORT = 'a paid report'
