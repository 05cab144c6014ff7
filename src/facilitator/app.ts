/** The facilitator over HTTP, as a Hono app: strict JSON in, JSON out. docs/protocol_rev1.md has each endpoint. */
import { type Context, type Handler, Hono } from 'hono'
import { codeOf } from '../core/fault.ts'
import { refreshed } from '../core/refresh.ts'
import { answerFor } from '../core/refusal.ts'
import { AmountError, ConfigError, InvalidValueError, PriceError } from '../errors.ts'
import { processEnvironment } from '../options.ts'
import { readFindOrder } from '../remote/find.ts'
import { readClaimOrder, readHoldOrder } from '../remote/wire.ts'
import { readText } from '../rpc/http.ts'
import { parseStrictJson } from '../x402/json.ts'
import type { FacilitatorRequest } from './call.ts'
import type { ClaimDesk } from './desk.ts'
import type { Facilitator, FacilitatorService } from './facilitator.ts'
import type { Finder } from './find.ts'
import { createTokenReader, type Tokens } from './tokens.ts'

/** Whom a facilitator works for. */
export interface FacilitatorAppOptions {
  /**
   * The resource servers, and what they are known by: `{ shop: '<token>' }`. What one was offered is good for it alone.
   * Without tokens everybody is the same server, and can offer anything at any price in its name.
   */
  readonly tokens?: Tokens
  /** Lets production run without tokens: on a network that only resource servers of one operator can reach. */
  readonly allowAnyone?: boolean
  /** prom-client's registry, such as that of `createMetrics` (`nano402/metrics`), for `GET /metrics`. */
  readonly registry?: { readonly contentType: string; metrics(): Promise<string> }
}

type Server = Facilitator & ClaimDesk & Finder
type Body = Readonly<Record<string, unknown>>
/** Answers a question of one resource server. Undefined: it has not the shape. */
type Answer = (server: Server, body: Body, signal: AbortSignal) => Promise<object | undefined>

const MAX_BODY_BYTES = 65_536
/** Anybody may ask how it is, so node and store are asked no more often than this. */
const HEALTH_MS = 5_000

/**
 * Makes the app of a facilitator: `serve({ fetch: facilitatorApp(createFacilitator(), { tokens }).fetch })`.
 *
 * @throws `ConfigError` (`ERR_CONFIG`) for tokens that can be guessed, and in production for none.
 * @example
 * const app = facilitatorApp(createFacilitator(), { tokens: { shop: process.env.SHOP_TOKEN ?? '' } })
 */
