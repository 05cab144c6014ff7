/** What the forms before x402 version 2 can offer: a session, and nothing else. */
import type { PaymentRequired, PaymentRequirements } from './shapes.ts'
import type { PresentedPayment } from './wire.ts'

/** An offer of the session mechanism, and its parts. */
export interface SessionOffer {
  readonly offer: PaymentRequirements
  readonly id: string
  /** Unix time in seconds. */
  readonly expiresAt: number
}

/** The session that a 402 offers, if it offers one. */
export function sessionOffer({ accepts }: PaymentRequired): SessionOffer | undefined {
  for (const offer of accepts) {
    const session = offer.extra?.nanoSession
    if (!isFields(session)) continue
    const { id, expiresAt } = session
    if (typeof id === 'string' && typeof expiresAt === 'number') return { offer, id, expiresAt }
  }
  return undefined
}

/** A session's proof, in the one form in which the session mechanism reads it. */
export const sessionPayment = (
  proof: unknown,
  sessionId: unknown,
  accepted: PresentedPayment['accepted'] = { scheme: 'exact' },
): PresentedPayment => ({ accepted, payload: { proof, sessionId } })

/** Whether it is an object of JSON, whose keys may be read. */
export const isFields = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
