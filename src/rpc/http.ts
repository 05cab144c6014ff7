/**
 * One question to one node: JSON over HTTP POST, strictly. URL, key and headers are secrets, so an error names a node by
 * its position, and no error of `fetch` is passed on: those quote addresses.
 */
import { ConfigError, NodeRefusedError, NodeUnavailableError } from '../errors.ts'
import type { NodeAnswer } from './node.ts'
import { withDeadline } from './wait.ts'

/** A node's address. `key` goes into the body of each request, as some public nodes want it. */
export interface Endpoint {
  readonly url: string
  readonly headers?: Readonly<Record<string, string>>
  readonly key?: string
}

/** An address that was checked. */
export interface Address {
  /** Such as `node 1 of 2`. */
  readonly name: string
  readonly url: string
  readonly headers: Headers
  readonly key: string | undefined
  /** Texts that must not come back in an error message. */
  readonly secrets: readonly string[]
}

/** One action, what it may cost, and who may end it. */
export interface Question {
  readonly action: string
  readonly parameters: Readonly<Record<string, unknown>>
  readonly timeoutMs: number
  readonly maxBytes: number
  readonly signals: readonly (AbortSignal | undefined)[]
}

/** Checks one endpoint. @throws {@link ConfigError} (`ERR_CONFIG`), without quoting it. */
export function parseEndpoint(endpoint: string | Endpoint, name: string): Address {
  const { url: text, headers = {}, key } = typeof endpoint === 'string' ? { url: endpoint } : endpoint
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (url === undefined || (url.protocol !== 'http:' && url.protocol !== 'https:')) {
    throw new ConfigError(`NANO402_RPC_URL (option rpc): ${name} is not an http or https URL.`)
  }
  const { username, password } = url
  // fetch refuses a URL with credentials in it, quoting them.
  url.username = ''
  url.password = ''
  try {
    const sent = new Headers(headers)
    if (username + password !== '') {
      sent.set('authorization', `Basic ${btoa(`${decodeURIComponent(username)}:${decodeURIComponent(password)}`)}`)
    }
    const own = [text, url.href, url.host, url.pathname, ...url.searchParams.values(), username, password]
    const secrets = [...own, ...sent.values(), key ?? ''].filter((secret) => secret.length > 3)
    sent.set('content-type', 'application/json')
    return { name, url: url.href, headers: sent, key, secrets }
  } catch {
    throw new ConfigError(`NANO402_RPC_URL (option rpc): ${name} has a header or password that HTTP cannot carry.`)
  }
}

/** Asks one node once. */
export async function askUrl(address: Address, question: Question): Promise<NodeAnswer> {
  const { action, parameters, ...limits } = question
  const unusable = (what: string) => new NodeUnavailableError(`Nano ${address.name} gave no usable answer: ${what}.`)
  const body = JSON.stringify({ ...parameters, ...(address.key !== undefined && { key: address.key }), action })
  const text = await fetchText(address.url, { method: 'POST', headers: address.headers, body }, { ...limits, unusable })
  const answer = parseObject(text)
  if (answer === undefined) throw unusable('not a JSON object')
  if (answer.error === undefined) return answer
  if (typeof answer.error !== 'string') throw unusable('an error that is not a text')
  throw new NodeRefusedError(action, withoutSecrets(answer.error, address.secrets))
}

/** What one answer may cost, who may end the wait for it, and what is thrown when it is of no use. */
export interface FetchLimits {
  readonly timeoutMs: number
  readonly maxBytes: number
  readonly signals: readonly (AbortSignal | undefined)[]
  /** The error, given why. It quotes nothing that `fetch` said. */
  unusable(what: string): Error
}

/** The body of one answer of status 200, within limits. Redirects are not followed. */
export const fetchText = (url: string, init: RequestInit, limits: FetchLimits): Promise<string> => {
  const { timeoutMs, maxBytes, signals, unusable } = limits
  return withDeadline(
    async (signal) => {
      // Followed by hand, that is not at all: a redirect would carry key and headers to a stranger. ('error' is not
      // available on every edge runtime.)
      const response = await fetch(url, { ...init, redirect: 'manual', signal }).catch((error: unknown) => {
        throw unusable(`the connection failed${systemCode(error)}`)
      })
      if (response.status !== 200) {
        throw unusable(response.status === 0 ? 'a redirect' : `HTTP status ${response.status}`)
      }
      const read = await readText(response.body, maxBytes).catch((error: unknown) => {
        throw unusable(`the answer broke off${systemCode(error)}`)
      })
      if (read === undefined) throw unusable(`more than ${maxBytes} bytes`)
      return read
    },
    { timeoutMs, signals, late: unusable(`nothing within ${timeoutMs} ms`) },
  )
}

/** Reads at most so many bytes of UTF-8. Undefined: there were more. */
export async function readText(body: ReadableStream<Uint8Array> | null, maxBytes: number): Promise<string | undefined> {
  if (body === null) return ''
  const decoder = new TextDecoder('utf-8', { fatal: true })
  let text = ''
  let bytes = 0
  for (const reader = body.getReader(); ; ) {
    const { done, value } = await reader.read()
    if (done) return text + decoder.decode()
    bytes += value.byteLength
    if (bytes > maxBytes) return undefined
    text += decoder.decode(value, { stream: true })
  }
}

function parseObject(text: string): NodeAnswer | undefined {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as NodeAnswer) : undefined
  } catch {
    return undefined
  }
}

/** ` (ECONNREFUSED)`: the one part of a network error that tells something and quotes nothing. */
function systemCode(error: unknown): string {
  const cause = error instanceof Error ? (error.cause ?? error) : undefined
  const code = typeof cause === 'object' && cause !== null && 'code' in cause ? cause.code : undefined
  return typeof code === 'string' && /^[A-Z][A-Z_]{2,40}$/.test(code) ? ` (${code})` : ''
}

/** A node's own words, short and on one line, and never our key or its address echoed. */
function withoutSecrets(text: string, secrets: readonly string[]): string {
  const hidden = secrets.reduce((shown, secret) => shown.replaceAll(secret, '[hidden]'), text.slice(0, 10_000))
  return hidden.replace(/[\p{C}\p{Zl}\p{Zp}]+/gu, ' ').slice(0, 200)
}
