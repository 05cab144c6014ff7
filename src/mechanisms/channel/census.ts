/** What all channels of a payee come to, as its store has them: for those who watch it. */
import type { Channels } from '../../channel/channels.ts'
import { reserved, unspent } from '../../channel/record.ts'
import type { PaywallEvent } from '../../core/events.ts'

export type Census = PaywallEvent & { readonly type: 'channels_counted' }

/** Reads every channel that expires before then and is not closed (Unix time in ms). */
export async function takeCensus(channels: Pick<Channels, 'expiringBefore'>, untilMs: number): Promise<Census> {
  const states = { open: 0, closing: 0, refunding: 0, recovering: 0 }
  let [locked, authorized, charged, inUse, refundDue] = [0n, 0n, 0n, 0n, 0n]
  for await (const channel of channels.expiringBefore(untilMs)) {
    if (channel.phase === 'closed') continue
    states[channel.phase]++
    locked += unspent(channel)
    authorized += channel.authorized
    charged += channel.charged
    inUse += reserved(channel)
    if (channel.phase !== 'open') refundDue += unspent(channel)
  }
  return { type: 'channels_counted', states, locked, authorized, charged, reserved: inUse, refundDue }
}
