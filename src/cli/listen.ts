/** Node's own HTTP server: listening, and ending. */
import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'

export interface Served {
  readonly url: string
  /** Takes no more requests, and waits for those that are being answered. */
  close(): Promise<void>
}

/** Listens. Rejects when it cannot, with Node's own error. */
export async function listen(server: Server, { port, host }: { port: number; host: string }): Promise<Served> {
  await new Promise<void>((resolve, reject) => server.once('error', reject).listen(port, host, resolve))
  const { port: taken } = server.address() as AddressInfo
  return { url: `http://${host.includes(':') ? `[${host}]` : host}:${taken}`, close: () => closed(server) }
}

async function closed(server: Server): Promise<void> {
  const ended = new Promise((resolve) => server.close(resolve))
  server.closeIdleConnections()
  await ended
}
