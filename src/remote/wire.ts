/** What a paywall and its facilitator say to each other, as shapes: docs/protocol_rev1.md has it in words. */
import { REFUSALS, type RefusalCode } from '../core/refusal.ts'
import {
  type PaymentRequirements,
  readPaymentRequirements,
  readSettlementResponse,
  type SettlementResponse,
} from '../x402/shapes.ts'
import type { PresentedPayment } from '../x402/wire.ts'
import * as z from '../zod.ts'

/**
 * What the price read of a request, by name (`body`, `header:<name>`): the SHA-256 of each value in hex, or null for what
 * was not there. A facilitator needs to know whether it is the same; it does not need to see it.
 */
export type Inputs = Readonly<Record<string, string | null>>

/** The request that an offer is for. */
export interface BoundRequest {
  readonly method: string
  /** Path and query, as they were sent. */
  readonly url: string
  readonly inputs?: Inputs
  /** Separates APIs that share a facilitator and a token. */
  readonly realm?: string
}

/** An offer to be made. */
export interface Order extends BoundRequest {
  /** XNO as text, or raw. */
  readonly price: string | { readonly raw: string | bigint }
  readonly payTo: string
  /** Default 300. */
  readonly maxTimeoutSeconds?: number
  /** What the request presents, if anything: its offer is made again if it is genuine and for this very request. */
  readonly paymentPayload?: unknown
}

/** A payment to be claimed for one handler run. */
export interface ClaimOrder extends BoundRequest {
  /** Drawn at random for this run: 32 hex digits. Asked again with the same one, nothing is claimed twice. */
  readonly owner: string
  readonly payment: PresentedPayment
  readonly attempts: number
  readonly leaseMs: number
  /** The price of today in raw: only on request. */
  readonly price?: string
}

/** What a payment uses up, once: under these names. */
export interface PaidUse {
  /** The session's. It is not the session id, which only the client has. */
  readonly session: string
  readonly ids: readonly string[]
  /** How long what is noted of it has to be kept (Unix time in ms). */
  readonly keepUntilMs: number
}

/** The claims of one owner. */
export interface HoldOrder extends Omit<PaidUse, 'session'> {
  readonly owner: string
  readonly leaseMs: number
}

export type ClaimAnswer =
  /** `spent`: what was used up, if this very payment has bought its answer. */
  | { readonly refused: RefusalCode; readonly spent?: PaidUse }
  /** Ask again with this: inputs by name, or the price of today. */
  | { readonly needs: { readonly inputs?: readonly string[]; readonly price?: boolean } }
  | {
      readonly granted: PaidUse & {
        readonly scheme: string
        readonly settlement: SettlementResponse & { readonly success: true }
      }
    }

/** How a facilitator's parts are. */
export interface FacilitatorHealth {
  readonly node: { readonly ok: boolean }
  readonly feed: 'off' | 'connecting' | 'open' | 'down'
  readonly store: { readonly ok: boolean; readonly durable: boolean }
  readonly secret: { readonly durable: boolean; readonly count: number }
}

