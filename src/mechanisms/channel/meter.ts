/** What a request in a channel costs, where its handler says so. */
import type { Channels } from '../../channel/channels.ts'
import type { ChannelId } from '../../channel/config.ts'
import type { Held } from '../../channel/record.ts'
import type { Meter } from '../../core/meter.ts'
import { type Draws, meteredEvents } from '../../core/sse.ts'
import { ChargeError } from '../../errors.ts'

export interface MeterOptions {
  readonly id: ChannelId
  readonly held: Held
  /** What is reserved, in raw. */
  readonly price: bigint
  /** What pays for a stream. */
  stream(): Draws
}

export function createMeter(channels: Channels, { id, held, price, stream }: MeterOptions): Meter {
  let max = price
  let cost = price
  return {
    get cost() {
      return cost
    },
    charge(amount) {
      if (typeof amount !== 'bigint' || amount < 0n || amount > max) {
        throw new ChargeError(`A charge is a bigint in raw, from 0 to what is reserved (${max} raw).`)
      }
      cost = amount
    },
    async reserve(wanted) {
      if (typeof wanted !== 'bigint' || !(await channels.reserve(id, { ...held, amount: wanted }))) return false
      max = wanted
      cost = wanted
      return true
    },
    events: (source, each) => meteredEvents(source, { price: each, draws: stream() }),
  }
}