export function facilitatorApp(facilitator: FacilitatorService, options: FacilitatorAppOptions = {}): Hono {
  const { tokens, allowAnyone = false, registry } = options
  if (tokens === undefined && !allowAnyone && processEnvironment().NODE_ENV === 'production') {
    throw new ConfigError(
      'A facilitator without tokens lets everybody who reaches it sell in your name. Set NANO402_FACILITATOR_TOKENS ' +
        '(option tokens), or allowAnyone: true on a private network.',
    )
  }
  const nameOf = tokens && createTokenReader(tokens)
  const currentHealth = refreshed(facilitator.health, HEALTH_MS)
  const app = new Hono()

  /** The resource server that asks; undefined when it has no token of ours. */
  async function serverOf(c: Context): Promise<Server | undefined> {
    if (!nameOf) return facilitator
    const [, token] = /^Bearer +(\S+)$/i.exec(c.req.header('authorization') ?? '') ?? []
    const name = token === undefined ? undefined : await nameOf(token)
    return name === undefined ? undefined : facilitator.of(name)
  }

  /** One endpoint, by one method. */
  const on = (method: 'GET' | 'POST', path: string, handler: Handler) => {
    app.on(method, path, handler)
    app.all(path, (c) => {
      c.header('Allow', method === 'GET' ? 'GET, HEAD' : method)
      return problem(c, 405, 'method_not_allowed', `${path} is asked by ${method}.`)
    })
  }

  /** `onFault`: what the answer has beside the code when the trouble is ours. */
  const post = (path: string, answer: Answer, onFault: (code: string) => object = () => ({})) =>
    on('POST', path, async (c) => {
      const server = await serverOf(c)
      if (!server) return unauthorized(c)
      // Of anything else a browser would send what any page tells it to, without asking us first.
      if (!/^application\/json\s*(;|$)/i.test(c.req.header('content-type') ?? '')) {
        return problem(c, 415, 'unsupported_media_type', 'A body is JSON, with the Content-Type application/json.')
      }
      const text = await readText(c.req.raw.body, MAX_BODY_BYTES).catch(() => '')
      if (text === undefined) return problem(c, 413, 'body_too_large', `A body has at most ${MAX_BODY_BYTES} bytes.`)
      const body = parseStrictJson(text)
      try {
        const said = isObject(body) ? await answer(server, body, c.req.raw.signal) : undefined
        return said === undefined
          ? problem(c, 400, 'invalid_request', `This is not what ${path} is asked: see docs/protocol_rev1.md.`)
          : c.json(said)
      } catch (fault) {
        return isMistake(fault) ? problem(c, 400, 'invalid_request', fault.message) : unavailable(c, fault, onFault)
      }
    })

  app.use(async (c, next) => {
    await next()
    c.header('Cache-Control', 'no-store')
  })
  on('GET', '/supported', async (c) => c.json(await facilitator.supported()))
  on('GET', '/health', async (c) => {
    const health = await currentHealth()
    return c.json(health, health.node.ok && health.store.ok ? 200 : 503)
  })
  if (registry) {
    on('GET', '/metrics', async (c) =>
      (await serverOf(c))
        ? c.text(await registry.metrics(), 200, { 'Content-Type': registry.contentType })
        : unauthorized(c),
    )
  }

  post('/requirements', async (server, body) => ({ accepts: await server.requirements(body as never) }))
  post(
    '/verify',
    (server, body) => server.verify(callOf(body)),
    (invalidReason) => ({ isValid: false, invalidReason }),
  )
  post(
    '/settle',
    async (server, { settlementId, ...body }) =>
      settlementId === undefined || typeof settlementId === 'string'
        ? server.settle({ ...callOf(body), settlementId })
        : undefined,
    (errorReason) => ({ success: false, errorReason, transaction: '', network: facilitator.network }),
  )
  post('/claim', async (server, body, signal) => {
    const order = readClaimOrder(body)
    return order && server.claim(order, signal)
  })
  post('/find', async (server, body, signal) => {
    const order = readFindOrder(body)
    return order && server.find(order, signal)
  })
  for (const step of ['renew', 'commit', 'release', 'delivered'] as const) {
    post(`/${step}`, async (server, body) => {
      const hold = readHoldOrder(body)
      return hold && { done: await server[step](hold) }
    })
  }
  app.notFound((c) => problem(c, 404, 'not_found', 'This facilitator has no such endpoint.'))
  app.onError((fault, c) => unavailable(c, fault))
  return app
}

const isObject = (value: unknown): value is Body => typeof value === 'object' && value !== null && !Array.isArray(value)

const callOf = ({ x402Version, paymentPayload, paymentRequirements }: Body): FacilitatorRequest => ({
  x402Version: typeof x402Version === 'number' ? x402Version : Number.NaN,
  paymentPayload,
  paymentRequirements,
})

const isMistake = (fault: unknown): fault is Error =>
  fault instanceof InvalidValueError || fault instanceof AmountError || fault instanceof PriceError

const problem = (c: Context, status: 400 | 401 | 404 | 405 | 413 | 415, error: string, message: string) =>
  c.json({ error, message }, status)

function unauthorized(c: Context) {
  c.header('WWW-Authenticate', 'Bearer')
  return problem(c, 401, 'unauthorized', 'This facilitator asks for a token that it knows.')
}

/** Trouble of ours, by its code alone: what was thrown may name a node. */
function unavailable(c: Context, fault: unknown, more: (code: string) => object = () => ({})) {
  const code = codeOf(fault)
  const { message, retryAfterSeconds = 1 } = answerFor(code)
  c.header('Retry-After', String(retryAfterSeconds))
  return c.json({ error: code, message, ...more(code) }, 503)
}
