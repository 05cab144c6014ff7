/** Every option of a payer, and its check. */
import { ConfigError } from '../errors.ts'
import {
  derivePrivateKey,
  type NanoAddress,
  nanoAddress,
  type PrivateKey,
  privateKey as parsePrivateKey,
  WORK_THRESHOLDS,
} from '../nano/index.ts'
import { createRpc, type Endpoint, type NanoNode, type Network, type RpcClient } from '../rpc/index.ts'
import type { WorkOption } from '../wallet/work.ts'
import { WIRE_NAMES, type WireName } from '../x402/wires.ts'
import type { BudgetOptions } from './budget.ts'
import type { PayerEvent } from './events.ts'
import type { Journal } from './journal.ts'
import type { Bill } from './payment.ts'

/** A node: its URL, its URL with headers or a key, or an object of the interface. */
export type PayerNode = string | Endpoint | NanoNode

/** What a payer is made of. A key, a node and a budget are required. */
export interface PayerOptions {
  /** 64 hex digits. Either this or `privateKey`. */
  readonly seed?: string
  /** Which account of the seed. Default 0. */
  readonly accountIndex?: number
  /** 64 hex digits. Either this or `seed`. */
  readonly privateKey?: string
  /** One or more Nano nodes, the preferred one first. They are believed about what is confirmed, and little else. */
  readonly rpc: PayerNode | readonly PayerNode[]
  /** A node's websocket, which ends the wait for a confirmation early. */
  readonly ws?: string
  /** Default `nano:mainnet`. */
  readonly network?: Network
  /** What may be spent. Required. */
  readonly budget: BudgetOptions
  /** Where payments are remembered: the path of a file, or an object of the interface. Default: in memory, until the process ends. */
  readonly journal?: Journal | string
  /** Where proof of work comes from. Default `'node'`. */
  readonly work?: WorkOption
  /** An account to name as representative in every block. Default: the one that the account has; a new account names itself. */
  readonly representative?: string
  /** Pay an origin only at one account: the first one it was paid at, or those listed here by its origin. Default: any. */
  readonly pinPayTo?: 'first-use' | Readonly<Record<string, string | readonly string[]>>
  /** The largest tag amount that is paid on top of a price, in raw. Default 10^20 - 1 (10^-10 XNO), the largest there is. */
  readonly maxTagRaw?: bigint
  /** How long a payment waits for its confirmation before it is shown all the same. Default 15,000. */
  readonly confirmTimeoutMs?: number
  /** How long a proof is shown again while the server asks for it or does not answer. Default 60,000. */
  readonly retryForMs?: number
  /**
   * The forms in which a 402 is read and paid, the preferred one first. Default `['x402', 'x402-v1']`; also `'nanosession-3'`,
   * `'nanosession-5'` and `'nanosession-7'`.
   */
  readonly wire?: readonly WireName[]
  /** How channels are opened, where `budget.deposit` allows deposits. */
  readonly channels?: PayerChannelOptions
  /** Asked before each new payment and each deposit; anything but true, and nothing is paid. Default: whatever the budget allows is. */
  readonly approve?: (bill: Bill) => boolean | Promise<boolean>
  /** What requests are made with. Default: the platform's `fetch`. */
  readonly fetch?: (request: Request) => Promise<Response>
  /** Told of each step. What it throws is ignored. */
  readonly onEvent?: (event: PayerEvent) => void
}

/**
 * How a payer opens channels.
 *
 * @example
 * createPayer({
 *   seed: '0'.repeat(64),
 *   rpc: 'http://127.0.0.1:7076',
 *   budget: { perRequest: '0.01', perDay: '1', deposit: '0.5' },
 *   channels: { maxTtlSeconds: 86_400 },
 * }).address.slice(0, 9) // 'nano_3i1a'
 */
export interface PayerChannelOptions {
  /** The account that refunds go to. Default: the payer's own. */
  readonly refundTo?: string
  /** How long a channel may live: so long a payee may keep a deposit that nobody asks back. Default 2,592,000 (30 days). */
  readonly maxTtlSeconds?: number
  /**
   * Issuers that may hold deposits, by the keys that servers name them by, and where they are. Default: none. What they hold
   * counts for `budget.deposit`, and is paid out to the account itself.
   */
  readonly issuers?: readonly { readonly url: string; readonly publicKey: string }[]
  /**
   * How many payments in a channel bring a receipt: `'all'`, or one in so many. A receipt is evidence in the client's hands; it costs
   * both sides as much as all the rest of a payment. Default `'all'`.
   */
  readonly receipts?: 'all' | number
  /** How requests are paid. Default: both, tokens where the price allows them. */
  readonly modes?: readonly ('payword-sha256' | 'voucher-ed25519')[]
}

