/** A paywall in front of a server of any kind. A request is matched once, and sent on as it was matched. */
import type { IncomingMessage } from 'node:http'
import { ConfigError } from '../errors.ts'
import {
  createPaywall,
  type Description,
  holdResponse,
  nodeRequest,
  type Paid,
  type Payment,
  type Paywall,
  type PaywallRequest,
  type PaywallRoute,
  type RouteOptions,
  sendAnswer,
  sendResponse,
} from '../index.ts'
import { type PaywallPage, paywallPage } from '../page/index.ts'
import { refuse } from './answers.ts'
import { allowOrigin } from './cors.ts'
import { forward } from './forward.ts'
import { type Origin, presentsPayment, requestHeaders, upgradeHeaders } from './headers.ts'
import {
  checkProxyOptions,
  OWN_OPTIONS,
  type ProxyOptions,
  type ProxyRouteOptions,
  type UpstreamFault,
} from './options.ts'
import { admit, isPlainUpgrade } from './request.ts'
import { createRouter, type RoutePattern } from './routes.ts'
import { createProxyServer, type Serve } from './server.ts'
import { openUpstream } from './upstream.ts'

/** One line of what is charged for what. */
export interface RouteDescription extends RoutePattern {
  /** What a request is asked, or why it is not. `denied`: it is answered with 404. */
  readonly terms: Description | 'free' | 'denied'
}

/** A paywall in front of another server. */
export interface PaywallProxy {
  /** Its paywall: events, health, what it sells. */
  readonly paywall: Paywall
  /** What may not be meant so, in sentences. */
  readonly warnings: readonly string[]
  /** What is charged for what, in the order in which it is matched. The last line is for all other paths. */
  describe(): Promise<readonly RouteDescription[]>
  /** Whether the upstream takes connections. */
  isUpstreamThere(): Promise<boolean>
  /** Listens, and gives its URL. Port 0 takes a free one. Rejects with Node's own error. */
  listen(at: { readonly port: number; readonly host?: string }): Promise<string>
  /** Takes no more requests, waits for those under way for so long (default 30,000), and frees everything. */
  close(options?: { readonly timeoutMs?: number }): Promise<void>
}

/** A route as it is served. */
interface Tariff {
  readonly name: string
  /** Undefined: it is free. */
  readonly paywall: PaywallRoute | undefined
}

/**
 * Puts a paywall in front of the server at `upstream`. What the options leave out comes from the environment (`NANO402_...`).
 *
 * @throws {@link ConfigError} (`ERR_CONFIG`) naming the place of what is wrong, and the remedy.
 * @example
 * const proxy = createProxy({ upstream: 'http://localhost:8080', routes: [{ path: '/report', price: '0.001' }] })
 * const url = await proxy.listen({ port: 8402 })
 */
