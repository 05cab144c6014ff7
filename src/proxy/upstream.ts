/** The server behind the proxy: how it is connected to, and whether it is there. */
import { Agent as HttpAgent } from 'node:http'
import { Agent as HttpsAgent } from 'node:https'
import { connect } from 'node:net'
import { refreshed } from '../core/refresh.ts'

/** Servers close what is idle for some seconds; a request that meets that would be lost. */
const IDLE_MS = 1_000
const PROBE_MS = 3_000
const PROBE_EVERY_MS = 1_000

export interface Upstream {
  /** As httpxy takes it. */
  readonly target: {
    readonly protocol: string
    readonly hostname: string
    readonly port: number
    readonly pathname: string
  }
  readonly host: string
  readonly agent: HttpAgent
  /**
   * Whether it takes connections, as of a second ago at most. A payment is not even looked at when it does not: each time that
   * it is taken and given back counts as one of its attempts.
   */
  isThere(): Promise<boolean>
  close(): void
}

export function openUpstream({ protocol, hostname, host, port, pathname }: URL): Upstream {
  const isSecure = protocol === 'https:'
  const agent = new (isSecure ? HttpsAgent : HttpAgent)({ keepAlive: true, timeout: IDLE_MS })
  const target = {
    protocol,
    hostname: hostname.replace(/^\[|\]$/g, ''), // of IPv6
    port: Number(port || (isSecure ? 443 : 80)),
    pathname: pathname.replace(/\/$/, ''),
  }
  return {
    target,
    host,
    agent,
    isThere: refreshed(() => takesConnections(target.hostname, target.port), PROBE_EVERY_MS),
    close: () => agent.destroy(),
  }
}

function takesConnections(host: string, port: number): Promise<boolean> {
  const socket = connect({ host, port, timeout: PROBE_MS })
  return new Promise<boolean>((resolve) => {
    socket.once('connect', () => resolve(true))
    for (const event of ['error', 'timeout']) socket.once(event, () => resolve(false))
  }).finally(() => socket.destroy())
}
