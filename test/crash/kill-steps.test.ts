/** R9, and R3 where a process ends: a server is killed at each step of a paid request, and others go on with its store. */
import type { RefusedAfterPaymentError } from 'nano402'
import type { PayerEvent } from 'nano402/client'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { reconcile } from '../../src/reconcile/index.ts'
import { sentBy } from '../client/support.ts'
import { codeIn } from '../support/raw.ts'
import { createClient } from './client.ts'
import type { Settings } from './settings.ts'
import type { Step } from './steps.ts'
import { type CrashWorld, createCrashWorld, type Server, SHARED_STORES } from './world.ts'

vi.setConfig({ testTimeout: 60_000 }) // programs take a while to start where many do

/** Where a payment stays good: what reconciliation says of it after the kill, and how often the handler runs in all. */
const GOOD_AGAIN: readonly { readonly step: Step; readonly standing: 'unmatched' | 'open'; readonly runs: number }[] = [
  { step: 'before claim', standing: 'unmatched', runs: 1 },
  { step: 'between claims', standing: 'unmatched', runs: 1 },
  { step: 'after claim', standing: 'open', runs: 1 },
  { step: 'in handler', standing: 'open', runs: 2 },
  { step: 'before commit', standing: 'open', runs: 2 },
]
/** Where it is used up and its answer lost. */
const LOST: readonly Step[] = ['between commits', 'after commit']
/** Where its answer has left. */
const ANSWERED: readonly Step[] = ['after first byte', 'before noting']

const LEASE_MS = 1_500
const ANSWER = 'first piece, last piece'
const [sqlite, redis] = SHARED_STORES
const worlds: readonly {
  readonly name: string
  readonly shared: (typeof SHARED_STORES)[number]
  readonly framework: Settings['framework']
  readonly steps?: readonly Step[]
}[] = [
  { name: 'Express on SQLite', shared: sqlite, framework: 'express' },
  {
    name: 'Express on Redis',
    shared: redis,
    framework: 'express',
    steps: ['before claim', 'after claim', 'in handler', 'between commits', 'after commit', 'after first byte'],
  },
  { name: 'Hono on SQLite', shared: sqlite, framework: 'hono', steps: ['in handler', 'after commit', ...ANSWERED] },
]

