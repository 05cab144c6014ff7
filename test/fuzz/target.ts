/** What fuzzed requests are thrown at: a paywall over a devnet whose node calls are counted. */
import { createPaywall, type PaywallOptions } from 'nano402'
import type { NanoNode } from 'nano402/rpc'
import type { PaywallRequest } from '../../src/core/request.ts'
import type { PaymentRequirements } from '../../src/x402/shapes.ts'
import { createWorld, offerOf, type World } from '../support/world.ts'

export interface Target {
  readonly world: World
  /** One request with these headers, whatever characters are in them. */
  ask(headers?: Readonly<Record<string, string>>, request?: Partial<PaywallRequest>): Promise<Answered>
  /** A fresh offer. */
  offer(headers?: Readonly<Record<string, string>>, request?: Partial<PaywallRequest>): Promise<PaymentRequirements>
  close(): Promise<void>
}

export interface Answered {
  readonly status: number
  readonly code: string | undefined
  /** How often the node was asked for it, about anything. */
  readonly asked: number
}

/** Opens one whose handler is never to run. */
export async function openTarget(options: PaywallOptions = {}): Promise<Target> {
  const world = await createWorld()
  let asked = 0
  const rpc: NanoNode = {
    call(...question) {
      asked++
      return world.devnet.call(...question)
    },
  }
  const paywall = createPaywall({ ...world.options, confirmTimeoutMs: 1, rpc, ...options })

  async function answer(headers: Readonly<Record<string, string>>, request: Partial<PaywallRequest> = {}) {
    const lower = new Map(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]))
    const reader = { get: (name: string) => lower.get(name.toLowerCase()) }
    const outcome = await paywall.guard({ method: 'GET', url: '/report', headers: reader, ...request })
    if (outcome.kind === 'refused') return outcome.toResponse()
    return outcome.deliver(() => {
      throw new Error('The handler ran.')
    })
  }

  return {
    world,
    async ask(headers = {}, request) {
      const before = asked
      const response = await answer(headers, request)
      const text = await response.text()
      const { error: code } = (text === '' ? {} : JSON.parse(text)) as { error?: string }
      return { status: response.status, code, asked: asked - before }
    },
    offer: async (headers = {}, request) => offerOf(await answer(headers, request)),
    async close() {
      await paywall.close({ timeoutMs: 1 })
      world.close()
    },
  }
}
