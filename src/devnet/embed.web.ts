/** The devnet listens on a port, which an edge runtime cannot. */
import { ConfigError } from '../errors.ts'
import type { EmbeddedDevnet } from './embed.node.ts'

export type { EmbeddedDevnet } from './embed.node.ts'

/** Refuses. @throws {@link ConfigError} (`ERR_CONFIG`) */
export function embedDevnet(_announce: (text: string) => void): EmbeddedDevnet {
  throw new ConfigError('No devnet can be started here. Run `npx nano402 devnet` and set NANO402_RPC_URL to its RPC.')
}
