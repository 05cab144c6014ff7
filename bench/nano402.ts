/** Ourselves, over a devnet in this process. */
import { createPaywall } from 'nano402'
import { paywall as expressPaywall } from 'nano402/express'
import { paywall as honoPaywall } from 'nano402/hono'
import { memoryStore } from 'nano402/stores/memory'
import { createWorld, offerOf, proofHeader } from '../test/support/world.ts'
import { PATH, repeat, type Subject } from './subject.ts'

/**
 * Each paid request has its own session and its own confirmed block. They are made once and serve every batch: the same
 * proof is good again because the store is a new one; for `paid-lookup` so is the whole instance, and it knows no block.
 */
export async function nano402(): Promise<Subject> {
  const world = await createWorld()
  const startMs = Date.now()
  const newStore = () => ({ ...memoryStore(), epochMs: () => Promise.resolve(startMs) })
  let store = newStore()
  const replaceable: typeof store = {
    ...store,
    claim: (...args) => store.claim(...args),
    commit: (...args) => store.commit(...args),
    release: (...args) => store.release(...args),
  }
  const open = (with_: typeof store) => createPaywall({ ...world.options, store: with_, maxTimeoutSeconds: 86_400 })
  const knowing = open(replaceable)

  const paid: Record<string, string>[] = []
  /** Buys what is missing, and presents it once, so that its block is known. */
  const pay = async (count: number) => {
    const ask = async (headers: Record<string, string>) => {
      const outcome = await knowing.guard(new Request(`http://127.0.0.1${PATH}`, { headers }))
      return outcome.kind === 'refused' ? outcome.toResponse() : outcome.deliver(() => new Response())
    }
    while (paid.length < count) {
      const offer = offerOf(await ask({}))
      const headers = proofHeader(offer, await world.buyer.pay(offer))
      const { status } = await ask(headers)
      if (status !== 200) throw new Error(`A payment was answered with ${status}.`)
      paid.push(headers)
    }
    store = newStore()
    return paid.slice(0, count)
  }

  return {
    name: 'nano402',
    async prepare(scenario, count) {
      const headers = scenario === 'unpaid' ? repeat(count, {}) : await pay(count)
      const paywall = scenario === 'paid-lookup' ? open(newStore()) : knowing
      return {
        middleware: { hono: honoPaywall(paywall), express: expressPaywall(paywall) },
        headers: async () => headers,
      }
    },
  }
}
