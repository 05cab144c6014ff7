/** Whether a request is one that can be sent on at all. Nothing of it is believed yet. */
import type { IncomingMessage } from 'node:http'
import type { ProxyCode } from './answers.ts'
import { readTarget, type Target } from './target.ts'

/** A refusal before anything is matched. */
export interface Unfit {
  readonly code: ProxyCode
  readonly message?: string
}

const HOST = /^(?:[\w.-]+|\[[\da-f:.]+\])?(?::\d{0,5})?$/i

/** The target of a request, in its one spelling; or why it is refused. */
export function admit({ method = '', url = '', rawHeaders, headers }: IncomingMessage): Target | Unfit {
  if (method === 'TRACE' || method === 'CONNECT') return { code: 'method_not_allowed' }
  const hosts = rawHeaders.filter((name, i) => i % 2 === 0 && name.toLowerCase() === 'host').length
  if (hosts > 1 || !HOST.test(headers.host ?? '')) {
    return { code: 'ambiguous_target', message: 'The Host header is missing its host, or there are two.' }
  }
  const target = readTarget(url)
  return typeof target === 'string' ? { code: 'ambiguous_target', message: target } : target
}

/** Of a request for a change of protocol: whether it is one to websockets, and how one has to be. */
export const asksForWebsocket = ({ headers }: IncomingMessage): boolean =>
  headers.upgrade?.trim().toLowerCase() === 'websocket'

/** A body here would be read as frames by one, and as a request by another. */
export const isPlainUpgrade = ({ method, headers }: IncomingMessage): boolean =>
  method === 'GET' && headers['transfer-encoding'] === undefined && Number(headers['content-length'] ?? 0) === 0
