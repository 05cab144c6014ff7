/** A paywall: routes that are charged for, on top of one deployment. */
import { createAccess, type SoldPasses } from './access/index.ts'
import { openBacking } from './backing.ts'
import { type Answers, createAnswers } from './core/answer.ts'
import { harmless, type PaywallEvent } from './core/events.ts'
import type { Extension } from './core/extension.ts'
import { guard, type Outcome, type Route } from './core/guard.ts'
import { type PaywallRequest, targetOf } from './core/request.ts'
import type { Health } from './deployment.ts'
import { enrichOpenApi, type OpenApiDocument } from './discovery/openapi.ts'
import { type DiscoveredResource, describeResource, type Listing } from './discovery/resources.ts'
import { type SelfRoutes, selfRoutes } from './discovery/routes.ts'
import { ConfigError } from './errors.ts'
import { bazaar, methodOf } from './extensions/bazaar.ts'
import { createSigner } from './extensions/jws.ts'
import { offerReceipt } from './extensions/offer-receipt.ts'
import { askForIdentifier, paymentIdentifier } from './extensions/payment-identifier.ts'
import {
  checkOptions,
  checkRouteOptions,
  type FiatPrice,
  type PaywallOptions,
  processEnvironment,
  type RouteOptions,
  splitOptions,
  withEnvironment,
} from './options.ts'
import type { PaywallPage } from './page/page.ts'
import type { Pages } from './page/pages.ts'
import { fixedAccounts } from './pay-to.ts'
import { createPricing, fixedTerms, isFiat, priceText } from './pricing.ts'
import type { Network } from './rpc/index.ts'
import { PASS_HEADER } from './x402/pass.ts'
import { joinWires, SESSION_ONLY, versionsOf, WITHOUT_EXTENSIONS, type WireName } from './x402/wires.ts'

/** What a route asks: the same source as its 402s. */
export interface Description {
  readonly name: string
  readonly network: Network
  readonly schemes: readonly string[]
  readonly asset: 'XNO'
  /** In raw, without a tag. Undefined: it depends on the request, or on the rate of the day. */
  readonly amount: string | undefined
  /** The price in dollars, if it is in dollars. */
  readonly usd?: string
  /** Undefined: it depends on the request, or is one of the pool. */
  readonly payTo: string | undefined
  /** The accounts, if there are several. */
  readonly pool?: readonly string[]
  readonly maxTimeoutSeconds: number
  readonly description?: string
  readonly mimeType?: string
  /** x402's names of what goes with its payments. */
  readonly extensions: readonly string[]
}

/** A guarded route: one price, one account, one set of limits. */
export interface PaywallRoute {
  /** Decides about one request. Never rejects. */
  guard(request: PaywallRequest): Promise<Outcome>
  /** What it charges. Asks the facilitator, where there is one. @throws `FacilitatorError` when that does not say. */
  describe(): Promise<Description>
}

/** How a paywall is closed. */
export interface CloseOptions {
  /** How long requests that are being served may take to end. Default 30,000. */
  readonly timeoutMs?: number
}

/** One deployment: one store, one view of the network, one secret; any number of routes. */
export interface Paywall extends PaywallRoute {
  /** A route with options of its own; what they leave out is the instance's. @throws `ConfigError` (`ERR_CONFIG`) */
  route(options?: RouteOptions): PaywallRoute
  /** What the routes with a `discovery.path` charge, as x402 lists it. A price that needs a request is left out. */
  resources(): Promise<readonly DiscoveredResource[]>
  /** A copy of an OpenAPI document in which the operations of those routes say what they cost. */
  openapi<D extends OpenApiDocument>(document: D): Promise<D>
  /**
   * What the deployment says about itself: `/.well-known/x402`, `/discovery/resources`, `/.well-known/jwks.json` and
   * `/.nano402/status`. Undefined for every other request. Never gated: ask it before the paywall, as the adapters' `routes` do.
   */
  routes(): SelfRoutes
  /** The passes that its routes have sold. */
  readonly passes: SoldPasses
  /** How node, feed, store and secret are. Asks them. */
  health(): Promise<Health>
  /**
   * Answers every further request with 503 `shutting_down`, waits until those that paid have been answered, and frees the
   * connections. Claims stay as they are in the store.
   */
  close(options?: CloseOptions): Promise<void>
}

