/** Composition: from options and environment to an instance. */
import { announce } from '#announce'
import { embedDevnet } from '#devnet/embed'
import { openStore } from '#stores/open'
import { refusalAnswer } from './core/answer.ts'
import { guard, type Outcome, type Route } from './core/guard.ts'
import type { Mechanism } from './core/mechanism.ts'
import { type PaywallRequest, targetOf } from './core/request.ts'
import { createSeal } from './core/seal.ts'
import type { Store } from './core/store.ts'
import { ConfigError } from './errors.ts'
import { sessionMechanism } from './mechanisms/session/session.ts'
import { nanoAddress } from './nano/index.ts'
import {
  checkOptions,
  checkRouteOptions,
  type DeploymentOptions,
  type PaywallOptions,
  processEnvironment,
  type RouteOptions,
  type RpcOption,
  splitOptions,
  withEnvironment,
} from './options.ts'
import { createPricing } from './pricing.ts'
import { createFeed, createLedger, createRpc, type Network } from './rpc/index.ts'
import { mac, randomKey, sealKey } from './secret.ts'
import { memoryStore } from './stores/memory.ts'

/** What a paywall charges: the same source as its 402s. */
export interface Description {
  readonly network: Network
  readonly schemes: readonly string[]
  readonly asset: 'XNO'
  readonly maxTimeoutSeconds: number
}

/** How an instance's parts are. */
export interface Health {
  readonly store: { readonly ok: boolean; readonly durable: boolean }
  readonly feed: 'off' | 'connecting' | 'open' | 'down'
}

/** A guarded route: one price, one account, one set of limits. */
export interface PaywallRoute {
  /** Decides about one request. Never rejects. */
  guard(request: PaywallRequest): Promise<Outcome>
  /** What it charges. */
  describe(): Description
}

/** One deployment: one store, one view of the network, one secret; any number of routes. */
export interface Paywall extends PaywallRoute {
  /** A route with options of its own; what they leave out is the instance's. @throws `ConfigError` (`ERR_CONFIG`) */
  route(options?: RouteOptions): PaywallRoute
  health(): Promise<Health>
  /** Frees connections. Claims stay as they are. */
  close(): Promise<void>
}

/**
 * Makes a paywall from options; what they leave out comes from the environment (`NANO402_...`).
 *
 * @throws {@link ConfigError} (`ERR_CONFIG`) naming what is missing or wrong, and the remedy.
 */
