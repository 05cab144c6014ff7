/**
 * What goes with a payment under x402's `extensions`. An extension may add to a 402 and to a settlement, refuse a payment,
 * and give a stored answer for one that is spent. It cannot grant: the guard's order is the guard's alone.
 */
import type { PaymentRequired, ResourceInfo, SettlementResponse } from '../x402/shapes.ts'
import type { Header, HeaderReader, PresentedPayment } from '../x402/wire.ts'
import type { Refusal } from './refusal.ts'
import type { PaywallRequest } from './request.ts'
import type { ClaimId, Store } from './store.ts'

/** One use of a payment that is verified: genuine, exact and confirmed, and not claimed yet. */
export interface Visit {
  readonly request: PaywallRequest
  readonly payment: PresentedPayment
  /** The session's name. It stays here: who has it knows nothing of the session id. */
  readonly session: string
  /** What one use of the payment uses up. */
  readonly ids: readonly ClaimId[]
  readonly store: Store
  /** How long what is noted of it has to be kept (Unix time in ms). */
  readonly keepUntilMs: number
}

/** What an extension has to do with one use of a payment. */
export interface Use {
  /** The claims are taken, and nothing is settled. A refusal, or a fault, gives them back. */
  claimed(): Promise<Refusal | undefined>
  /** The payment has bought its answer already: the refusal for that, with the answer if it was kept. */
  spent(): Promise<Refusal>
  /** The paid answer starts. `final` says whether it could be made final; only then may anything of it be kept. */
  answered(answer: StartedAnswer, final: Promise<boolean>): AnswerCopy | undefined
}

/** The head of a paid answer. */
export interface StartedAnswer {
  readonly status: number
  readonly headers: HeaderReader
  /** Set by us on top of them. */
  readonly marks: readonly Header[]
}

/** Gets the bytes of an answer as they leave. */
export interface AnswerCopy {
  /** False: no more of them are wanted. */
  write(bytes: Uint8Array): boolean
  /** They were all. */
  end(): void
  /** There will be no more, and they were not all. */
  cut(): void
}

export interface Extension {
  /** Its key in `extensions`. */
  readonly name: string
  /** Its entry in a 402; undefined: none. Stores nothing and asks nobody: an unpaid request costs us nothing. */
  offer?(required: PaymentRequired, request: PaywallRequest): unknown
  /** Why what a payment says of it cannot be. Asked before anything is looked up. */
  read?(payment: PresentedPayment): Refusal | undefined
  /** What it has to do with this use of a payment. */
  use?(visit: Visit): Promise<Use | undefined>
  /** Its entry in the settlement that goes with a paid answer. */
  settle?(settlement: SettlementResponse, resource: ResourceInfo): Promise<unknown>
}

const NO_USES: readonly Use[] = []

/** What the extensions have to do with this use. */
export async function usesOf(extensions: readonly Extension[], visit: Visit): Promise<readonly Use[]> {
  if (extensions.length === 0) return NO_USES
  const uses = await Promise.all(extensions.map((extension) => extension.use?.(visit)))
  return uses.filter((use) => use !== undefined)
}

/** Tells them that the claims are taken. The first objection, if there is one. */
export async function objectionOf(uses: readonly Use[]): Promise<Refusal | undefined> {
  for (const use of uses) {
    const objection = await use.claimed()
    if (objection) return objection
  }
  return undefined
}

/** The entries of all extensions in a 402; undefined when there are none. */
export const offerExtensions = (extensions: readonly Extension[], required: PaymentRequired, request: PaywallRequest) =>
  entriesOf(extensions, (extension) => extension.offer?.(required, request))

/** The settlement with what the extensions add. */
export async function settleExtensions(
  extensions: readonly Extension[],
  settlement: SettlementResponse & { readonly success: true },
  resource: () => ResourceInfo,
) {
  const entries = await entriesOf(extensions, (extension) => extension.settle?.(settlement, resource()))
  return { ...settlement, ...(entries && { extensions: entries }) }
}

async function entriesOf(extensions: readonly Extension[], entryOf: (extension: Extension) => unknown) {
  const entries: [string, unknown][] = []
  for (const extension of extensions) {
    const entry = await entryOf(extension)
    if (entry !== undefined) entries.push([extension.name, entry])
  }
  return entries.length === 0 ? undefined : Object.fromEntries(entries)
}
