/** A paywall with channels, in this process. */
import type { Payment, PaywallOptions } from 'nano402'
import { createPaywall } from 'nano402'
import { onTestFinished } from 'vitest'
import { counted } from '../support/frameworks.ts'
import type { World } from '../support/world.ts'
import { type Ask, freshWallet } from './client.ts'

export type Handler = (payment: Payment, request: Request) => Response | Promise<Response>

export function openChannelShop(
  { options }: Pick<World, 'options'>,
  more: PaywallOptions = {},
  handler: Handler = () => new Response('paid content'),
) {
  const paywall = createPaywall({ ...options, mechanisms: ['channel', 'session'], wallet: freshWallet(), ...more })
  onTestFinished(() => paywall.close({ timeoutMs: 1 }))
  const { run, runs } = counted(handler)
  const ask: Ask = async (path, init) => {
    const request = new Request(`http://shop.example${path}`, init)
    const outcome = await paywall.guard(request)
    return outcome.kind === 'refused' ? outcome.toResponse() : outcome.deliver(() => run(outcome.payment, request))
  }
  return { paywall, ask, runs }
}
