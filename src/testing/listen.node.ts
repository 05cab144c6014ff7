/** A devnet that other processes, and code that knows it by its URL alone, can reach. */
import type { DevnetOptions } from '../devnet/engine.ts'

export const listen = async (options: DevnetOptions) => {
  const { serveDevnet } = await import('../devnet/server.ts')
  return serveDevnet({ ...options, unref: true })
}
