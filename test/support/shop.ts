/** A paywall without a socket: what the guard decides, as an answer. */
import { createPaywall, type Payment, type Paywall, type PaywallOptions } from 'nano402'
import type { BlockHash } from 'nano402/nano'
import { onTestFinished } from 'vitest'
import type { PaymentRequirements } from '../../src/x402/shapes.ts'
import { counted } from './frameworks.ts'
import { offerOf, type Purse, proofHeader } from './world.ts'

export type Headers = Readonly<Record<string, string>>

export interface Shop {
  readonly paywall: Paywall
  /** How often the handler ran. */
  runs(): number
  /** One request, and its answer. */
  ask(headers?: Headers, init?: { readonly path?: string; readonly signal?: AbortSignal }): Promise<Response>
}

/** Opens one that ends with the test. */
export function openShop(
  options: PaywallOptions,
  handler: (payment: Payment) => Response | Promise<Response> = () => new Response('paid content'),
): Shop {
  const paywall = createPaywall(options)
  onTestFinished(() => paywall.close({ timeoutMs: 1 }))
  const { run, runs } = counted(handler)
  return {
    paywall,
    runs,
    async ask(headers = {}, { path = '/report', signal } = {}) {
      const request = new Request(`http://shop.example${path}`, { headers, ...(signal && { signal }) })
      const outcome = await paywall.guard(request)
      return outcome.kind === 'refused' ? outcome.toResponse() : outcome.deliver(() => run(outcome.payment))
    },
  }
}

/** What a purchase in hand is: an offer, the block that pays it, and the headers that prove it. */
export interface Purchase {
  readonly offer: PaymentRequirements
  readonly hash: BlockHash
  readonly headers: Headers
}

/** Asks and pays; presents nothing yet. */
export async function purchase({ ask }: Pick<Shop, 'ask'>, buyer: Purse): Promise<Purchase> {
  const offer = offerOf(await ask())
  const hash = await buyer.pay(offer)
  return { offer, hash, headers: proofHeader(offer, hash) }
}
