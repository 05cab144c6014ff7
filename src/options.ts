/** Options and environment, checked: everything that can be set, what it defaults to, and what to do when it is wrong. */
import type { AccessOptions } from './access/options.ts'
import type { EventListener } from './core/events.ts'
import type { Mechanism } from './core/mechanism.ts'
import type { RequestView } from './core/price.ts'
import type { Store } from './core/store.ts'
import { ConfigError } from './errors.ts'
import type { DiscoveryOptions } from './extensions/bazaar.ts'
import type { PaymentIdentifierOptions } from './extensions/payment-identifier.ts'
import { CHANNEL, MECHANISM_NAMES, type MechanismName } from './mechanisms/names.ts'
import type { PaywallPage } from './page/page.ts'
import type { FacilitatorAddress } from './remote/ask.ts'
import type { Endpoint, NanoNode, Network } from './rpc/index.ts'
import { WIRE_NAMES, type WireName } from './x402/wires.ts'
import * as z from './zod.ts'

/** `'0.001'` or `'0.001 XNO'`, or `{ raw }` with a bigint or decimal digits. Never a number. */
export type Price = string | { readonly raw: bigint | string }

/** A price in dollars, by the rate of the moment in which it is offered. An offer keeps its amount until it expires. */
export interface FiatPrice {
  /** Dollars as decimal text, such as `'0.01'`. */
  readonly usd: string
  /** `rates({ sources })` of `nano402/rates`. */
  readonly rates: {
    /** What so many dollars are in raw. Throws or rejects where there is no rate: nobody is served then. */
    toRaw(usd: string): bigint | Promise<bigint>
    /** Ends what it does by itself. */
    close(): void
  }
}

/** What may differ from route to route. */
export interface RouteOptions extends AccessOptions {
  /** [NANO402_PRICE] What one request costs, or a function that says so. Required. */
  readonly price?: Price | FiatPrice | ((request: RequestView) => Price | FiatPrice | Promise<Price | FiatPrice>)
  /** [NANO402_PAY_TO, comma-separated] The account that is paid, `pool(accounts)`, or a function that says so. Required. */
  readonly payTo?: string | ((request: RequestView) => string | Promise<string>)
  /** Names the route in events, metrics and traces. Default `default`. */
  readonly name?: string
  /** What is sold, for people. */
  readonly description?: string
  /** The media type of what is sold. */
  readonly mimeType?: string
  /** For how long an offer is good, in seconds. Default 300. */
  readonly maxTimeoutSeconds?: number
  /** How many handler runs one payment buys at most, while none succeeds. Default 3; 1 for routes with side effects. */
  readonly attempts?: number
  /** How long a handler may take to start its answer. Default 300,000. */
  readonly handlerTimeoutMs?: number
  /** Longest body that functions of the request (`price`, `validate`, `skip`) may read, in bytes. Default 0: they may not. */
  readonly priceBodyLimit?: number
  /**
   * x402's `payment-identifier`: a request made again under its id gets the answer that it got. Default false. The options
   * say whether an id is required, and how much of an answer is stored for how long.
   */
  readonly paymentIdentifier?: boolean | PaymentIdentifierOptions
  /**
   * A page for people in place of JSON, where a browser asks: what is sold, a QR code, and the content once it is paid.
   * `paywallPage()` of `nano402/page` makes one. Default: none.
   */
  readonly page?: PaywallPage
  /** How the route is asked and what it answers, for x402's `bazaar` and, with a `path`, for `/.well-known/x402`. */
  readonly discovery?: DiscoveryOptions
}

