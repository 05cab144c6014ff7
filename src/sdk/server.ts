/** The SDK's `SchemeNetworkServer`: `@x402/express`, `@x402/hono` and `@x402/next` charge in XNO. */
import { type PaywallRequest, targetOf } from '../core/request.ts'
import { ConfigError, InvalidValueError } from '../errors.ts'
import type { Facilitator, Order, PaymentRequirements } from '../facilitator/index.ts'
import type { MechanismName } from '../mechanisms/names.ts'
import { decodePaymentPayload, PAYMENT_SIGNATURE } from '../x402/headers.ts'
import { ASSET, type OfferKey, SCHEME } from './offers.ts'

/** `upfront` settles before the handler, `authorization` after it; docs/x402.md says which costs whom what. */
export type PaymentFlow = 'upfront' | 'authorization'

/** What an offer asks for. */
export interface NanoOptionOptions extends Pick<Order, 'payTo' | 'maxTimeoutSeconds' | 'realm'> {
  readonly network: `nano:${'mainnet' | 'devnet'}`
  /** XNO as text, raw, or a function of what an offer is bound to: method, path and query. */
  readonly price:
    | Order['price']
    | ((request: Pick<PaywallRequest, 'method' | 'url'>) => Order['price'] | Promise<Order['price']>)
  /** Which of the facilitator's ways to pay is offered. Default `'session'`. */
  readonly mechanism?: MechanismName
  /** Default: the one that fits the mechanism. */
  readonly paymentFlow?: PaymentFlow
}

/** What the SDK tells of a request. */
interface SdkRequest {
  readonly method: string
  readonly adapter: { getUrl(): string; getHeader(name: string): string | undefined }
}

interface AssetAmount {
  amount: string
  asset: string
  extra?: Record<string, unknown>
}

/** An entry of a route's `accepts`. */
export interface NanoOption {
  scheme: typeof SCHEME
  network: `nano:${'mainnet' | 'devnet'}`
  payTo: string
  maxTimeoutSeconds: number
  price(context: SdkRequest): Promise<AssetAmount>
}

/** What `x402ResourceServer.register` takes. */
export interface NanoServer {
  readonly scheme: typeof SCHEME
  readonly defaultAssetTransferMethod: 'default'
  readonly paymentFlows: {
    readonly default: { readonly default: PaymentFlow; readonly supported: readonly PaymentFlow[] }
  }
  parsePrice(price: unknown): Promise<AssetAmount>
  getAssetDecimals(asset: string): number | undefined
  enhancePaymentRequirements<R>(requirements: R): Promise<R>
}

/** By which key of `extra` a mechanism's offer is known, and when it is to be settled. */
const MECHANISMS: Readonly<Record<MechanismName, { readonly key: OfferKey; readonly flow: PaymentFlow }>> = {
  session: { key: 'nanoSession', flow: 'upfront' },
  signature: { key: 'nanoSignature', flow: 'upfront' },
  'signed-block': { key: 'nanoTxn', flow: 'authorization' },
}

/**
 * One way to pay for a route of stock middleware:
 * `paymentMiddleware({ 'GET /report': { accepts: nanoOption(facilitator, { network, price: '0.001', payTo }) } }, server)`.
 *
 * The SDK makes its offers anew on the paid request, and takes a payment for what was offered only if both are equal. So the
 * offer is asked for with what the request presents: where that is genuine and for this very method, path and query, the
 * facilitator makes the same offer again; in every other case a new one, which what was presented does not match.
 *
 * @example
 * const accepts = nanoOption(createFacilitator(), {
 *   network: 'nano:mainnet',
 *   price: '0.001',
 *   payTo: 'nano_15nhh1kzw3x8ohez6s75wy3jr6dqgq65oaede1fzk5hqxk4j8ehz7iqtb3to',
 * })
 */
export function nanoOption(facilitator: Pick<Facilitator, 'requirements'>, options: NanoOptionOptions): NanoOption {
  const { network, price, payTo, realm, maxTimeoutSeconds = 300, mechanism = 'session' } = options
  const { key, flow } = MECHANISMS[mechanism]
  return {
    scheme: SCHEME,
    network,
    payTo,
    maxTimeoutSeconds,
    async price({ method, adapter }) {
      const request = { method, url: targetOf({ url: adapter.getUrl() }) }
      const accepts = await facilitator.requirements({
        ...request,
        price: typeof price === 'function' ? await price(request) : price,
        payTo,
        maxTimeoutSeconds,
        ...(realm !== undefined && { realm }),
        paymentPayload: presented(adapter),
      })
      const { amount, asset, extra } = offerOf(accepts, key, network)
      return { amount, asset, extra: { ...extra, paymentFlow: options.paymentFlow ?? flow } }
    },
  }
}

/**
 * XNO for the SDK's servers: `new x402ResourceServer(facilitator).register('nano:mainnet', nanoServer())`.
 *
 * @example
 * nanoServer().scheme // 'exact'
 */
export const nanoServer = (): NanoServer => ({
  scheme: SCHEME,
  defaultAssetTransferMethod: 'default',
  paymentFlows: { default: { default: 'upfront', supported: ['upfront', 'authorization'] } },
  async parsePrice(price) {
    if (isAmount(price)) return price
    throw new InvalidValueError(
      'A price in XNO is made by nanoOption(facilitator, { price, ... }): each offer is sealed.',
    )
  },
  getAssetDecimals: (asset) => (asset === ASSET ? 30 : undefined),
  enhancePaymentRequirements: async (requirements) => requirements,
})

const isAmount = (price: unknown): price is AssetAmount =>
  typeof price === 'object' && price !== null && 'asset' in price && price.asset === ASSET

/** What the request presents, if it can be read. It is still only what the client says. */
function presented(adapter: SdkRequest['adapter']): unknown {
  const payment = decodePaymentPayload(adapter.getHeader(PAYMENT_SIGNATURE) ?? '')
  return typeof payment === 'string' ? undefined : payment
}

function offerOf(accepts: readonly PaymentRequirements[], key: string, network: string): PaymentRequirements {
  const offer = accepts.find(({ extra }) => extra !== undefined && key in extra)
  if (!offer) throw new ConfigError(`The facilitator offers no ${key}: see its option mechanisms.`)
  if (offer.network !== network) throw new ConfigError(`The facilitator is on ${offer.network}, and not on ${network}.`)
  return offer
}