export function createPaywall(options: PaywallOptions = {}): Paywall {
  checkOptions(options)
  const environment = processEnvironment()
  const isProduction = environment.NODE_ENV === 'production'
  const { route: given, deployment } = splitOptions(withEnvironment(options, environment))
  const { network = 'nano:mainnet', publicUrl } = deployment

  const seal = createSeal(sealKeys(deployment.secret, isProduction), mac)
  const opening = openDeploymentStore(deployment, isProduction)
  const devnet = embeddedDevnetFor(deployment, isProduction)
  const defaults = devnet ? { payTo: devnet.payTo, ...given } : given
  const rpc = devnet?.rpc ?? createRpc({ endpoints: endpointsOf(deployment.rpc), network })
  const ws = deployment.ws
  const feed = ws === undefined ? undefined : createFeed({ url: ws })
  const { quorum } = deployment
  const ledger = createLedger({ node: rpc, nodes: rpc.nodes, ...(quorum && { quorum }), ...(feed && { feed }) })
  const { confirmTimeoutMs = 5_000, claimWindowMs = 86_400_000, leaseMs = 30_000, realm = '' } = deployment
  const mechanisms = (deployment.mechanisms ?? ['session']).map(
    (mechanism): Mechanism => (mechanism === 'session' ? sessionMechanism({ ledger, confirmTimeoutMs }) : mechanism),
  )
  const origin = publicUrl === undefined ? '' : originOf(publicUrl)

  function createRoute(own: RouteOptions): PaywallRoute {
    const route = { ...defaults, ...own }
    const { maxTimeoutSeconds = 300, attempts = 3, handlerTimeoutMs = 300_000, priceBodyLimit = 0 } = route
    const { description, mimeType } = route
    const pricing = createPricing(route)
    if (typeof route.payTo === 'string') feed?.watch(nanoAddress(route.payTo))
    const rules: Omit<Route, 'store'> = {
      ...pricing,
      network,
      realm,
      mechanisms,
      seal,
      claimWindowMs,
      attempts,
      leaseMs,
      handlerTimeoutMs,
      priceBodyLimit,
      maxTimeoutMs: maxTimeoutSeconds * 1000,
      resource: (request) => ({
        url: resourceUrl(origin, request),
        ...(description !== undefined && { description }),
        ...(mimeType !== undefined && { mimeType }),
      }),
    }
    let complete: Route | undefined
    return {
      async guard(request) {
        if (!complete) {
          try {
            complete = { ...rules, store: await opening() }
            await devnet?.ready
          } catch {
            return refusalAnswer('store_unavailable')
          }
        }
        return guard(request, complete)
      },
      describe: () => ({ network, schemes: mechanisms.map(({ scheme }) => scheme), asset: 'XNO', maxTimeoutSeconds }),
    }
  }

  let own: PaywallRoute | undefined
  const ownRoute = () => {
    own ??= createRoute({})
    return own
  }
  return {
    guard: (request) => ownRoute().guard(request),
    describe: () => ownRoute().describe(),
    route(routeOptions = {}) {
      checkRouteOptions(routeOptions)
      return Object.keys(routeOptions).length === 0 ? ownRoute() : createRoute(routeOptions)
    },
    async health() {
      const store = await opening().catch(() => undefined)
      const ok = await (store?.epochMs().then(
        () => true,
        () => false,
      ) ?? false)
      return { store: { ok, durable: store?.durable ?? false }, feed: feed?.state() ?? 'off' }
    },
    async close() {
      ledger.close()
      feed?.close()
      rpc.close()
      if (typeof deployment.store !== 'object')
        await opening().then(
          (store) => store.close(),
          () => {},
        )
    },
  }
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

function endpointsOf(rpc: DeploymentOptions['rpc']): readonly RpcOption[] {
  if (rpc === undefined) {
    throw new ConfigError(
      'No Nano node. Set NANO402_RPC_URL or the option rpc to a node URL, or try without money: ' +
        "NANO402_NETWORK=nano:devnet (option network: 'nano:devnet') starts a devnet of its own.",
    )
  }
  return Array.isArray(rpc) ? rpc : [rpc as RpcOption]
}

/** A devnet in this process, when the devnet is asked for and no node of one is named. */
function embeddedDevnetFor({ network, rpc }: DeploymentOptions, isProduction: boolean) {
  if (network !== 'nano:devnet' || rpc !== undefined) return undefined
  if (isProduction)
    throw new ConfigError('The embedded devnet is not for production. Set NANO402_RPC_URL (option rpc).')
  return embedDevnet(announce)
}

function sealKeys(secret: DeploymentOptions['secret'], isProduction: boolean): readonly Uint8Array[] {
  if (secret !== undefined) return (typeof secret === 'string' ? [secret] : secret).map(sealKey)
  if (isProduction) {
    throw new ConfigError('No secret. Set NANO402_SECRET (option secret). Make one with: openssl rand -hex 32')
  }
  announce('No NANO402_SECRET: drew one for this process. Sessions end with it, and other processes do not know them.')
  return [randomKey()]
}

/** Opens the store now, so that trouble shows early; a store that failed to open is opened again for a later request. */
function openDeploymentStore(options: DeploymentOptions, isProduction: boolean): () => Promise<Store> {
  const { store = 'memory', allowVolatileStore = false } = options
  const requireDurable = (opened: Store) => {
    if (opened.durable || !isProduction || allowVolatileStore) return opened
    throw new ConfigError(
      'The memory store forgets at every start which payments were used, so production needs another: set ' +
        'NANO402_STORE=sqlite:<path> (option store), or allowVolatileStore: true if you accept that.',
    )
  }
  const ready = typeof store === 'object' ? store : store === 'memory' ? memoryStore() : undefined
  if (ready) {
    const opened = Promise.resolve(requireDurable(ready))
    return () => opened
  }
  let opening: Promise<Store> | undefined
  const open = () => {
    opening ??= openStore(store as string).then(requireDurable)
    opening.catch(() => {
      opening = undefined
    })
    return opening
  }
  open().catch(() => {})
  return open
}
