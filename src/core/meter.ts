/** What a paid request costs in the end, where a handler may say so. */
import { ChargeError } from '../errors.ts'
import { TAG_MODULUS } from './quote.ts'
import type { ContentEvent } from './sse.ts'

/** Amounts in raw. */
export interface Meter {
  /** What the request will cost as things stand. */
  readonly cost: bigint
  /** Says what it did cost. @throws {@link ChargeError} (`ERR_CHARGE`) */
  charge(amount: bigint): void
  /** Changes the most that it may cost. False: the client has not authorised so much, and nothing has changed. */
  reserve(max: bigint): Promise<boolean>
  /** Events that cost so much each, beside what the request itself costs. @throws {@link ChargeError} (`ERR_CHARGE`) */
  events(source: AsyncIterable<ContentEvent>, price: bigint): ReadableStream<Uint8Array>
}

/** Of what was paid in full before the handler ran: nothing can be given back, and nothing more be taken. */
export function fixedMeter(paid: bigint): Meter {
  const price = paid - (paid % TAG_MODULUS)
  return {
    cost: paid,
    charge(amount) {
      if (amount >= price && amount <= paid) return
      throw new ChargeError(
        'This request was paid in full before the handler ran, and cannot be charged otherwise. Offer channels alone ' +
          "(option mechanisms: ['channel']) where the price is known only afterwards.",
      )
    },
    reserve: async (max) => max <= paid,
    events() {
      throw new ChargeError('Events are paid for one by one in a channel alone.')
    },
  }
}
