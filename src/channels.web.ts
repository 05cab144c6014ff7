/** No channels at the edge: a payee closes what has expired, and pays refunds in turn, between requests. */
import type { ChannelDesk } from './channels.node.ts'
import { ConfigError } from './errors.ts'

/** @throws {@link ConfigError} (`ERR_CONFIG`) */
export function openChannels(): ChannelDesk {
  throw new ConfigError("Channels need Node: leave 'channel' out of the option mechanisms here.")
}
