/** What stands behind a paywall's routes: a node, a store and a secret of its own, or a facilitator that has them. */
import { openChannels } from '#channels'
import { encodeUtf8, randomHex } from './core/bytes.ts'
import { type Cashier, joinCashiers } from './core/cashier.ts'
import { schemesOf } from './core/mechanism.ts'
import type { KeyedMac } from './core/seal.ts'
import type { Store } from './core/store.ts'
import { ownCashier } from './core/take.ts'
import type { Till } from './core/till.ts'
import { type DeploymentStore, type Health, openDeployment, openDeploymentStore, succeeds } from './deployment.ts'
import { ConfigError } from './errors.ts'
import { CHANNEL } from './mechanisms/names.ts'
import { openMechanisms } from './mechanisms/open.ts'
import { nanoAddress } from './nano/index.ts'
import { type DeploymentOptions, FACILITATORS_OWN } from './options.ts'
import { type Ask, createAsk, type FacilitatorAddress } from './remote/ask.ts'
import { remoteCashier } from './remote/cashier.ts'
import { readHealth } from './remote/wire.ts'
import type { ConfirmationFeed, Ledger, NanoNode } from './rpc/index.ts'
import { mac } from './secret.ts'
import { readSupportedResponse } from './x402/shapes.ts'

/** What a route asks, and what it allows. */
export type RouteTerms = Omit<Till, 'mechanisms' | 'seal' | 'store' | 'claimWindowMs'>

/** How the network is seen. */
export interface NetworkView {
  readonly node: NanoNode
  readonly ledger: Ledger
  readonly feed: ConfirmationFeed | undefined
}

export interface Backing {
  /** x402's schemes by which one can pay. */
  schemes(): Promise<readonly string[]>
  /** The account that an embedded devnet has for us. */
  readonly payTo: string | undefined
  /** The account for deposits of channels, where they are offered. */
  readonly depositAccount: string | undefined
  /** How payments are seen: on the network, or by a facilitator. */
  readonly view: NetworkView | { readonly ask: Ask }
  /** Lets it prepare for payments to this account. */
  watch(account: string): void
  /** What passes and free requests are counted in, and sealed with. @throws `ConfigError` (`ERR_CONFIG`) when nothing lasts. */
  books(): () => Promise<{ readonly store: Store; readonly macs: readonly [KeyedMac, ...KeyedMac[]] }>
  /** Who makes offers and takes payments on these terms, once that is ready. @throws `ConfigError` (`ERR_CONFIG`) */
  cashier(terms: RouteTerms): () => Promise<Cashier>
  health(): Promise<Health>
  close(): Promise<void>
}

/** How a deployment runs. */
export interface Setting {
  readonly isProduction: boolean
  /** Where clients know us; empty if nobody has said. */
  readonly origin: string
}

/** @throws `ConfigError` (`ERR_CONFIG`) */
export const openBacking = (options: DeploymentOptions, setting: Setting): Backing =>
  options.facilitator === undefined
    ? ownBacking(options, setting)
    : facilitatorBacking(options.facilitator, options, setting)

function ownBacking(options: DeploymentOptions, { isProduction, origin }: Setting): Backing {
  const { network = 'nano:mainnet', confirmTimeoutMs = 5_000, claimWindowMs = 86_400_000 } = options
  const deployment = openDeployment(options, isProduction)
  const { seal, node, ledger, feed, payTo, store, health, close } = deployment
  const { mechanisms: named = ['session'] } = options
  const once = named.filter((mechanism) => mechanism !== CHANNEL)
  const mechanisms = openMechanisms(once, { ledger, confirmTimeoutMs, network })
  const channels = once.length < named.length ? openChannels(options, deployment, { origin, isProduction }) : undefined
  if (channels) feed?.watch(channels.account)
  const exact = (terms: RouteTerms) => async (): Promise<Cashier> =>
    ownCashier({ ...terms, mechanisms, seal, claimWindowMs, store: await store() })
  return {
    schemes: async () => [...schemesOf(mechanisms), ...(channels ? [BATCH_SETTLEMENT] : [])],
    payTo,
    depositAccount: channels?.account,
    view: { node, ledger, feed },
    watch: (account) => feed?.watch(nanoAddress(account)),
    books: () => async () => ({ store: await store(), macs: deployment.macsFor('access') }),
    cashier: (terms) => async () => {
      if (channels === undefined) return exact(terms)()
      const batched = { scheme: BATCH_SETTLEMENT, cashier: await channels.cashier(terms) }
      if (once.length === 0) return batched.cashier
      const ordered = [{ scheme: 'exact', cashier: await exact(terms)(), seals: true } as const, batched]
      return joinCashiers(named[0] === CHANNEL ? ordered.toReversed() : ordered)
    },
    health,
    async close() {
      await channels?.close()
      await close()
    },
  }
}

/** The scheme of channels. */
const BATCH_SETTLEMENT = 'batch-settlement'

const UNREACHABLE: Health = {
  node: { ok: false },
  feed: 'off',
  store: { ok: false, durable: false },
  secret: { durable: false, count: 0 },
}

function facilitatorBacking(
  address: string | FacilitatorAddress,
  options: DeploymentOptions,
  { isProduction }: Setting,
): Backing {
  for (const [name, variable] of Object.entries(FACILITATORS_OWN)) {
    if (options[name as keyof DeploymentOptions] === undefined) continue
    const called = variable === '' ? `Option ${name}` : `${variable} (option ${name})`
    throw new ConfigError(`${called} is the facilitator's to set: leave out this one, or NANO402_FACILITATOR.`)
  }
  const { network = 'nano:mainnet' } = options
  const ask = createAsk(address)
  let kept: DeploymentStore | undefined
  const answerStore = () => {
    kept ??= openDeploymentStore(options, isProduction)
    return kept
  }
  return {
    async schemes() {
      const { kinds } = await ask('supported', readSupportedResponse)
      return [...new Set(kinds.filter((kind) => kind.network === network).map(({ scheme }) => scheme))]
    },
    payTo: undefined,
    depositAccount: undefined,
    view: { ask },
    watch() {},
    books() {
      const { open } = answerStore()
      return async () => {
        const store = await open()
        return { store, macs: [await ownMac(store)] }
      }
    },
    cashier(terms) {
      // The facilitator has the claims. What was answered is this server's, and stays here, if it is to be kept at all.
      if (terms.extensions?.some((extension) => extension.use)) answerStore()
      const cashier = remoteCashier(ask, { ...terms, store: () => answerStore().open() })
      return async () => cashier
    },
    async health() {
      const health = await ask('health', readHealth).catch(() => UNREACHABLE)
      const isKept = kept === undefined || (await succeeds(kept.open().then((store) => store.epochMs())))
      return { ...health, store: { ...health.store, ok: health.store.ok && isKept } }
    },
    close: async () => kept?.close(),
  }
}

const KEEP_KEY_MS = 10 * 365 * 86_400_000

/** Without a secret of our own, the key is where what it seals is counted: lost together, both begin anew. */
async function ownMac(store: Store): Promise<KeyedMac> {
  for (;;) {
    const found = await store.read('access key')
    if (found) return mac(encodeUtf8(found.value))
    await store.write('access key', 0, randomHex(32), Date.now() + KEEP_KEY_MS)
  }
}
