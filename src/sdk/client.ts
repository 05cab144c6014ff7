/** The SDK's `SchemeNetworkClient`: `@x402/fetch` and `@x402/axios` ask and present, and the payer pays. */
import type { PaidOffer, Payer } from '../client/index.ts'
import { NoPayableOfferError } from '../errors.ts'
import { type PaymentRequirements, type SettlementResponse, X402_VERSION } from '../x402/shapes.ts'
import { ASSET, SCHEME } from './offers.ts'

export interface NanoClientOptions {
  /**
   * Where the requests go, such as `https://api.example.com`. The SDK does not tell whom it pays: without this, the payer's
   * `perHost` and `pinPayTo` see all servers as one.
   */
  readonly origin?: string
}

/** What `x402Client.register` takes. Structural, so that no version of the SDK is needed to compile. */
export interface NanoClient {
  readonly scheme: 'exact'
  createPaymentPayload(
    x402Version: number,
    requirements: PaymentRequirements,
    context?: PaymentContext,
  ): Promise<{ x402Version: number; payload: Record<string, unknown>; scheme?: string; network?: string }>
  /** Lets XNO pass the SDK's `spendControls`, whose default bound of "$1" then reads 1 XNO. */
  findDefaultAsset(asset: string, network: string): { asset: string; decimals: number; symbol: string } | undefined
  readonly schemeHooks: { onPaymentResponse(context: PaymentResponse): Promise<void> }
}

/** What the SDK says of a payment beside the offer. Versions differ in what is there. */
interface PaymentContext {
  readonly extensions?: Readonly<Record<string, unknown>> | undefined
  /** In raw. */
  readonly maxAmountPerPayment?: string | undefined
}

interface PaymentResponse {
  readonly paymentPayload: { readonly payload: object }
  readonly settleResponse?: Pick<SettlementResponse, 'success'>
}

/**
 * Pays for the clients of the official SDK: `new x402Client().register('nano:mainnet', nanoClient(payer))`,
 * and `registerV1` for servers of version 1.
 *
 * Budget, journal and rules for offers are the payer's; one offer is paid once. What such a client does not do is show a
 * payment again: after a lost answer or a 503, `payer.unfinished()` has the proof, and `payer.present` shows it. Not every
 * client tells that a payment was served (docs/x402.md), and of one that does not it has those as well.
 *
 * @throws From `createPaymentPayload`, what `payer.pay` throws.
 * @example
 * const payer = createPayer({ seed: '0'.repeat(64), rpc: 'http://127.0.0.1:7076', budget: { perRequest: '0.01', perDay: '1' } })
 * const client = nanoClient(payer, { origin: 'https://api.example.com' })
 */
export function nanoClient(payer: Payer, { origin }: NanoClientOptions = {}): NanoClient {
  const paid = new WeakMap<object, PaidOffer>()
  return {
    scheme: SCHEME,
    findDefaultAsset: (asset, network) =>
      asset === ASSET && network.startsWith('nano:') ? { asset, decimals: 30, symbol: 'XNO' } : undefined,
    async createPaymentPayload(x402Version, requirements, { maxAmountPerPayment: bound } = {}) {
      if (x402Version !== 1 && x402Version !== X402_VERSION) throw new NoPayableOfferError('An unknown x402 version.')
      const isV1 = x402Version === 1
      const asked = isV1 ? fromV1(requirements) : requirements
      // The SDK has looked; this is where it is paid.
      if (bound !== undefined && !isAtMost(asked.amount, bound)) {
        throw new NoPayableOfferError(`The offer is above the bound of the SDK's spendControls: ${bound} raw.`)
      }
      const offer = await payer.pay(asked, origin === undefined ? {} : { url: origin })
      const payload = { ...offer.payload }
      paid.set(payload, offer)
      return { x402Version, payload, ...(isV1 && { scheme: asked.scheme, network: asked.network }) }
    },
    schemeHooks: {
      async onPaymentResponse({ paymentPayload, settleResponse }) {
        if (settleResponse?.success) await paid.get(paymentPayload.payload)?.delivered()
      },
    },
  }
}

/** Both decimal raw; what is none is not within any bound. */
const isAtMost = (amount: string, bound: string): boolean =>
  /^[0-9]{1,39}$/.test(amount) && BigInt(amount) <= BigInt(bound)

/** Version 1 calls the amount otherwise, and says beside it what is sold. */
function fromV1(requirements: PaymentRequirements & { readonly maxAmountRequired?: string }): PaymentRequirements {
  const { scheme, network, maxAmountRequired: amount = '', asset, payTo, maxTimeoutSeconds, extra } = requirements
  return { scheme, network, amount, asset, payTo, maxTimeoutSeconds, ...(extra && { extra }) }
}
