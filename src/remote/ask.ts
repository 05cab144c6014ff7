/** Questions to a facilitator over HTTP: in time, of bounded size, of the right shape, and never elsewhere. */
import { ConfigError, FacilitatorError } from '../errors.ts'
import { fetchText } from '../rpc/http.ts'
import { parseStrictJson } from '../x402/json.ts'

/** Where the facilitator is, and what it knows this server by. */
export interface FacilitatorAddress {
  readonly url: string
  /** The bearer token that it gave this server. */
  readonly token?: string
  /** How long it may take to answer. Default 10,000: it may wait for a confirmation meanwhile. */
  readonly timeoutMs?: number
}

/** Asks for a path, with a body if there is one to post. @throws `FacilitatorError` for whatever has not the shape. */
export interface Ask {
  <T>(path: string, read: (answer: unknown) => T | undefined, body?: object): Promise<T>
  /** How long an answer may take. */
  readonly timeoutMs: number
}

const MAX_BYTES = 65_536

/** Checks an address. @throws {@link ConfigError} (`ERR_CONFIG`), quoting no token. */
export function createAsk(address: string | FacilitatorAddress): Ask {
  const { url, token, timeoutMs = 10_000 } = typeof address === 'string' ? { url: address } : address
  const base = URL.canParse(url) ? new URL(url) : undefined
  if (!base || !/^https?:$/.test(base.protocol) || base.username + base.password + base.search + base.hash !== '') {
    throw new ConfigError(
      'NANO402_FACILITATOR (option facilitator) must be an http or https URL without credentials: the token is NANO402_FACILITATOR_TOKEN.',
    )
  }
  if (token !== undefined && !/^[\x21-\x7e]+$/.test(token)) {
    throw new ConfigError('NANO402_FACILITATOR_TOKEN (option facilitator.token) is no token that HTTP can carry.')
  }
  const root = base.href.replace(/\/+$/, '')
  const headers = {
    'content-type': 'application/json',
    ...(token !== undefined && { authorization: `Bearer ${token}` }),
  }
  const unusable = (what: string) => new FacilitatorError(`The facilitator gave no usable answer: ${what}.`)

  const ask = async <T>(path: string, read: (answer: unknown) => T | undefined, body?: object): Promise<T> => {
    const init = body === undefined ? { headers } : { method: 'POST', headers, body: JSON.stringify(body) }
    const text = await fetchText(`${root}/${path}`, init, { timeoutMs, maxBytes: MAX_BYTES, signals: [], unusable })
    const answer = read(parseStrictJson(text))
    if (answer === undefined) throw unusable(`not what ${path} answers`)
    return answer
  }
  return Object.assign(ask, { timeoutMs })
}
