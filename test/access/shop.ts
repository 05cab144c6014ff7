/** A shop without a socket whose requests may be let in before they pay. */
import { createPaywall, type Payment, type Paywall, type PaywallEvent, type PaywallOptions, type Store } from 'nano402'
import { memoryStore } from 'nano402/stores/memory'
import { onTestFinished } from 'vitest'
import { counted } from '../support/frameworks.ts'
import { challengeOf, offerOf, proofHeader, type World } from '../support/world.ts'

export const PASS = 'Nano402-Pass'
type Headers = Readonly<Record<string, string>>

export interface AskInit {
  readonly path?: string
  readonly method?: string
  readonly body?: string
  readonly signal?: AbortSignal
}

export function openAccessShop(
  world: World,
  options: Partial<PaywallOptions> = {},
  handler: (payment: Payment) => Response | Promise<Response> = () => new Response('paid content'),
) {
  const store: Store = (options.store as Store | undefined) ?? memoryStore()
  const events: PaywallEvent[] = []
  const payments: Payment[] = []
  const paywall: Paywall = createPaywall({
    ...world.options,
    store,
    onEvent: (event) => events.push(event),
    ...options,
  })
  onTestFinished(() => paywall.close({ timeoutMs: 1 }))
  const { run, runs } = counted(handler)
  const ask = async (headers: Headers = {}, { path = '/report', ...init }: AskInit = {}) => {
    const outcome = await paywall.guard(new Request(`http://shop.example${path}`, { headers, ...init }))
    if (outcome.kind === 'refused') return outcome.toResponse()
    payments.push(outcome.payment)
    return outcome.deliver(() => run(outcome.payment))
  }
  /** Asks and pays; presents nothing yet. */
  const buy = async (headers: Headers = {}, init: AskInit = {}) => {
    const offer = offerOf(await ask(headers, init))
    return { ...headers, ...proofHeader(offer, await world.buyer.pay(offer)) }
  }
  return {
    paywall,
    store,
    events,
    payments,
    runs,
    ask,
    buy,
    /** Buys a pass, and gives the headers that use it. */
    async buyPass(headers: Headers = {}, init: AskInit = {}): Promise<Headers> {
      const answer = await ask(await buy(headers, init), init)
      const token = answer.headers.get(PASS)
      if (!token) throw new Error(`No pass with an answer of status ${answer.status}.`)
      return { ...headers, [PASS]: token }
    },
  }
}

/** Status, and the code of a refusal. */
export async function codeOf(answer: Response): Promise<readonly [number, string | undefined]> {
  const text = await answer.text()
  const body = text.startsWith('{') ? (JSON.parse(text) as { error?: string }) : undefined
  if (answer.status === 402) challengeOf(answer) // every 402 has an offer
  return [answer.status, body?.error]
}