/**
 * Makes a paywall from options; what they leave out comes from the environment (`NANO402_...`).
 *
 * @throws {@link ConfigError} (`ERR_CONFIG`) naming what is missing or wrong, and the remedy.
 * @example
 * const shop = createPaywall({ payTo: 'nano_15nhh1kzw3x8ohez6s75wy3jr6dqgq65oaede1fzk5hqxk4j8ehz7iqtb3to', rpc: 'http://127.0.0.1:7076' })
 * const report = shop.route({ price: '0.001' })
 */
export function createPaywall(options: PaywallOptions = {}): Paywall {
  checkOptions(options)
  const environment = processEnvironment()
  const { route: given, deployment } = splitOptions(withEnvironment(options, environment))
  const emit = deployment.onEvent && harmless(deployment.onEvent)
  const wireNames = wiresFor(deployment)
  const wire = joinWires(wireNames)
  const isProduction = environment.NODE_ENV === 'production'
  const { network = 'nano:mainnet', publicUrl, realm = '', leaseMs = 30_000 } = deployment
  const origin = publicUrl === undefined ? '' : originOf(publicUrl)
  const backing = openBacking({ ...deployment, ...(emit && { onEvent: emit }) }, { isProduction, origin })
  const { depositAccount } = backing
  const isChannelOnly = depositAccount !== undefined && deployment.mechanisms?.every((one) => one === 'channel')
  const ownAccount = isChannelOnly ? depositAccount : backing.payTo
  const defaults = ownAccount === undefined ? given : { payTo: ownAccount, ...given }
  const answers = createAnswers(wire)
  const x402Versions = versionsOf(wireNames)
  const signer = signerFor(deployment)
  const access = createAccess({ realm, network, openBooks: backing.books, emit })
  const listings = new Map<string, Listing>()
  const rates = new Set<FiatPrice['rates']>()
  const traffic = createTraffic(answers)
  let pages: Pages | undefined
  const openPages = (page: PaywallPage): Pages => {
    const { claimWindowMs = 86_400_000, mechanisms = ['session'] } = deployment
    if (!mechanisms.includes('session')) {
      throw new ConfigError("The option page takes payments by their sessions: add 'session' to the option mechanisms.")
    }
    pages ??= page.open({ view: backing.view, origin, claimWindowMs })
    return pages
  }

  function createRoute(own: RouteOptions): PaywallRoute {
    const route = { ...defaults, ...own }
    const { maxTimeoutSeconds = 300, attempts = 3, handlerTimeoutMs = 300_000, priceBodyLimit = 0 } = route
    const { name = 'default', description, mimeType } = route
    requirePayable(route, wireNames)
    const fiat = isFiat(route.price) ? route.price : undefined
    const pageOptions = { ...route.page?.options, ...(fiat && { usd: fiat.usd }) }
    const maxTimeoutMs = maxTimeoutSeconds * 1000
    const pricing = {
      ...createPricing(route, isChannelOnly ? undefined : depositAccount),
      network,
      realm,
      priceBodyLimit,
      maxTimeoutMs,
      ...(fiat && { floats: true }),
    }
    const accounts = (route.payTo !== undefined && fixedAccounts(route.payTo)) || []
    if (isChannelOnly && accounts.length > 1) {
      throw new ConfigError("Channels take deposits at the wallet's account, and pay no pool: leave out payTo.")
    }
    for (const account of accounts) backing.watch(account)
    const { modes, unit } = deployment.channel ?? {}
    if (fiat && unit === undefined && modes && !modes.includes('voucher-ed25519')) {
      throw new ConfigError(
        'Tokens of one unit cannot follow a price in dollars: add voucher-ed25519 to channel.modes.',
      )
    }
    if (fiat) rates.add(fiat.rates)
    const { gates, pass, ...more } = access.route(route, {
      name: route.name,
      price: priceText(route.price),
      attempts,
      handlerTimeoutMs,
      priceBodyLimit,
    })
    const page = route.page && { pages: openPages(route.page), options: pageOptions, pricing }
    const extensions: readonly Extension[] = [
      ...(signer ? [offerReceipt(signer)] : []),
      ...(route.paymentIdentifier
        ? [paymentIdentifier(route.paymentIdentifier === true ? {} : route.paymentIdentifier, handlerTimeoutMs)]
        : depositAccount === undefined
          ? []
          : [askForIdentifier(isChannelOnly === true)]),
      ...(route.discovery ? [bazaar(route.discovery)] : []),
      ...more.extensions,
    ]
    const vary = [...(pass ? [PASS_HEADER] : []), ...(page ? ['Accept', 'Cookie'] : [])]
    const rules: Omit<Route, 'cashier'> = {
      name,
      extensions,
      network,
      wire,
      gates,
      pass,
      answers: vary.length > 0 ? createAnswers(wire, { vary, expose: pass ? [PASS_HEADER] : [] }) : answers,
      leaseMs,
      handlerTimeoutMs,
      accepted: async () => ({ x402Versions, schemes: await backing.schemes(), networks: [network], assets: ['XNO'] }),
      resource: (request) => ({
        url: resourceUrl(origin, request),
        ...(description !== undefined && { description }),
        ...(mimeType !== undefined && { mimeType }),
      }),
      emit(event) {
        traffic.hear(event)
        emit?.(event)
      },
    }
    const cashier = backing.cashier({ ...pricing, name, extensions, attempts, leaseMs, emit })
    let complete: Route | undefined
    const completed = async () => {
      complete ??= { ...rules, cashier: await cashier() }
      return complete
    }
    const { discovery } = route
    if (discovery?.path !== undefined) {
      const { path } = discovery
      const options = { ...discovery, path }
      const about = { options, usd: fiat?.usd, accounts, listedAtMs: Date.now() }
      listings.set(`${methodOf(discovery)} ${path}`, { ...about, route: completed })
    }
    return {
      guard: (request) =>
        traffic.enter(async () => {
          const ready = complete ?? (await completed().catch(() => undefined))
          if (!ready) return answers.refusal('store_unavailable')
          return page ? page.pages.guard(request, ready, page) : guard(request, ready)
        }),
      describe: async () => ({
        name,
        network,
        schemes: await backing.schemes(),
        asset: 'XNO',
        ...fixedTerms(route, accounts),
        maxTimeoutSeconds,
        ...(description !== undefined && { description }),
        ...(mimeType !== undefined && { mimeType }),
        extensions: extensions.map((extension) => extension.name),
      }),
    }
  }

  async function resources(): Promise<readonly DiscoveredResource[]> {
    const items = await Promise.all([...listings.values()].map(describeResource))
    return items.filter((item) => item !== undefined)
  }

  const publicKeys = async () => signer?.publicKeys() ?? []
  const self = selfRoutes({ resources, health: backing.health, publicKeys })

  let own: PaywallRoute | undefined
  const ownRoute = () => {
    own ??= createRoute({})
    return own
  }
  return {
    guard: (request) => ownRoute().guard(request),
    describe: async () => ownRoute().describe(),
    route(routeOptions = {}) {
      checkRouteOptions(routeOptions)
      return Object.keys(routeOptions).length === 0 ? ownRoute() : createRoute(routeOptions)
    },
    resources,
    openapi: async (document) =>
      enrichOpenApi(
        document,
        await Promise.all(
          [...listings.values()].map(async (listing) => ({
            method: methodOf(listing.options),
            path: listing.options.path,
            usd: listing.usd,
            resource: await describeResource(listing),
          })),
        ),
      ),
    routes: () => self,
    passes: access.passes,
    health: backing.health,
    async close({ timeoutMs = 30_000 } = {}) {
      await traffic.drain(timeoutMs)
      pages?.close()
      for (const one of rates) one.close()
      await backing.close()
    },
  }
}

