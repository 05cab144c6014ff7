/** How a paywall asks its facilitator, which has a node, what has become of a payment that a page waits for. */
import { type PaymentRequirements, readPaymentRequirements } from '../x402/shapes.ts'
import * as z from '../zod.ts'
import { type BoundRequest, readBoundRequest } from './wire.ts'

/** A session, and what is asked of its payment. */
export interface FindOrder extends BoundRequest {
  /** The sealed id, as the browser keeps it. */
  readonly sessionId: string
  /** Left out: only whether the session is genuine is asked, and nothing is looked up. */
  readonly look?: {
    /** For how long an answer may be waited for, in ms. */
    readonly waitMs: number
    /** What is known already: answered when it is something else. Left out: what one look finds. */
    readonly known?: FoundPayment['state']
  }
}

/** `hash` with `seen` and `confirmed`. `cut`: a payment has come that may be it, without its last digits. */
export interface FoundPayment {
  readonly state: 'waiting' | 'cut' | 'seen' | 'confirmed'
  readonly hash?: string
}

/** A session whose seal is genuine, for this very request, and which may still be paid or presented. */
export interface FoundSession {
  /** Its name in the store. */
  readonly id: string
  readonly issuedAtMs: number
  readonly expiresAtMs: number
  /** Its offers as they were made. */
  readonly accepts: readonly PaymentRequirements[]
  /** If it was looked for. */
  readonly payment?: FoundPayment
}

export type FindAnswer =
  | { readonly session: FoundSession | null }
  /** Ask again with these inputs. */
  | { readonly needs: { readonly inputs: readonly string[] } }

function makeReaders() {
  const state = z.enum(['waiting', 'cut', 'seen', 'confirmed'])
  const instant = z.int().check(z.gte(0))
  const offer = z.custom<PaymentRequirements>((value) => readPaymentRequirements(value) !== undefined)
  return {
    order: z.object({
      sessionId: z.string().check(z.maxLength(4_096)),
      look: z.optional(z.object({ waitMs: z.int().check(z.gte(0), z.lte(60_000)), known: z.optional(state) })),
    }),
    answer: z.union([
      z.object({
        session: z.union([
          z.null(),
          z.object({
            id: z.string().check(z.regex(/^[0-9a-f]{32}$/)),
            issuedAtMs: instant,
            expiresAtMs: instant,
            accepts: z.array(offer).check(z.minLength(1), z.maxLength(16)),
            payment: z.optional(z.object({ state, hash: z.optional(z.string().check(z.regex(/^[0-9A-F]{64}$/))) })),
          }),
        ]),
      }),
      z.object({ needs: z.object({ inputs: z.array(z.string().check(z.maxLength(300))).check(z.maxLength(64)) }) }),
    ]),
  }
}
let made: ReturnType<typeof makeReaders> | undefined
const readers = () => {
  made ??= makeReaders()
  return made
}

/** Each gives the value if it has the shape, otherwise undefined. */
export function readFindOrder(value: unknown): FindOrder | undefined {
  const [bound, rest] = [readBoundRequest(value), readers().order.safeParse(value)]
  return bound && rest.success ? ({ ...bound, ...rest.data } as FindOrder) : undefined
}
export function readFindAnswer(value: unknown): FindAnswer | undefined {
  const parsed = readers().answer.safeParse(value)
  return parsed.success ? (parsed.data as FindAnswer) : undefined
}
