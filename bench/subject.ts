/** What is measured: a way to charge for one route, and what a client has to send to it. */
import type { RequestHandler } from 'express'
import type { MiddlewareHandler } from 'hono'

export const SCENARIOS = ['unpaid', 'paid-cached', 'paid-lookup'] as const
/**
 * `unpaid`: no proof, answered with 402. `paid-cached`: a proof that is checked without leaving the process's memory.
 * `paid-lookup`: a proof for which somebody else is asked; the answer comes at once, from within the process.
 */
export type Scenario = (typeof SCENARIOS)[number]

/** The same protection for either framework. */
export interface Middleware {
  readonly hono: MiddlewareHandler
  readonly express: RequestHandler
}

/** A client's view of the route, for what has to be prepared. */
export type Ask = (headers?: Record<string, string>) => Promise<Response>

/** What one batch of requests needs. */
export interface Batch {
  readonly middleware?: Middleware
  /** The headers of each request. */
  headers(ask: Ask): Promise<readonly Record<string, string>[]>
}

export interface Subject {
  readonly name: string
  /** Prepares a batch of `count` requests, untimed; undefined when there is no such scenario for this subject. */
  prepare(scenario: Scenario, count: number): Promise<Batch | undefined>
}

export const PATH = '/report'
export const repeat = <T>(count: number, value: T): readonly T[] => Array.from({ length: count }, () => value)

/** The route without protection. A paid request carries a header of about the length of a proof, which it ignores. */
export const bare: Subject = {
  name: 'bare',
  async prepare(scenario, count) {
    const headers = scenario === 'unpaid' ? {} : { 'PAYMENT-SIGNATURE': 'A'.repeat(1_400) }
    return { headers: async () => repeat(count, headers) }
  },
}