/** What a price may have read of a request. */
export const isInputName = (name: string): boolean => INPUT_NAME.test(name)
const INPUT_NAME = /^(body|header:[!#$%&'*+.^_`|~0-9a-z-]{1,256})$/

function makeReaders() {
  const shortText = z.string().check(z.maxLength(256))
  const hex = (digits: number) => z.string().check(z.regex(new RegExp(`^[0-9a-f]{${digits}}$`)))
  const raw = z.string().check(z.regex(/^[1-9][0-9]{0,38}$/))
  const inputName = z.string().check(z.regex(INPUT_NAME))
  const instant = z.int().check(z.gte(0))
  const leaseMs = z.int().check(z.gte(1), z.lte(3_600_000))
  const anyObject = z.record(z.string(), z.unknown())
  const ids = z.array(shortText).check(z.minLength(1), z.maxLength(8))
  const use = { session: hex(32), ids, keepUntilMs: instant }

  const payment = z.object({
    accepted: z.object({
      scheme: z.optional(z.string()),
      network: z.optional(z.string()),
      amount: z.optional(z.string()),
      asset: z.optional(z.string()),
      payTo: z.optional(z.string()),
      maxTimeoutSeconds: z.optional(z.number()),
      extra: z.optional(anyObject),
    }),
    payload: anyObject,
    extensions: z.optional(anyObject),
    signedUrl: z.optional(z.string()),
  })

  const bound = {
    method: z.string().check(z.regex(/^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,32}$/)),
    url: z.string().check(z.regex(/^\//), z.maxLength(16_384)),
    inputs: z.optional(z.record(inputName, z.union([hex(64), z.null()]))),
    realm: z.optional(shortText),
  }
  const order = z.object({
    ...bound,
    price: z.union([shortText, z.object({ raw: z.union([raw, z.bigint()]) })]),
    payTo: shortText,
    maxTimeoutSeconds: z.optional(z.int().check(z.gte(1), z.lte(86_400))),
    paymentPayload: z.optional(z.unknown()),
  })
  const claimOrder = z.object({
    ...bound,
    owner: hex(32),
    payment,
    attempts: z.int().check(z.gte(1), z.lte(1_000_000)),
    leaseMs,
    price: z.optional(raw),
  })
  const claimAnswer = z.union([
    z.object({
      refused: z.custom<RefusalCode>((code) => typeof code === 'string' && Object.hasOwn(REFUSALS, code)),
      spent: z.optional(z.object(use)),
    }),
    z.object({ needs: z.object({ inputs: z.optional(z.array(inputName)), price: z.optional(z.boolean()) }) }),
    z.object({
      granted: z.object({
        ...use,
        scheme: shortText,
        settlement: z.custom<SettlementResponse>((value) => readSettlementResponse(value)?.success === true),
      }),
    }),
  ])
  return {
    boundRequest: reader<BoundRequest>(z.object(bound)),
    presented: reader<PresentedPayment>(payment),
    order: reader<Order>(order),
    claimOrder: reader<ClaimOrder>(claimOrder),
    holdOrder: reader<HoldOrder>(z.object({ owner: hex(32), ids, keepUntilMs: instant, leaseMs })),
    claimAnswer: reader<ClaimAnswer>(claimAnswer),
    accepts: reader<{ accepts: readonly PaymentRequirements[] }>(
      z.object({
        accepts: z
          .array(z.custom<PaymentRequirements>((value) => readPaymentRequirements(value) !== undefined))
          .check(z.minLength(1), z.maxLength(16)),
      }),
    ),
    health: reader<FacilitatorHealth>(
      z.object({
        node: z.object({ ok: z.boolean() }),
        feed: z.enum(['off', 'connecting', 'open', 'down']),
        store: z.object({ ok: z.boolean(), durable: z.boolean() }),
        secret: z.object({ durable: z.boolean(), count: z.number() }),
      }),
    ),
    done: reader<{ done: boolean }>(z.object({ done: z.boolean() })),
  }
}

const reader =
  <T>(schema: z.ZodMiniType) =>
  (value: unknown): T | undefined => {
    const parsed = schema.safeParse(value)
    return parsed.success ? (parsed.data as T) : undefined
  }

let made: ReturnType<typeof makeReaders> | undefined
const readers = () => {
  made ??= makeReaders()
  return made
}

/** Each gives the value if it has the shape, otherwise undefined. */
export const readBoundRequest = (value: unknown) => readers().boundRequest(value)
export const readPresented = (value: unknown) => readers().presented(value)
export const readOrder = (value: unknown) => readers().order(value)
export const readClaimOrder = (value: unknown) => readers().claimOrder(value)
export const readHoldOrder = (value: unknown) => readers().holdOrder(value)
export const readClaimAnswer = (value: unknown) => readers().claimAnswer(value)
export const readAccepts = (value: unknown) => readers().accepts(value)
export const readDone = (value: unknown) => readers().done(value)
export const readHealth = (value: unknown) => readers().health(value)