const MAX_TTL_SECONDS = 2_592_000
const MODES = ['payword-sha256', 'voucher-ed25519'] as const

/** What `createPayer` was given, as values. */
export interface PayerSettings {
  readonly network: Network
  readonly wires: readonly WireName[]
  readonly key: PrivateKey
  readonly representative: NanoAddress | undefined
  /** @param self - The payer's own account, where refunds go unless another one is named. */
  channelsFor(self: NanoAddress): ChannelSettings
}

export interface ChannelSettings {
  /** Where refunds go. */
  readonly refundTo: NanoAddress
  readonly maxTtlSeconds: number
  readonly modes: readonly (typeof MODES)[number][]
  /** One payment in so many brings a receipt. */
  readonly receiptEvery: number
  readonly issuers: readonly { readonly url: string; readonly publicKey: string }[]
}

/** @throws {@link ConfigError} (`ERR_CONFIG`) or `InvalidValueError` (`ERR_INVALID_VALUE`) for an option that is missing or wrong. */
export function readOptions(options: PayerOptions): PayerSettings {
  const { network = 'nano:mainnet', wire: wires = ['x402', 'x402-v1'], representative } = options
  if (!Object.hasOwn(WORK_THRESHOLDS, network)) {
    throw new ConfigError("Option network is neither 'nano:mainnet' nor 'nano:devnet'.")
  }
  if (wires.length === 0 || !wires.every((wire) => WIRE_NAMES.includes(wire))) {
    throw new ConfigError(`Option wire is not a list of ${WIRE_NAMES.join(', ')}.`)
  }
  const { maxTtlSeconds = MAX_TTL_SECONDS, modes = MODES, refundTo } = options.channels ?? {}
  const issuers = readIssuers(options.channels?.issuers)
  if (!modes.every((mode) => MODES.includes(mode))) {
    throw new ConfigError(`Option channels.modes is not a list of ${MODES.join(', ')}.`)
  }
  const { receipts = 'all' } = options.channels ?? {}
  if (receipts !== 'all' && !(Number.isSafeInteger(receipts) && receipts >= 1)) {
    throw new ConfigError("Option channels.receipts is neither 'all' nor a whole number from 1 on.")
  }
  const named = refundTo === undefined ? undefined : nanoAddress(refundTo)
  return {
    ...{ network, wires, key: readKey(options) },
    representative: representative === undefined ? undefined : nanoAddress(representative),
    channelsFor: (self) => ({
      refundTo: named ?? self,
      maxTtlSeconds,
      modes,
      issuers,
      receiptEvery: receipts === 'all' ? 1 : receipts,
    }),
  }
}

function readIssuers(issuers: PayerChannelOptions['issuers'] = []) {
  const isIssuer = ({ url, publicKey }: (typeof issuers)[number]) =>
    URL.canParse(url) && /^[0-9a-fA-F]{64}$/.test(publicKey)
  if (!issuers.every(isIssuer)) throw new ConfigError('Option channels.issuers is not a list of { url, publicKey }.')
  return issuers.map(({ url, publicKey }) => ({ url, publicKey: publicKey.toUpperCase() }))
}

function readKey({ seed, accountIndex = 0, privateKey }: PayerOptions): PrivateKey {
  if ((seed === undefined) === (privateKey === undefined)) {
    throw new ConfigError('Give createPayer either a seed or a privateKey.')
  }
  return seed === undefined ? parsePrivateKey(privateKey) : derivePrivateKey(seed, accountIndex)
}

/** Asks no node before the first call. */
export function readNode(rpc: PayerOptions['rpc'], network: Network): RpcClient {
  if (rpc === undefined || rpc === '') throw new ConfigError('Option rpc is missing: the URL of a Nano node.')
  return createRpc({ endpoints: Array.isArray(rpc) ? (rpc as readonly PayerNode[]) : [rpc as PayerNode], network })
}
