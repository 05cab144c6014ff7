/** No channels at the edge: their payee closes what has expired, and pays refunds in turn, between requests. */
import { ConfigError } from '../errors.ts'

/** @throws {@link ConfigError} (`ERR_CONFIG`) */
export function loadChannels(): Promise<typeof import('./channel/index.ts')> {
  throw new ConfigError("Channels need Node (option mechanisms: leave out 'channel' here, or serve this route there).")
}