/** What one deployment shares: calls with equal deployment options share one instance. */
export interface DeploymentOptions {
  /**
   * [NANO402_FACILITATOR, NANO402_FACILITATOR_TOKEN] A facilitator that makes the offers and takes the payments, in place
   * of a node, a store and a secret of one's own: its URL, or `{ url, token, timeoutMs }`.
   */
  readonly facilitator?: string | FacilitatorAddress
  /** [NANO402_RPC_URL, comma-separated] Nano nodes: URLs, `{ url, headers, key }`, or objects with `call`. Required. */
  readonly rpc?: RpcOption | readonly RpcOption[]
  /** [NANO402_WS_URL] A node's websocket, which ends the wait for a confirmation early. */
  readonly ws?: string
  /** [NANO402_NETWORK] Default `nano:mainnet`. */
  readonly network?: Network
  /**
   * [NANO402_STORE] `memory` (default), `sqlite:<path>`, `redis://...`, `https://:<token>@<host>` (Redis over REST), or an
   * object of the `Store` interface. With a facilitator, which has the claims, it keeps the answers of `paymentIdentifier`,
   * and counts for `pass` and `free`.
   */
  readonly store?: string | Store
  /** Lets production run on the memory store, which forgets at every start which payments were used. */
  readonly allowVolatileStore?: boolean
  /** [NANO402_SECRET, comma-separated] At least 32 bytes each. The first seals, all verify. Required in production. */
  readonly secret?: string | readonly string[]
  /**
   * [NANO402_RECEIPT_KEY, comma-separated] 64 hex digits each: x402's `offer-receipt`. Offers and receipts are signed with
   * the first; the public keys of all are at `/.well-known/jwks.json`. Needs `publicUrl`. Default: none is signed.
   */
  readonly receipts?: string | readonly string[]
  /** [NANO402_PUBLIC_URL] The origin that clients know us by. Channels need it in production: theirs is fixed when they open. */
  readonly publicUrl?: string
  /** Separates deployments that share a secret. */
  readonly realm?: string
  /** For how long after its expiry a session's payment is still taken. Default 86,400,000 (24 h). */
  readonly claimWindowMs?: number
  /** How long a request waits for its payment to be confirmed. Default 5,000. */
  readonly confirmTimeoutMs?: number
  /** After how long a killed process's claims are free again. Default 30,000. */
  readonly leaseMs?: number
  /** How many of the nodes must call a payment confirmed. Default 1. */
  readonly quorum?: number
  /**
   * Ways to pay, each an offer in the 402: names, or objects of the `Mechanism` interface. Default `['session']`. `'channel'`
   * takes deposits, and needs `wallet`.
   */
  readonly mechanisms?: readonly (MechanismName | typeof CHANNEL | Mechanism)[]
  /**
   * [NANO402_WALLET_SEED and NANO402_WALLET_INDEX, or NANO402_WALLET_KEY] The account that deposits of channels are sent to,
   * and refunds from. It must be used for nothing else.
   */
  readonly wallet?: WalletOption
  /** The terms on which channels are offered. */
  readonly channel?: ChannelOptions
  /**
   * [NANO402_WIRE, comma-separated] The forms in which payments are asked for and presented: `'x402'` (version 2),
   * `'x402-v1'`, `'nanosession-3'`, `'nanosession-5'`, `'nanosession-7'`. Default `['x402']`.
   */
  readonly wire?: readonly WireName[]
  /** Told of each change of state, and of each call to node and store with its duration. */
  readonly onEvent?: EventListener
}

/** The account that holds the deposits of channels, by its seed or its key. */
export interface WalletOption {
  /** 64 hex digits. Either this or `key`. */
  readonly seed?: string
  /** Which account of the seed. Default 0. */
  readonly index?: number
  /** A private key, 64 hex digits. Either this or `seed`. */
  readonly key?: string
  /** [NANO402_WORK] Where the proof of work for refunds comes from: `'node'` (default), `'cpu'`, a URL, or a function. */
  readonly work?: string | ((root: string, threshold: string, signal: AbortSignal) => Promise<string>)
  /** Named in every block. Default: the one that the account has. */
  readonly representative?: string
}

/** Amounts as prices are written. */
export interface ChannelOptions {
  /** How payments may be made. Default: both. */
  readonly modes?: readonly ('payword-sha256' | 'voucher-ed25519')[]
  /** What a PayWord token is worth. Default: the price of the request that the offer goes with. */
  readonly unit?: Price
  /** The smallest deposit. Default 0.01 XNO. */
  readonly minDeposit?: Price
  /** The deposit that is suggested. Default: a hundred times the price, within the other two. */
  readonly suggestedDeposit?: Price
  /** The largest deposit. Default 10 XNO. */
  readonly maxDeposit?: Price
  /** How far a token may be from the best one: what one request may cost in hashing. Default, and at most, 1,024. */
  readonly maxStep?: number
  /** The longest PayWord chain. Default, and at most, 1,048,576. */
  readonly maxK?: number
  /** How long a channel lives. Default 86,400 (a day). */
  readonly ttlSeconds?: number
  /** How long payments that were begun may take to end when a channel does. Default 300. */
  readonly closeGraceSeconds?: number
  /**
   * Who holds the deposits in our place: each locks an amount for a channel, and signs a certificate that is checked offline.
   * `publicKey` is the issuer's `issuer` of `GET /`. Default: none, and we hold them ourselves. The `wallet` is then the
   * account that issuers credit, and must be none that has taken deposits.
   */
  readonly issuers?: readonly { readonly url: string; readonly publicKey: string }[]
  /** How long a certificate has to leave us to redeem, after the channel's expiry and its `closeGraceSeconds`. Default 3,600. */
  readonly minSettleSeconds?: number
  /** From when on what is ours with an issuer is paid out to the wallet's account. Default 1 XNO. */
  readonly withdrawFrom?: Price
  /** How long a stream waits for a client that is asked to authorise more. Default 30. */
  readonly authorizeSeconds?: number
  /** How often expired channels are closed, and deposits that nobody opened given back. Default 60. */
  readonly sweepSeconds?: number
}