/** The forms that are spoken. One that can offer sessions alone needs them to be offered. */
function wiresFor({ wire = ['x402'], mechanisms = ['session'] }: PaywallOptions): readonly WireName[] {
  const old = wire.find((name) => SESSION_ONLY.includes(name))
  if (old === undefined || mechanisms.some((mechanism) => mechanism === 'session' || typeof mechanism === 'object')) {
    return wire
  }
  throw new ConfigError(`The form ${old} (option wire) offers sessions alone: add 'session' to the option mechanisms.`)
}

/** A form that cannot carry an identifier has no way to pay where one is required. */
function requirePayable({ paymentIdentifier: identifier }: RouteOptions, wireNames: readonly WireName[]): void {
  const old = wireNames.find((name) => WITHOUT_EXTENSIONS.includes(name))
  if (old === undefined || typeof identifier !== 'object' || !identifier.required) return
  throw new ConfigError(
    `The form ${old} (NANO402_WIRE, option wire) carries no payment identifier, so nobody could pay by it where one is ` +
      'required: leave out the form, or paymentIdentifier.required.',
  )
}

/** Counts what is under way, so that a process can end without cutting off a payer. */
function createTraffic(answers: Answers) {
  let underWay = 0
  let closing = false
  let empty: () => void = () => {}
  const leave = () => {
    underWay--
    if (underWay === 0) empty()
  }
  return {
    /** Decides about a request, unless the process is about to end. */
    async enter(decide: () => Promise<Outcome>): Promise<Outcome> {
      if (closing) return answers.refusal('shutting_down')
      underWay++
      try {
        return await decide()
      } finally {
        leave()
      }
    },
    /** A granted request is under way until it is known what became of it. */
    hear({ type }: PaywallEvent): void {
      if (type === 'granted') underWay++
      else if (type === 'delivered' || type === 'undelivered') leave()
    },
    async drain(timeoutMs: number): Promise<void> {
      closing = true
      let timer: ReturnType<typeof setTimeout> | undefined
      const drained = new Promise<void>((resolve) => {
        if (underWay === 0) return resolve()
        empty = resolve
        timer = setTimeout(resolve, timeoutMs)
      })
      await drained
      clearTimeout(timer)
      await new Promise((resolve) => setTimeout(resolve)) // what the last answer left to note is noted
    },
  }
}

