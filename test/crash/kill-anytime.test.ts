/** R9 and R3 at random moments: servers on one store are killed under load, and then everything is counted. */
import { setTimeout as pause } from 'node:timers/promises'
import type { RefusedAfterPaymentError } from 'nano402'
import type { Payer } from 'nano402/client'
import { receivable } from 'nano402/rpc'
import { describe, expect, onTestFinished, test } from 'vitest'
import { reconcile } from '../../src/reconcile/index.ts'
import { PAYMENT_SIGNATURE } from '../../src/x402/headers.ts'
import { codeIn } from '../support/raw.ts'
import { createClient } from './client.ts'
import { type CrashWorld, createCrashWorld, type Server, SHARED_STORES } from './world.ts'

/** How often a server is killed; `npm run test:crash` does it a hundred times. */
const KILLS = Number(process.env.NANO402_KILLS ?? 6)
const CLIENTS = 4
const ORIGIN = 'http://shop.example'

/** The servers that there are, behind one address. */
async function openFarm(world: CrashWorld) {
  const frameworks = ['express', 'hono'] as const
  const alive: Server[] = []
  const proofs = new Map<string, string>()
  let started = 0
  const add = async () => {
    alive.push(await world.start({ framework: frameworks[started++ % frameworks.length] ?? 'express', handlerMs: 5 }))
  }
  await Promise.all([add(), add()])
  const kill = () => alive.shift()?.kill()
  return {
    add,
    /** The one that has been there for longest. */
    kill,
    killAll: () => Promise.all([kill(), kill()]),
    /** Every proof that was presented, and for what address. */
    proofs,
    async fetch(request: Request): Promise<Response> {
      const proof = request.headers.get(PAYMENT_SIGNATURE)
      if (proof !== null) proofs.set(proof, request.url)
      const server = alive[Math.floor(Math.random() * alive.length)]
      if (!server) throw new Error('Nobody is there.')
      const response = await fetch(new Request(request.url.replace(ORIGIN, server.url), request))
      return new Response(response.body, response) // without the address that it came from
    },
  }
}

/** Asks until an answer begins, or the payment is refused for good. */
async function buy(payer: Payer, url: string, mayGoOn: () => boolean): Promise<void> {
  while (mayGoOn()) {
    const answer = await payer.fetch(url).catch((error: Partial<RefusedAfterPaymentError>) => error)
    if (answer instanceof Response) return void (await answer.text().catch(() => {})) // a kill may cut it short
    if (answer.retryable === false) return
  }
}

describe.each(SHARED_STORES)('R9, R3 with $name', (shared) => {
  test.skipIf(!shared.isHere)(
    `after ${KILLS} kills under load every grant is paid for, no block has two, and what is undelivered is good or listed`,
    { timeout: 60_000 + 2_000 * KILLS },
    async () => {
      const world = await createCrashWorld(shared, { leaseMs: 1_000, attempts: 100, confirmMs: 20 })
      onTestFinished(() => world.close())
      const farm = await openFarm(world)
      const clients = await Promise.all(Array.from({ length: CLIENTS }, () => createClient(world)))

      let isOpen = true
      let presented = 0
      let heard = () => {}
      const onEvent = ({ type }: { type: string }) => {
        if (type === 'presenting') presented++
        heard()
      }
      const shoppers = clients.map(async (client) => {
        const payer = client.payer({ fetch: farm.fetch, retryForMs: 3_000, onEvent })
        for (let item = 1; isOpen; item++) await buy(payer, `${ORIGIN}/report/${client.account}-${item}`, () => isOpen)
        payer.close()
      })
      for (let kills = 0; kills < KILLS; kills++) {
        const enough = presented + 1 + Math.floor(4 * Math.random())
        while (presented < enough) {
          await new Promise<void>((resolve) => {
            heard = resolve
          })
        }
        await pause(20 * Math.random()) // any moment in the life of a request
        await farm.kill()
        await farm.add()
      }
      isOpen = false
      await farm.killAll()
      await Promise.all(shoppers)

      await farm.add()
      const journals = async () => (await Promise.all(clients.map((client) => client.journal()))).flat()
      const open = (await journals()).filter(({ unfinished }) => unfinished)
      for (const client of clients) {
        const payer = client.payer({ fetch: farm.fetch })
        for (const { unfinished } of await client.journal()) {
          if (unfinished) await buy(payer, unfinished.url, () => true)
        }
        payer.close()
      }

      const replayed: unknown[] = []
      for (const [proof, url] of farm.proofs) {
        const answer = await farm.fetch(new Request(url, { headers: { [PAYMENT_SIGNATURE]: proof } }))
        replayed.push(codeIn(await answer.text()))
      }
      expect(new Set(replayed)).toEqual(new Set(['payment_already_spent']))

      // The ledger, what the handlers wrote, what the clients wrote, and the store: four books, kept by four.
      const paid = await receivable(world.devnet, world.payTo, { count: 1_000_000 })
      const [ran, left] = [world.noted('ran'), world.noted('left')]
      const entries = await journals()
      const { sends, counts } = await reconcile({ node: world.devnet, store: world.store, account: world.payTo })
      const hashes = (those: readonly { readonly hash: string }[]) => those.map(({ hash }) => hash).sort()
      const inState = (state: string) => hashes([...entries, ...sends].filter((one) => one.state === state))

      expect(hashes(entries)).toEqual(hashes(paid))
      expect(new Set(entries.map(({ key }) => key)).size).toBe(entries.length)
      const onLedger = new Set(hashes(paid))
      expect([...ran.keys(), ...left.keys()].filter((hash) => !onLedger.has(hash))).toEqual([])
      expect([...left].filter(([, times]) => times > 1)).toEqual([])
      expect(inState('delivered').filter((hash) => !left.has(hash))).toEqual([])

      const lost = inState('refused')
      expect([...inState('delivered'), ...lost].sort()).toEqual(hashes(paid))
      expect(counts).toMatchObject({ open: 0, late: 0, unmatched: 0, unknown: 0 })
      expect(lost.filter((hash) => !inState('undelivered').includes(hash))).toEqual([])
      if (process.env.NANO402_KILLS) {
        process.stdout.write(
          `${shared.name}: ${KILLS} kills, ${paid.length} payments, ${[...ran.values()].reduce((a, b) => a + b, 0)} handler runs, ` +
            `${open.length} redeemed at the end, ${lost.length} lost, ${counts.undelivered} listed\n`,
        )
      }
    },
  )
})
