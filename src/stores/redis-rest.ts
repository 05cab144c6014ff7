/**
 * Redis over REST, for runtimes without sockets: a command is posted as a JSON list, and `{ result }` or `{ error }` comes
 * back (as Upstash, and Serverless Redis HTTP in front of a Redis of one's own, have it). URL and token are secrets.
 */
import { ConfigError } from '../errors.ts'
import type { RedisSend } from './redis.ts'
import { unanswered } from './redis-reply.ts'

/** How long a Redis may take. */
export interface RedisOverRestOptions {
  /** How long a request may take, in ms. Default 2,000. */
  readonly timeoutMs?: number
}

const MAX_BYTES = 4_000_000

/**
 * Sends commands to Redis over REST.
 *
 * @param url - `https://host`, with its token as password (`https://:token@host`) or in the query (`?token=`).
 * @throws {@link ConfigError} (`ERR_CONFIG`), without quoting the URL.
 * @example
 * const store = await redisStore(redisOverRest('https://:token@redis.example'))
 */
export function redisOverRest(url: string, { timeoutMs = 2_000 }: RedisOverRestOptions = {}): RedisSend {
  const { address, headers } = parse(url)
  return async (...command) => {
    const signal = AbortSignal.timeout(timeoutMs)
    // A redirect is not followed: it would carry the token to a stranger. ('error' is not available on every edge runtime.)
    const init = { method: 'POST', headers, body: JSON.stringify(command), redirect: 'manual', signal } as const
    const response = await fetch(address, init)
    const answer = parseObject(await readText(response))
    const { status } = response
    if (typeof answer?.error === 'string' && (status === 200 || status === 400)) throw new Error(answer.error)
    if (status === 200 && answer?.result !== undefined) return answer.result
    throw unanswered(status === 200 ? 'a reply of another kind' : `HTTP status ${status}`)
  }
}

function parse(text: string): { readonly address: string; readonly headers: Headers } {
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (!url || !/^https?:$/.test(url.protocol)) throw new ConfigError('Redis over REST needs an http or https URL.')
  const credentials = url.password || url.username
  try {
    const token = decodeURIComponent(credentials) || (url.searchParams.get('token') ?? '')
    if (token === '')
      throw new ConfigError('Redis over REST needs a token: https://:token@host or https://host?token=...')
    // fetch refuses a URL with credentials in it, quoting them.
    url.username = ''
    url.password = ''
    url.searchParams.delete('token')
    const headers = new Headers({ authorization: `Bearer ${token}`, 'content-type': 'application/json' })
    return { address: url.href, headers }
  } catch (error) {
    if (error instanceof ConfigError) throw error
    throw new ConfigError('Redis over REST has a token that HTTP cannot carry.')
  }
}

async function readText({ body }: Response): Promise<string> {
  if (body === null) return ''
  const decoder = new TextDecoder('utf-8', { fatal: true })
  let text = ''
  let bytes = 0
  for (const reader = body.getReader(); ; ) {
    const { done, value } = await reader.read()
    if (done) return text + decoder.decode()
    bytes += value.byteLength
    if (bytes > MAX_BYTES) {
      await reader.cancel()
      throw unanswered(`more than ${MAX_BYTES} bytes`)
    }
    text += decoder.decode(value, { stream: true })
  }
}

function parseObject(text: string): { readonly result?: unknown; readonly error?: unknown } | undefined {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null ? value : undefined
  } catch {
    return undefined
  }
}
