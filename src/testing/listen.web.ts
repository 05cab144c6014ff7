/** Nothing can listen here. */
import { ConfigError } from '../errors.ts'
import type { listen as listenOnNode } from './listen.node.ts'

/** Refuses. @throws {@link ConfigError} (`ERR_CONFIG`) */
export const listen: typeof listenOnNode = async () => {
  throw new ConfigError(
    'Option environment needs a devnet that listens, which is not possible here: give the app the options in its place.',
  )
}