describe.each(worlds)('R9, R3: $name, killed with -9', ({ shared, framework, steps }) => {
  describe.skipIf(!shared.isHere).concurrent('', () => {
    let world: CrashWorld
    /** Another process on the same store, which nobody kills. */
    let other: Server
    beforeAll(async () => {
      world = await createCrashWorld(shared, { leaseMs: LEASE_MS })
      other = await world.start({ framework })
    })
    afterAll(() => world.close())

    const isWanted = (step: Step) => steps?.includes(step) ?? true

    /** What the other process answers to a proof. */
    async function askOther(proof: Record<string, string>) {
      const response = await fetch(`${other.url}/report/1`, { headers: proof })
      return [response.status, codeIn(await response.text())]
    }
    const spent = [402, 'payment_already_spent']

    /** What reconciliation says of a payment. */
    async function standingOf(hash: string) {
      const { sends } = await reconcile({ node: world.devnet, store: world.store, account: world.payTo })
      return sends.find((send) => send.hash === hash)?.state
    }

    /** Begins to buy from a server that will stop at this step. */
    async function buyFromVictim(step: Step) {
      const victim = await world.start({ framework, stopAt: step })
      const client = await createClient(world)
      let presentedAtMs = Number.POSITIVE_INFINITY
      const onEvent = ({ type }: PayerEvent) => {
        if (type === 'presenting') presentedAtMs = Date.now()
      }
      const payer = client.payer({ retryForMs: 0, onEvent })
      const url = `${victim.url}/report/1`
      const asked = payer.fetch(url)
      asked.catch(() => {}) // looked at once the server is dead
      const hash = async () => (await client.journal())[0]?.hash ?? ''
      return { victim, client, url, asked, hash, presentedAtMs: () => presentedAtMs }
    }

    /** The same until the server is dead and its client knows that no answer will come. */
    async function buyInVain(step: Step) {
      const { victim, asked, hash, ...bought } = await buyFromVictim(step)
      await victim.stopped()
      await victim.kill()
      await expect(asked).rejects.toMatchObject({ refusal: 'no_answer', retryable: true })
      return { ...bought, hash: await hash(), port: victim.port }
    }

    /** How often the handler ran for a payment, and how often an answer to it left. */
    const counts = (hash: string) => [world.noted('ran').get(hash) ?? 0, world.noted('left').get(hash) ?? 0]

    test.each(GOOD_AGAIN.filter(({ step }) => isWanted(step)))(
      '$step: the proof is good again once the lease has ended, and buys one answer',
      async ({ step, standing, runs }) => {
        const { client, url, hash, port, presentedAtMs } = await buyInVain(step)
        expect(await standingOf(hash)).toBe(standing)

        await world.start({ framework, port })
        const payer = client.payer()
        expect(await (await payer.fetch(url)).text()).toBe(ANSWER)

        if (step !== 'before claim') expect(Date.now() - presentedAtMs()).toBeGreaterThanOrEqual(LEASE_MS)
        payer.close()
        expect(await sentBy(world.devnet, client.account)).toHaveLength(1)
        expect(await askOther(client.proof())).toEqual(spent)
        expect(counts(hash)).toEqual([runs, 1])
        while ((await standingOf(hash)) !== 'matched'); // it is noted after the answer
      },
    )

    test.each(LOST.filter(isWanted))(
      '%s: the payment is used up, not served again, and listed for a refund',
      async (step) => {
        const { client, url, hash, port } = await buyInVain(step)
        expect(await standingOf(hash)).toBe('undelivered')

        await world.start({ framework, port })
        const payer = client.payer()
        const refused = payer.fetch(url).catch((error: RefusedAfterPaymentError) => error)
        expect(await refused).toMatchObject({ refusal: 'payment_already_spent', retryable: false })

        payer.close()
        expect(await client.journal()).toMatchObject([{ hash, state: 'refused' }])
        expect(await askOther(client.proof())).toEqual(spent)
        expect(await sentBy(world.devnet, client.account)).toHaveLength(1)
        expect(counts(hash)).toEqual([1, 0])
        expect(await standingOf(hash)).toBe('undelivered')
      },
    )

    test('three times in the handler: the attempts are used up, there is no fourth run, and the payment is not used up', async () => {
      const settings = { framework, stopAt: 'in handler', options: { leaseMs: 300 } } as const
      let victim = await world.start(settings)
      const { port, url } = victim
      const client = await createClient(world)
      const payer = client.payer()
      const refused = payer.fetch(`${url}/report/1`).catch((error: RefusedAfterPaymentError) => error)
      for (let run = 1; run <= 3; run++) {
        await victim.stopped()
        await victim.kill()
        victim = await world.start({ ...settings, port })
      }
      expect(await refused).toMatchObject({ refusal: 'attempts_exhausted', retryable: false })
      payer.close()
      const [{ hash = '' } = {}] = await client.journal()
      expect(counts(hash)).toEqual([3, 0])
      expect(await standingOf(hash)).toBe('open')
    })

    test.each(ANSWERED.filter(isWanted))('%s: what left has been paid for, and is not served again', async (step) => {
      const { victim, client, asked, hash } = await buyFromVictim(step)
      if (step === 'before noting') await victim.stopped()
      else expect((await (await asked).clone().body?.getReader().read())?.value).toBeDefined()
      await victim.kill()

      const body = (await asked).text()
      if (step === 'before noting') expect(await body).toBe(ANSWER)
      else await expect(body).rejects.toThrow()
      expect(await client.journal()).toMatchObject([{ state: 'delivered' }])
      expect(await askOther(client.proof())).toEqual(spent)
      expect(counts(await hash())).toEqual([1, 1])
      // Told too much rather than too little: a note that is missing is looked at by somebody.
      if (step === 'before noting') expect(await standingOf(await hash())).toBe('undelivered')
    })
  })
})