export function createProxy(options: ProxyOptions): PaywallProxy {
  const { own, upstream: url, routes, fallback, paywall: given } = checkProxyOptions(options)
  const { host = 'upstream', trustProxy = false, cors, upstreamTimeoutMs = 60_000, onUpstreamFault } = own
  const { page, ...deployment } = given
  const route = createRouter(routes.map(({ pattern }) => pattern))
  const paywall = orNameOwn(() => createPaywall(deployment))
  const tariff = (place: string, name: string, options: ProxyRouteOptions | undefined): Tariff => ({
    name,
    paywall:
      options &&
      at(place, () => paywall.route(routeOptions({ ...(page !== undefined && { page }), name, ...options }))),
  })
  const { tariffs, rest } = orClose(paywall, () => ({
    tariffs: routes.map(({ pattern, options }, i) => tariff(`routes[${i}]`, pattern.path, options)),
    rest: fallback === 'deny' ? undefined : tariff('default', 'default', fallback === 'free' ? undefined : fallback),
  }))
  const upstream = openUpstream(url)
  const self = paywall.routes()
  const origin = originFor(given.publicUrl)

  const serve: Serve = async (req, res, onUpgrade) => {
    const target = admit(req)
    if ('code' in target) return refuse(res, target.code, target.message)
    if (onUpgrade && !isPlainUpgrade(req)) return refuse(res, 'invalid_upgrade')
    if (cors && allowOrigin(cors, req, res)) return
    const method = req.method ?? ''
    req.url = target.text // from here on, everybody reads the same
    const found = onUpgrade ? undefined : await self({ method, url: target.text })
    if (found) return sendResponse(res, found)
    const index = route({ method, segments: target.segments })
    const tariff = index === undefined ? rest : tariffs[index]
    if (!tariff) return refuse(res, 'not_found')

    const onFault = (code: UpstreamFault['code'], message: string) =>
      onUpstreamFault?.({ code, message, route: tariff.name })
    let isWaiting = req.headers.expect !== undefined
    /** Tells a client that waits for it to send the body. */
    const goOn = () => {
      if (isWaiting) res.writeContinue()
      isWaiting = false
    }
    let payment: Payment | undefined
    if (tariff.paywall) {
      if (presentsPayment(req.headers) && !(await upstream.isThere())) {
        onFault('upstream_unavailable', 'nobody takes connections there')
        return refuse(res, 'upstream_unavailable')
      }
      const outcome = await tariff.paywall.guard(waited(nodeRequest(req, res), goOn))
      if (outcome.kind === 'refused') {
        if (isWaiting) res.shouldKeepAlive = false // its body may or may not come
        return sendAnswer(res, outcome)
      }
      holdResponse(res, onUpgrade ? forUpgrade(outcome) : outcome)
      payment = outcome.payment
    }
    goOn()
    const toHost = host === 'upstream' ? upstream.host : host === 'client' ? (req.headers.host ?? '') : host
    const rules = { host: toHost, origin: origin(req), trustProxy, payment }
    req.headers = (onUpgrade ? upgradeHeaders : requestHeaders)(req.headers, rules)
    await forward(req, res, {
      upstream,
      timeoutMs: upstreamTimeoutMs,
      isPaid: payment !== undefined,
      onFault,
      ...(onUpgrade && { onUpgrade }),
    })
  }
  const server = createProxyServer(serve)

  return {
    paywall,
    warnings: warningsFor(url, fallback),
    async describe() {
      const termsOf = async ({ paywall }: Tariff) => (paywall ? paywall.describe() : ('free' as const))
      const lines = tariffs.map(async (one, i) => ({
        ...(routes[i]?.pattern as RoutePattern),
        terms: await termsOf(one),
      }))
      const last = { path: '*', terms: rest ? await termsOf(rest) : ('denied' as const) }
      return [...(await Promise.all(lines)), last]
    },
    isUpstreamThere: upstream.isThere,
    listen: ({ port, host = '127.0.0.1' }) => server.listen({ port, host }),
    async close({ timeoutMs = 30_000 } = {}) {
      const deadlineMs = Date.now() + timeoutMs
      await server.drain(timeoutMs)
      upstream.close()
      await paywall.close({ timeoutMs: Math.max(1, deadlineMs - Date.now()) })
    },
  }
}

function warningsFor({ origin, hostname }: URL, fallback: ProxyOptions['default']): readonly string[] {
  const isHere = /^(?:localhost|127\.[\d.]+|\[::1\])$/.test(hostname)
  return [
    ...(fallback === 'free'
      ? [
          'default: what no route names is free, a second spelling of a priced path too if the upstream answers it. Name what is free.',
        ]
      : []),
    ...(isHere
      ? []
      : [`upstream: whoever reaches ${origin} in another way pays nothing. Let nobody but this proxy connect to it.`]),
  ]
}

/** The options of a route, as a paywall takes them. */
function routeOptions({ page, ...options }: ProxyRouteOptions): RouteOptions {
  const made = page && (isPage(page) ? page : paywallPage(page === true ? {} : page))
  return { ...options, ...(made && { page: made }) }
}

const isPage = (page: object | true): page is PaywallPage => typeof page === 'object' && 'open' in page

/** What is opened must not stay open when the rest of the options is wrong. */
function orClose<T>(paywall: Paywall, make: () => T): T {
  try {
    return make()
  } catch (error) {
    void paywall.close({ timeoutMs: 1 })
    throw error
  }
}

/** A paywall knows its own options alone, and lists them when one is unknown. */
function orNameOwn<T>(make: () => T): T {
  try {
    return make()
  } catch (error) {
    if (!(error instanceof ConfigError) || !error.message.startsWith('Unknown option')) throw error
    throw new ConfigError(`${error.message} And of a proxy: ${OWN_OPTIONS.join(', ')}.`, { cause: error })
  }
}

/** Names the place of what is wrong with a part of the options. */
function at<T>(place: string, make: () => T): T {
  try {
    return make()
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    throw new ConfigError(`${place}: ${error.message}`, { cause: error })
  }
}

/** A request whose body somebody wants to read before it is served: its client has to send it first. */
function waited(request: PaywallRequest, goOn: () => void): PaywallRequest {
  const read = request.readBody?.bind(request)
  const readBody = async (limit: number) => {
    goOn()
    return read?.(limit)
  }
  return Object.assign(request, { readBody })
}

/** A change to websockets is what was paid for: an answer like any below 400. */
const forUpgrade = (paid: Paid): Paid => ({
  ...paid,
  begin: (status, existing) => paid.begin(status === 101 ? 200 : status, existing),
})

/** How clients reach us: as the operator says, or else as they say. */
function originFor(publicUrl: string | undefined): (req: IncomingMessage) => Origin {
  const known = publicUrl === undefined ? undefined : new URL(publicUrl)
  return ({ socket, headers }) => ({
    address: socket.remoteAddress,
    proto: known?.protocol.slice(0, -1) ?? 'http',
    host: known?.host ?? headers.host,
  })
}
