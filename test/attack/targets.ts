/** What an attack can be run against: shops that we open on a devnet, and any server that has a URL. */
import { createPayer } from 'nano402/client'
import { serveDevnet } from 'nano402/devnet/server'
import type { Network } from 'nano402/rpc'
import { memoryStore } from 'nano402/stores/memory'
import { installOnce } from '../support/registry.ts'
import { createWorld, offerOf } from '../support/world.ts'
import type { Target } from './list/attack.ts'
import { openings } from './servers.ts'

/** A target that is there until it is closed. */
export interface OpenTarget extends Target {
  close(): Promise<void>
}

/** The adapters that there is a shop for. */
export const adapters: readonly string[] = Object.keys(openings)

/** Opens a shop on a devnet of its own. Undefined: it cannot be installed here, which a line has said. */
export async function openTarget(adapter: string): Promise<OpenTarget | undefined> {
  const open = openings[adapter]
  if (!open) throw new Error(`There is no adapter ${adapter}. There are: ${adapters.join(', ')}.`)
  if (adapter === 'next' && !(await installOnce('examples/next'))) return undefined
  const served = await serveDevnet({ confirmMs: 0 })
  const world = await createWorld({ devnet: served.devnet })
  const options = {
    ...world.options,
    rpc: served.url,
    store: memoryStore(),
    allowVolatileStore: true,
    confirmTimeoutMs: 500,
    mechanisms: ['session', 'signed-block', 'signature'] as const,
  }
  const { url, handlerRuns, close } = await open(options)
  return {
    adapter,
    url: `${url}/report`,
    shop: { ...world, handlerRuns },
    pay: (challenge) => world.buyer.pay(offerOf(challenge)),
    async close() {
      await close()
      await served.close()
    },
  }
}

/** What a server is paid with that is not ours. */
export interface Seed {
  readonly seed: string
  readonly rpc: string
  readonly network: Network
  readonly work: string
  /** XNO, for all attacks together. */
  readonly budget: string
}

/** Any server: of its inside nothing is seen. Without a seed nothing is paid. */
export function strangeTarget(url: string, seed?: Seed): OpenTarget {
  const { pay, close } = seed ? createPurse(url, seed) : { pay: undefined, close: () => {} }
  return { adapter: 'url', url, ...(pay && { pay }), close: async () => close() }
}

/** Pays a 402 without presenting the proof. */
function createPurse(url: string, { seed, rpc, network, work, budget }: Seed) {
  const payer = createPayer({ seed, rpc, network, work, budget: { perRequest: budget, total: budget } })
  return {
    close: payer.close,
    async pay(challenge: Response): Promise<string> {
      const { payload } = await payer.pay(offerOf(challenge, 'nanoSession'), { url })
      return String(payload.proof)
    },
  }
}
