/** What one deployment shares: its keys, its store, and its view of the network. */
import { announce } from '#announce'
import { type EmbeddedDevnet, embedDevnet } from '#devnet/embed'
import { openStore } from '#stores/open'
import { encodeFields } from './core/bytes.ts'
import { createSeal, type KeyedMac, type Seal } from './core/seal.ts'
import type { Store } from './core/store.ts'
import { ConfigError } from './errors.ts'
import { observeNode, observeStore } from './observe.ts'
import type { DeploymentOptions, RpcOption } from './options.ts'
import {
  type ConfirmationFeed,
  createFeed,
  createLedger,
  createRpc,
  GENESIS,
  type Ledger,
  type NanoNode,
} from './rpc/index.ts'
import { mac, randomKey, sealKey } from './secret.ts'
import { memoryStore } from './stores/memory.ts'

/** How a deployment's parts are. */
export interface Health {
  /** Whether a Nano node of the right network answers. */
  readonly node: { readonly ok: boolean }
  readonly feed: ReturnType<ConfirmationFeed['state']> | 'off'
  /** Whether the store answers, and whether claims survive the end of the process. */
  readonly store: { readonly ok: boolean; readonly durable: boolean }
  /** Whether sessions survive the end of the process, and how many secrets are taken. */
  readonly secret: { readonly durable: boolean; readonly count: number }
}

export interface Deployment {
  readonly seal: Seal
  /** A seal of the same secrets for something else: neither opens what the other sealed. */
  sealFor(label: string): Seal
  /** MACs under keys of the same secrets, for something else. The first seals, all verify. */
  macsFor(label: string): readonly [KeyedMac, ...KeyedMac[]]
  /** All nodes as one. */
  readonly node: NanoNode
  readonly ledger: Ledger
  readonly feed: ConfirmationFeed | undefined
  /** The account that an embedded devnet has for us. */
  readonly payTo: string | undefined
  /** The store, once it is open and an embedded devnet listens. Rejects when it cannot be opened; asked again, it tries again. */
  store(): Promise<Store>
  health(): Promise<Health>
  /** Frees connections. A store that was given as an object stays open: it is its owner's. */
  close(): Promise<void>
}

/** Opens what the options name. @throws `ConfigError` (`ERR_CONFIG`) */
export function openDeployment(options: DeploymentOptions, isProduction: boolean): Deployment {
  const { network = 'nano:mainnet', ws, quorum, onEvent } = options
  const devnet = embeddedDevnetFor(options, isProduction)
  const endpoints = devnet ? [devnet.node] : endpointsOf(options.rpc)
  const rpc = createRpc({ endpoints, network })
  const asked = onEvent
    ? { node: observeNode(rpc, onEvent), nodes: rpc.nodes.map((n) => observeNode(n, onEvent)) }
    : { node: rpc, nodes: rpc.nodes }
  const feed = ws === undefined ? undefined : createFeed({ url: ws })
  const ledger = createLedger({
    ...asked,
    ...(quorum && { quorum }),
    ...(feed && { feed }),
  })
  const keys = sealKeys(options.secret, isProduction)
  const { open, close } = openDeploymentStore(options, isProduction)

  return {
    seal: createSeal(keys, mac),
    sealFor: (label) =>
      createSeal(
        keys.map((key) => mac(key)(encodeFields(['nano402 seal key for', label]))),
        mac,
      ),
    macsFor(label) {
      const macOf = (key: Uint8Array) => mac(mac(key)(encodeFields(['nano402 mac key for', label])))
      const [first, ...others] = keys.map(macOf)
      if (!first) throw new TypeError('A seal needs a key.')
      return [first, ...others]
    },
    node: asked.node,
    ledger,
    feed,
    payTo: devnet?.payTo,
    async store() {
      const [store] = await Promise.all([open(), devnet?.ready])
      return store
    },
    async health() {
      const genesis = rpc.call('block_info', { json_block: true, hash: GENESIS[network] })
      const store = await open().catch(() => undefined)
      return {
        node: { ok: await succeeds(genesis) },
        feed: feed?.state() ?? 'off',
        store: { ok: store !== undefined && (await succeeds(store.epochMs())), durable: store?.durable ?? false },
        secret: { durable: options.secret !== undefined, count: keys.length },
      }
    },
    async close() {
      ledger.close()
      feed?.close()
      rpc.close()
      devnet?.close()
      await close()
    },
  }
}

/** Whether what was asked is answered. */
export const succeeds = (asked: Promise<unknown>) =>
  asked.then(
    () => true,
    () => false,
  )

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
function embeddedDevnetFor({ network, rpc }: DeploymentOptions, isProduction: boolean): EmbeddedDevnet | undefined {
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

/** A store that is open, or is opened again when it could not be. */
export interface DeploymentStore {
  open(): Promise<Store>
  /** One that was given as an object stays open: it is its owner's. */
  close(): Promise<void>
}

/** Opens the store now, so that trouble shows early. @throws `ConfigError` (`ERR_CONFIG`) for one that forgets, in production */
export function openDeploymentStore(options: DeploymentOptions, isProduction: boolean): DeploymentStore {
  const open = createOpener(options, isProduction)
  return {
    open,
    async close() {
      if (typeof options.store === 'object') return
      const opened = await open().catch(() => undefined)
      await opened?.close()
    },
  }
}

/** A store that failed to open is opened again for a later request. */
function createOpener(options: DeploymentOptions, isProduction: boolean): () => Promise<Store> {
  const { store = 'memory', allowVolatileStore = false, onEvent } = options
  const requireDurable = (opened: Store) => {
    if (opened.durable || !isProduction || allowVolatileStore) return onEvent ? observeStore(opened, onEvent) : opened
    throw new ConfigError(
      'The memory store forgets at every start which payments were used, and their answers: for production set ' +
        'NANO402_STORE=sqlite:<path> or redis://<host> (option store), or allowVolatileStore: true if you accept that.',
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
