/** What a proxy is told: where the upstream is, which paths cost what, and all that a paywall takes. */
import { ConfigError } from '../errors.ts'
import type { DeploymentOptions, RouteOptions } from '../index.ts'
import type { PageOptions, PaywallPage } from '../page/index.ts'
import * as z from '../zod.ts'
import type { CorsOption } from './cors.ts'
import type { RoutePattern } from './routes.ts'

interface PageOption {
  /** A page for people where a browser asks: `true`, how it looks, or `paywallPage()`. Default: none. */
  readonly page?: boolean | PageOptions | PaywallPage
}

/** A route's own options. What they leave out is the proxy's. */
export type ProxyRouteOptions = Omit<RouteOptions, 'page'> & PageOption

/** Some paths, and what they cost. */
export interface ProxyRoute extends Omit<ProxyRouteOptions, 'free'>, RoutePattern {
  /** `true`: whoever asks is served. Or how many requests a day are: `{ perDay, by }`. */
  readonly free?: boolean | NonNullable<RouteOptions['free']>
}

/** What a failure of the upstream was. */
export interface UpstreamFault {
  readonly code: 'upstream_unavailable' | 'upstream_timeout'
  /** The name of the route. */
  readonly route: string
  /** For a log. */
  readonly message: string
}

export interface ProxyOptions extends DeploymentOptions, ProxyRouteOptions {
  /** Where requests are sent on to, such as `http://localhost:8080`. A path stands before each request's own. */
  readonly upstream: string
  /** The first that matches counts. */
  readonly routes?: readonly ProxyRoute[]
  /** What no route names: `'deny'` (404, the default), `'free'`, or a price for all of it. */
  readonly default?: 'deny' | 'free' | ProxyRouteOptions
  /** The `Host` that the upstream gets: its own (`'upstream'`, the default), the client's (`'client'`), or this one. */
  readonly host?: string
  /** Whether `X-Forwarded-...` of a request is true, because only a proxy of ours can reach this one. Default false. */
  readonly trustProxy?: boolean
  /** Origins whose scripts may read what is answered and ask for more: `'*'`, or a list. Default: what the upstream says. */
  readonly cors?: CorsOption
  /** How long the upstream may take to begin an answer. Default 60,000. */
  readonly upstreamTimeoutMs?: number
  /** Told when the upstream fails. */
  readonly onUpstreamFault?: (fault: UpstreamFault) => void
}

/** What a proxy has beside the options of a paywall, as a file has them. */
export const OWN_OPTIONS = [
  'upstream',
  'routes',
  'default',
  'host',
  'trustProxy',
  'cors',
  'upstreamTimeoutMs',
  'rates',
] as const

const EXPECTED: Readonly<Record<string, string>> = {
  upstream: 'a URL such as http://localhost:8080',
  routes: 'a list such as [{ path: /report, price: "0.001" }]',
  default: "'deny', 'free' or { price: '0.001' }",
  host: "'upstream', 'client' or a host's name",
  trustProxy: 'true or false',
  cors: "'*', or a list of origins such as https://app.example.com",
  upstreamTimeoutMs: 'an integer of milliseconds, at least 1',
  path: 'a path such as /report, /items/:id or /files/*',
  methods: 'a list such as [GET, POST], in capitals',
  free: 'true, or { perDay: 10 }',
  page: 'true, or what docs/page.md says',
}

function makeSchemas() {
  const object = z.record(z.string(), z.unknown())
  const page = z.optional(z.union([z.boolean(), object]))
  const route = z.object({
    path: z.string(),
    methods: z.optional(z.array(z.string().check(z.regex(/^[A-Z]+$/))).check(z.minLength(1))),
    free: z.optional(z.union([z.boolean(), object])),
    page,
  })
  const proxy = z.object({
    upstream: z.string(),
    routes: z.optional(z.array(route)),
    default: z.optional(z.union([z.literal('deny'), z.literal('free'), object])),
    host: z.optional(z.string().check(z.minLength(1))),
    trustProxy: z.optional(z.boolean()),
    cors: z.optional(z.union([z.literal('*'), z.array(z.string().check(z.regex(/^https?:\/\/[^/\s]+$/)))])),
    upstreamTimeoutMs: z.optional(z.int().check(z.gte(1), z.lte(2_147_483_647))),
    onUpstreamFault: z.optional(z.custom<unknown>((value) => typeof value === 'function')),
    page,
  })
  return { route, proxy }
}

/** Options taken apart: what is about the proxy itself, and what is its paywall's. */
export interface CheckedOptions {
  readonly own: Pick<ProxyOptions, 'host' | 'trustProxy' | 'cors' | 'upstreamTimeoutMs' | 'onUpstreamFault'>
  readonly upstream: URL
  readonly routes: readonly CheckedRoute[]
  readonly fallback: 'deny' | 'free' | ProxyRouteOptions
  readonly paywall: DeploymentOptions & ProxyRouteOptions
}

export interface CheckedRoute {
  readonly pattern: RoutePattern
  /** Undefined: it is free. */
  readonly options: ProxyRouteOptions | undefined
}

/** Checks what is the proxy's own; the rest is checked where it is used. @throws {@link ConfigError} (`ERR_CONFIG`) with its place. */
export function checkProxyOptions(options: ProxyOptions): CheckedOptions {
  const result = makeSchemas().proxy.safeParse(options)
  if (!result.success) throw wrong(result.error.issues[0]?.path ?? [])
  const { upstream, routes = [], default: fallback = 'deny', ...more } = options
  const { host, trustProxy, cors, upstreamTimeoutMs, onUpstreamFault, ...paywall } = more
  const given = { host, trustProxy, cors, upstreamTimeoutMs, onUpstreamFault }
  return {
    own: Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined)),
    upstream: upstreamUrl(upstream),
    routes: routes.map(checkRoute),
    fallback,
    paywall,
  }
}

function checkRoute({ path, methods, free, ...options }: ProxyRoute, i: number): CheckedRoute {
  const pattern = { path, ...(methods && { methods }) }
  if (free !== true) return { pattern, options: { ...options, ...(free && { free }) } }
  const [besides] = Object.keys(options).filter((name) => name !== 'description' && name !== 'name')
  if (besides === undefined) return { pattern, options: undefined }
  throw new ConfigError(`routes[${i}].${besides}: the route is free. Leave out this, or free.`)
}

function wrong(path: readonly PropertyKey[]): ConfigError {
  const place = path.map((part) => (typeof part === 'number' ? `[${part}]` : `.${String(part)}`)).join('')
  const name = path.findLast((part) => typeof part === 'string' && part in EXPECTED)
  return new ConfigError(`${place.replace(/^\./, '')}: expected ${EXPECTED[String(name)] ?? 'another type'}.`)
}

function upstreamUrl(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined
  const isPlain = url && /^https?:$/.test(url.protocol) && !url.username && !url.password && !url.search && !url.hash
  if (!isPlain) throw wrong(['upstream'])
  return url
}