/** Signs offers and receipts, if there is a key. */
function signerFor({ receipts, publicUrl }: PaywallOptions) {
  if (receipts === undefined) return undefined
  if (publicUrl === undefined) {
    throw new ConfigError(
      'Receipts say which resource was paid for, and need its origin: set NANO402_PUBLIC_URL (option publicUrl).',
    )
  }
  return createSigner(typeof receipts === 'string' ? [receipts] : receipts)
}

/** `https://host:port` of a URL, or why it is none. */
function originOf(publicUrl: string): string {
  const url = URL.canParse(publicUrl) ? new URL(publicUrl) : undefined
  if (!url || !/^https?:$/.test(url.protocol)) {
    throw new ConfigError('NANO402_PUBLIC_URL (option publicUrl) must be an origin such as https://api.example.com.')
  }
  return url.origin
}

const MAX_TARGET = 2_048

/** Where the resource is, for people to read. Without an origin of ours it is a path: the Host header is anybody's. */
function resourceUrl(origin: string, request: PaywallRequest): string {
  const target = targetOf(request)
  // A very long one would make the 402's header too long to be sent.
  const short = target.length <= MAX_TARGET ? target : (target.split('?')[0] ?? '/').slice(0, MAX_TARGET)
  // Two slashes at the start of a reference would name another host.
  return origin === '' && short.startsWith('//') ? `/.${short}` : origin + short
}
