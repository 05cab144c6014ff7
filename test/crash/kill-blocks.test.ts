/** R9 for a block that is handed over: the server is killed between the claim and publishing it, and before it is confirmed. */
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { sentBy } from '../client/support.ts'
import { codeIn } from '../support/raw.ts'
import { createClient } from './client.ts'
import type { Step } from './steps.ts'
import { type CrashWorld, createCrashWorld, SHARED_STORES } from './world.ts'

vi.setConfig({ testTimeout: 60_000 }) // programs take a while to start where many do

const LEASE_MS = 500
const SETTINGS = { framework: 'express', options: { mechanisms: ['signed-block'] } } as const
/** All of it with `npm run test:crash`, one case otherwise. */
const IS_IN_FULL = process.env.NANO402_KILLS !== undefined
/** How many blocks of the client the ledger has when the server is dead. */
const AFTER_CLAIM = ['after claim', 0] as const
const AFTER_PUBLISHING = ['after publishing', 1] as const
const STEPS = IS_IN_FULL ? [AFTER_CLAIM, AFTER_PUBLISHING] : [AFTER_PUBLISHING]

describe.concurrent('R9: a server that was handed a block, killed with -9', () => {
  let world: CrashWorld
  beforeAll(async () => {
    world = await createCrashWorld(SHARED_STORES[0], { leaseMs: LEASE_MS, confirmMs: 300 })
  })
  afterAll(() => world.close())

  /** Hands a block to a server that stops at this step, and kills it there. */
  async function killAt(stopAt: Step) {
    const victim = await world.start({ ...SETTINGS, stopAt })
    const client = await createClient(world)
    const payer = client.payer({ retryForMs: 0 })
    const url = `${victim.url}/report/1`
    const asked = payer.fetch(url)
    asked.catch(() => {}) // looked at once the server is dead
    await victim.stopped()
    await victim.kill()
    await expect(asked).rejects.toMatchObject({ refusal: 'no_answer', retryable: true })
    payer.close()
    const sent = (await sentBy(world.devnet, client.account)).length
    const restart = () => world.start({ ...SETTINGS, port: victim.port })
    const [{ hash = '' } = {}] = await client.journal()
    return { client, url, sent, hash, restart }
  }

  /** Presents a proof until it is not told to come again. */
  async function show(url: string, headers: Record<string, string>): Promise<readonly [number, string]> {
    for (;;) {
      const answer = await fetch(url, { headers })
      const body = await answer.text()
      if (![409, 503].includes(answer.status)) return [answer.status, codeIn(body) ?? body]
    }
  }

  const SPENT = [402, 'payment_already_spent']
  const counts = (hash: string) => [world.noted('ran').get(hash), world.noted('left').get(hash)]

  test.each(STEPS)('%s: the same proof is good in the server that comes next, and once', async (step, published) => {
    const { client, url, sent, hash, restart } = await killAt(step)
    expect(sent).toBe(published)
    await restart()
    expect(await show(url, client.proof())).toEqual([200, 'first piece, last piece'])
    expect(await show(url, client.proof())).toEqual(SPENT)
    expect(await sentBy(world.devnet, client.account)).toHaveLength(1)
    expect(counts(hash)).toEqual([1, 1])
  })

  test.each(IS_IN_FULL ? STEPS : [])(
    '%s: its payer, started anew, pays no second time, and is served once',
    async (step) => {
      const { client, url, hash, restart } = await killAt(step)
      await restart()
      const payer = client.payer()
      expect(await (await payer.fetch(url)).text()).toBe('first piece, last piece')
      payer.close()
      expect(await show(url, client.proof())).toEqual(SPENT)
      expect(await client.journal()).toMatchObject([{ hash, state: 'delivered' }])
      expect(await sentBy(world.devnet, client.account)).toHaveLength(1)
      expect(counts(hash)).toEqual([1, 1])
    },
  )
})
