/** What an attack is, what it is run against, and what it has in hand. */
import type { RefusalCode } from 'nano402'
import type { PaymentRequirements } from '../../../src/x402/shapes.ts'
import type { RawAnswer } from '../../support/raw.ts'
import type { World } from '../../support/world.ts'

/**
 * An attempt to have what was not paid for. It throws, by the trial's hand, when it gets anything, or anything else than it
 * should. `needs` says what it takes: a paid URL; a seed to pay with as well; or a shop, of which we see the inside.
 */
export type Attack = {
  /** The line of the list, as in docs/attacks.md; a letter tells those of one line apart. */
  readonly id: string
  /** What is tried. */
  readonly title: string
} & (
  | { readonly needs: 'url' | 'payment'; run(trial: Trial): Promise<void> }
  | { readonly needs: 'shop'; run(trial: Trial & Shop): Promise<void> }
)

/** What is attacked. */
export interface Target {
  readonly adapter: string
  /** A paid route. */
  readonly url: string
  /** Pays what a 402 asks and gives the block's hash. Without it nothing is paid. */
  readonly pay?: (challenge: Response) => Promise<string>
  readonly shop?: Shop
}

/**
 * The inside of a server that we started. It sells `/report`, and `/premium/...` at ten times the price; `/free` is free.
 * A request header asks its handler for trouble: `x-handler: fail` (500), `throw`, or `wait`, until `/free` is asked for.
 */
export interface Shop extends World {
  handlerRuns(): Promise<number>
}

export type Request = () => Promise<Response | RawAnswer>

/** What a request is answered with: a status, or the code of a refusal and the status that goes with it. */
export type Answer = number | RefusalCode

/** What requests have to come to. How often the handler ran and the node was asked is seen in a shop only. */
export interface Expected {
  /** What those are answered with that are not served. */
  readonly answers: readonly Answer[]
  /** How many are served. Default 0. */
  readonly served?: number
  /** How often the handler runs. Default: once for each that is served. */
  readonly runs?: number
  /** How often the Nano node may be asked about blocks. Default 0. */
  readonly calls?: number
  /** What is wrong with an answer, if something is. */
  readonly problem?: (seen: Seen) => string | undefined
}

/** An answer that has been read. */
export interface Seen {
  /** 0 when the connection was closed instead. */
  readonly status: number
  readonly code: string | undefined
  readonly body: string
  /** A header, all that came joined with commas; `''` when none did. */
  header(name: string): string
  /** All of them, for those who search. */
  readonly headers: string
}

export interface Purchase {
  readonly offer: PaymentRequirements
  readonly hash: string
  /** The headers that prove the payment. */
  readonly headers: Readonly<Record<string, string>>
}

/** One attack on one target. */
export interface Trial {
  /** The paid route. */
  readonly url: string
  /** Another path of the same origin, as a URL. */
  at(path: string): string
  /** `fetch`, following no redirect. Without a URL, the paid route. */
  ask(init?: RequestInit, url?: string): Promise<Response>
  /** A request line and headers as they are, on a connection of its own; `Host` is there unless lines bring theirs. */
  raw(method: string, target: string, lines?: readonly string[]): Promise<RawAnswer>
  /** What is offered for a request. Where that is no offer of nano402's, a made-up one. */
  offer(init?: RequestInit, url?: string): Promise<PaymentRequirements>
  /** Asks and pays; presents nothing yet. */
  buy(init?: RequestInit, url?: string): Promise<Purchase>
  /** An honest request, which has to be served. It does not count as part of the attack. */
  serves(request: Request): Promise<Seen>
  /** One hostile request, which has to be refused in one of these ways. */
  refuses(
    request: Request,
    answers: Answer | readonly Answer[],
    more?: Pick<Expected, 'calls' | 'problem'>,
  ): Promise<Seen>
  /** Hostile requests, all at once. */
  expect(requests: readonly Request[], expected: Expected): Promise<readonly Seen[]>
}