/** A Nano node: its URL, its URL with headers or a key, or an object with `call`. */
export type RpcOption = string | Endpoint | NanoNode
/** Every option of a paywall. What is left out comes from the environment. */
export type PaywallOptions = RouteOptions & DeploymentOptions

/** The environment variables that stand in for options. */
export type Environment = Readonly<Record<string, string | undefined>>

/** The shapes of the options. Made when the first paywall is: an import should cost little. */
function makeSchemas() {
  const func = z.custom<(...parts: never[]) => unknown>((value) => typeof value === 'function')
  const objectWith = (...methods: string[]) =>
    z.custom<object>(
      (value) =>
        typeof value === 'object' &&
        value !== null &&
        methods.every((method) => typeof (value as Record<string, unknown>)[method] === 'function'),
    )
  const ms = z.int().check(z.gte(1), z.lte(10 * 365 * 86_400_000))
  const bytes = z.int().check(z.gte(1), z.lte(10_000_000))
  const anyObject = z.record(z.string(), z.unknown())
  const count = z.int().check(z.gte(1), z.lte(1_000_000))
  const rpcOption = z.union([
    z.string(),
    objectWith('call'),
    z.strictObject({
      url: z.string(),
      headers: z.optional(z.record(z.string(), z.string())),
      key: z.optional(z.string()),
    }),
  ])

  const route = {
    price: z.optional(
      z.union([
        z.string(),
        z.strictObject({ raw: z.union([z.bigint(), z.string()]) }),
        z.strictObject({
          usd: z.string().check(z.regex(/^(?![0.]*$)(0|[1-9]\d{0,8})(\.\d{1,30})?$/)),
          rates: objectWith('toRaw', 'close'),
        }),
        func,
      ]),
    ),
    payTo: z.optional(z.union([z.string(), func])),
    name: z.optional(z.string()),
    description: z.optional(z.string()),
    mimeType: z.optional(z.string()),
    maxTimeoutSeconds: z.optional(z.int().check(z.gte(1), z.lte(86_400))),
    attempts: z.optional(count),
    handlerTimeoutMs: z.optional(ms),
    priceBodyLimit: z.optional(z.int().check(z.gte(0), z.lte(100_000_000))),
    paymentIdentifier: z.optional(
      z.union([
        z.boolean(),
        z.strictObject({
          required: z.optional(z.boolean()),
          maxBytes: z.optional(bytes),
          maxBodyBytes: z.optional(bytes),
          keepMs: z.optional(ms),
        }),
      ]),
    ),
    page: z.optional(objectWith('open')),
    validate: z.optional(func),
    skip: z.optional(func),
    pass: z.optional(
      z.strictObject({
        uses: z.int().check(z.gte(2), z.lte(1_000_000)),
        ttlMs: ms,
        scope: z.optional(z.string()),
        by: z.optional(func),
        path: z.optional(z.string().check(z.regex(/^\/[^;,\s]*$/))),
      }),
    ),
    free: z.optional(z.strictObject({ perDay: count, by: func })),
    discovery: z.optional(
      z.strictObject({
        path: z.optional(z.string().check(z.regex(/^\/[^?#\s]*$/))),
        method: z.optional(z.string().check(z.regex(/^[A-Z]+$/))),
        queryParams: z.optional(anyObject),
        pathParams: z.optional(anyObject),
        bodyType: z.optional(z.enum(['json', 'form-data', 'text'])),
        body: z.optional(anyObject),
        inputSchema: z.optional(anyObject),
        output: z.optional(
          z.strictObject({
            type: z.optional(z.string()),
            example: z.optional(z.unknown()),
            schema: z.optional(anyObject),
          }),
        ),
      }),
    ),
  }
  const deployment = {
    facilitator: z.optional(
      z.union([
        z.string(),
        z.strictObject({ url: z.string(), token: z.optional(z.string()), timeoutMs: z.optional(ms) }),
      ]),
    ),
    rpc: z.optional(z.union([rpcOption, z.array(rpcOption).check(z.minLength(1))])),
    ws: z.optional(z.string()),
    network: z.optional(z.enum(['nano:mainnet', 'nano:devnet'])),
    store: z.optional(
      z.union([z.string(), objectWith('claim', 'renew', 'commit', 'release', 'inspect', 'epochMs', 'read', 'write')]),
    ),
    allowVolatileStore: z.optional(z.boolean()),
    secret: z.optional(z.union([z.string(), z.array(z.string()).check(z.minLength(1))])),
    receipts: z.optional(z.union([z.string(), z.array(z.string()).check(z.minLength(1))])),
    publicUrl: z.optional(z.string()),
    realm: z.optional(z.string()),
    claimWindowMs: z.optional(ms),
    confirmTimeoutMs: z.optional(ms),
    leaseMs: z.optional(ms),
    quorum: z.optional(count),
    onEvent: z.optional(func),
    wire: z.optional(z.array(z.enum(WIRE_NAMES)).check(z.minLength(1))),
    mechanisms: z.optional(
      z
        .array(z.union([z.enum([...MECHANISM_NAMES, CHANNEL]), objectWith('offer', 'read', 'verify')]))
        .check(z.minLength(1)),
    ),
    // What is in them is looked at where there are channels.
    wallet: z.optional(anyObject),
    channel: z.optional(anyObject),
  }
  return { options: z.strictObject({ ...route, ...deployment }), routeOptions: z.strictObject(route) }
}
let made: ReturnType<typeof makeSchemas> | undefined
const schemas = () => {
  made ??= makeSchemas()
  return made
}

/** What each option is, for the message that says it is wrong. */
const EXPECTED: Readonly<Record<string, string>> = {
  price: "text such as '0.001' (XNO), { raw }, { usd: '0.01', rates }, or a function of the request",
  payTo: 'a Nano account, pool(accounts), or a function of the request',
  maxTimeoutSeconds: 'an integer from 1 to 86400, in seconds',
  attempts: 'an integer of at least 1',
  priceBodyLimit: 'an integer of at least 0, in bytes',
  facilitator: 'its URL, or { url, token, timeoutMs }',
  rpc: 'node URLs, { url, headers, key }, or objects with a call method',
  network: "'nano:mainnet' or 'nano:devnet'",
  store: "'memory', 'sqlite:<path>', 'redis://...', 'https://...', or an object of the Store interface",
  secret: 'text of 32 bytes or more, or a list [current, previous]',
  quorum: 'an integer of at least 1',
  wire: `a list of ${WIRE_NAMES.join(', ')}`,
  paymentIdentifier: 'true, or what PaymentIdentifierOptions says',
  page: 'paywallPage(...) of nano402/page',
  validate: 'a function of the request',
  skip: 'a function of the request',
  pass: '{ uses, ttlMs }, from 2 uses on, with scope, by, path if you like',
  free: '{ perDay, by }, by a function of the request',
  discovery: "what DiscoveryOptions says, with a path such as '/items/:id'",
  receipts: '64 hex digits, or a list [current, previous]',
  mechanisms: `a list of ${[...MECHANISM_NAMES, CHANNEL].join(', ')}, or objects of the Mechanism interface`,
  wallet: '{ seed, index } or { key }',
  channel: 'an object of terms',
}

function check(schema: z.ZodMiniType & { readonly shape: object }, options: unknown): void {
  const result = schema.safeParse(options)
  if (result.success) return
  const [issue] = result.error.issues
  if (issue?.code === 'unrecognized_keys' && issue.path.length === 0) {
    throw new ConfigError(`Unknown option ${issue.keys[0]}. Known options: ${Object.keys(schema.shape).join(', ')}.`)
  }
  const name = String(issue?.path[0] ?? 'options')
  const expected = EXPECTED[name] ?? (name.endsWith('Ms') ? 'an integer of milliseconds, at least 1' : 'another type')
  throw new ConfigError(`Option ${name} is not what it should be: expected ${expected}.`)
}

/**
 * Checks options by shape.
 *
 * @throws {@link ConfigError} (`ERR_CONFIG`) naming the first that is unknown or wrong.
 * @example
 * checkOptions({ price: '0.001' })
 */
export const checkOptions = (options: PaywallOptions): void => check(schemas().options, options)
export const checkRouteOptions = (options: RouteOptions): void => check(schemas().routeOptions, options)

const isRouteOption = (name: string) => name in schemas().routeOptions.shape

/** Parts a call's options into those of the route and those of the deployment. */
export function splitOptions(options: PaywallOptions): { route: RouteOptions; deployment: DeploymentOptions } {
  const entries = Object.entries(options).filter(([, value]) => value !== undefined)
  return {
    route: Object.fromEntries(entries.filter(([name]) => isRouteOption(name))),
    deployment: Object.fromEntries(entries.filter(([name]) => !isRouteOption(name))),
  }
}

/** What a facilitator decides in our place, and what says so in the environment. */
export const FACILITATORS_OWN = {
  ...{ rpc: 'NANO402_RPC_URL', ws: 'NANO402_WS_URL', secret: 'NANO402_SECRET' },
  ...{ quorum: '', mechanisms: '', confirmTimeoutMs: '', claimWindowMs: '' },
  ...{ wallet: 'NANO402_WALLET_SEED', channel: '' },
} as const satisfies Partial<Record<keyof DeploymentOptions, string>>

/** Lets the environment stand in for what the options leave out. */
export function withEnvironment(options: PaywallOptions, environment: Environment): PaywallOptions {
  const list = (text: string | undefined) => text?.split(',').map((part) => part.trim())
  const fromEnvironment = {
    payTo: environment.NANO402_PAY_TO,
    price: environment.NANO402_PRICE,
    rpc: list(environment.NANO402_RPC_URL || undefined),
    ws: environment.NANO402_WS_URL,
    network: environment.NANO402_NETWORK,
    store: environment.NANO402_STORE,
    secret: list(environment.NANO402_SECRET || undefined),
    receipts: list(environment.NANO402_RECEIPT_KEY || undefined),
    publicUrl: environment.NANO402_PUBLIC_URL,
    wallet: walletIn(environment),
    wire: list(environment.NANO402_WIRE || undefined),
  }
  const given = Object.entries(fromEnvironment).filter(
    ([name, value]) =>
      value && options[name as 'rpc'] === undefined && !(options.facilitator !== undefined && name in FACILITATORS_OWN),
  )
  for (const [name, value] of given) {
    if (name === 'wire' && !list(environment.NANO402_WIRE)?.every(isWireName)) {
      throw new ConfigError(`NANO402_WIRE must be a list of ${WIRE_NAMES.join(', ')}.`)
    }
    if (name === 'network' && value !== 'nano:mainnet' && value !== 'nano:devnet') {
      throw new ConfigError("NANO402_NETWORK must be 'nano:mainnet' or 'nano:devnet'.")
    }
  }
  const facilitator = facilitatorIn(options.facilitator, environment)
  return { ...options, ...(Object.fromEntries(given) as PaywallOptions), ...(facilitator && { facilitator }) }
}

/** The wallet, if the environment has one. */
function walletIn(environment: Environment): WalletOption | undefined {
  const { NANO402_WALLET_SEED: seed, NANO402_WALLET_KEY: key, NANO402_WALLET_INDEX, NANO402_WORK: work } = environment
  if (!seed && !key) return undefined
  const index = NANO402_WALLET_INDEX ? { index: Number(NANO402_WALLET_INDEX) } : undefined
  return { ...(seed && { seed }), ...(key && { key }), ...index, ...(work && { work }) }
}

const isWireName = (name: string): boolean => (WIRE_NAMES as readonly string[]).includes(name)

/** The facilitator, with its token from the environment where code names none. */
function facilitatorIn(given: DeploymentOptions['facilitator'], environment: Environment) {
  const { url = environment.NANO402_FACILITATOR, ...more } = typeof given === 'string' ? { url: given } : (given ?? {})
  const token = environment.NANO402_FACILITATOR_TOKEN
  return url ? { url, ...(token && { token }), ...more } : undefined
}

/** The process's environment, where there is a process. */
export const processEnvironment = (): Environment =>
  (globalThis as { process?: { env?: Environment } }).process?.env ?? {}
