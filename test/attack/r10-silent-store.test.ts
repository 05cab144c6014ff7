import { type Store, StoreError } from 'nano402'
import { memoryStore } from 'nano402/stores/memory'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { stoppedClock } from '../stores/clock.ts'
import { watch } from '../support/outcome.ts'
import { codeIn } from '../support/raw.ts'
import { openShop, purchase } from '../support/shop.ts'
import { gate } from '../support/wait.ts'
import { createWorld, type World } from '../support/world.ts'

let world: World
beforeAll(async () => {
  world = await createWorld()
})
afterAll(() => world.close())

const LEASE_MS = 30_000
const lost = () => {
  throw new StoreError('The store did not answer in time.')
}

/** What may become of a step whose answer did not come in time. */
type Fate = (step: () => Promise<unknown>) => Promise<void>
const fates: readonly (readonly [string, Fate])[] = [
  ['took it', async (step) => void (await step())],
  ['never heard of it', async () => {}],
]

/** A store on a clock of its own that some answers get lost of, from a moment on until it is mended. */
function flakyStore(fate: Fate) {
  const clock = stoppedClock()
  const inner = memoryStore({ now: clock.now })
  let isBroken = (_step: string) => false
  const answer = async <T>(step: string, run: () => Promise<T>): Promise<T> => {
    if (!isBroken(step)) return run()
    await fate(run)
    return lost()
  }
  const store: Store = {
    ...inner,
    epochMs: async () => 0,
    claim: (id, owner, limits) =>
      answer(`claim ${id}`, () => inner.claim(id, owner, { ...limits, keepUntilMs: Number.MAX_SAFE_INTEGER })),
    commit: (id, owner) => answer('commit', () => inner.commit(id, owner, Number.MAX_SAFE_INTEGER)),
    // What gives back goes the same way, and never arrives.
    release: (id, owner) => (isBroken('release') ? lost() : inner.release(id, owner)),
  }
  const breakAt = (...steps: string[]) => {
    isBroken = (step) => steps.some((broken) => step.startsWith(broken))
  }
  return { store, inner, clock, breakAt, mend: () => breakAt() }
}

const held = { status: 409, code: 'payment_in_progress', ran: 0, asked: 0 }

describe.each(fates)('R10: the answer of the store is lost, and it %s:', (fate, decide) => {
  test.each(['session', 'block'])(
    'a claim (of the %s) serves nobody, is not free while it may be held, and is good afterwards',
    async (kind) => {
      const { store, clock, breakAt, mend } = flakyStore(decide)
      const shop = openShop({ ...world.options, store, leaseMs: LEASE_MS })
      const attempt = watch(world, shop)
      const { headers } = await purchase(shop, world.buyer)
      breakAt(`claim ${kind}`, 'release')
      expect(await attempt(() => shop.ask(headers))).toMatchObject({ status: 503, code: 'store_unavailable', ran: 0 })
      mend()
      if (fate === 'took it' || kind === 'block') {
        expect(await attempt(() => shop.ask(headers))).toEqual(held)
        clock.advance(LEASE_MS - 1)
        expect(await attempt(() => shop.ask(headers))).toEqual(held)
        clock.advance(1)
      }
      expect(await attempt(() => shop.ask(headers))).toMatchObject({ status: 200, ran: 1 })
      expect(await attempt(() => shop.ask(headers))).toMatchObject({ code: 'payment_already_spent', ran: 0 })
    },
  )

  test('a commit delivers nothing, and the payment is not free while it may be final', async () => {
    const { store, clock, breakAt, mend } = flakyStore(decide)
    const shop = openShop({ ...world.options, store, leaseMs: 200 })
    const attempt = watch(world, shop)
    const { headers } = await purchase(shop, world.buyer)
    breakAt('commit')
    const answer = await shop.ask(headers)
    expect([answer.status, codeIn(await answer.text()), shop.runs()]).toEqual([503, 'store_unavailable', 1])
    mend()
    expect(await attempt(() => shop.ask(headers))).toEqual(held)
    clock.advance(200)
    const after = fate === 'took it' ? { code: 'payment_already_spent', ran: 0 } : { status: 200, ran: 1 }
    expect(await attempt(() => shop.ask(headers))).toMatchObject(after)
  })
})

describe('R10: a claim that the store makes long after it was given up', () => {
  /** The claim is made when the test says so; until then it is answered with silence. */
  async function openLate() {
    const arrival = gate()
    const late: Promise<unknown>[] = []
    const made = flakyStore(async (step) => void late.push(arrival.promise.then(step)))
    const shop = openShop({ ...world.options, store: made.store, leaseMs: LEASE_MS })
    const attempt = watch(world, shop)
    const bought = await purchase(shop, world.buyer)
    made.breakAt('claim session')
    expect(await attempt(() => shop.ask(bought.headers))).toMatchObject({ status: 503, code: 'store_unavailable' })
    made.mend()
    const arrive = async () => {
      arrival.open()
      return Promise.all(late)
    }
    return { ...made, shop, attempt, ...bought, arrive }
  }

  test('does not undo what was bought meanwhile', async () => {
    const { attempt, shop, headers, arrive } = await openLate()
    expect(await attempt(() => shop.ask(headers))).toMatchObject({ status: 200, ran: 1 })
    expect(await arrive()).toEqual(['spent'])
    expect(await attempt(() => shop.ask(headers))).toMatchObject({ status: 402, code: 'payment_already_spent', ran: 0 })
  })

  test('does not disturb a handler that runs meanwhile', async () => {
    const { attempt, shop, headers, arrive, inner, hash } = await openLate()
    const outcome = await shop.paywall.guard(new Request('http://shop.example/report', { headers }))
    expect(await arrive()).toEqual(['held'])
    if (outcome.kind !== 'paid') throw new Error('It was to be served.')
    expect((await outcome.deliver(() => new Response('paid'))).status).toBe(200)
    expect(await inner.inspect(`block:${hash}`)).toMatchObject({ state: 'spent' })
    expect(await attempt(() => shop.ask(headers))).toMatchObject({ status: 402, code: 'payment_already_spent', ran: 0 })
  })

  test('frees itself with its lease, and the proof is good again', async () => {
    const { attempt, shop, headers, arrive, clock } = await openLate()
    expect(await arrive()).toEqual(['claimed'])
    expect(await attempt(() => shop.ask(headers))).toMatchObject({ status: 409, code: 'payment_in_progress', ran: 0 })
    clock.advance(LEASE_MS)
    expect(await attempt(() => shop.ask(headers))).toMatchObject({ status: 200, ran: 1 })
  })
})

describe('R10: any other answer of the store that does not come', () => {
  const broken: Readonly<Record<string, Partial<Store>>> = {
    'about its beginning': { epochMs: async () => lost() },
    'to a claim': { claim: async () => lost() },
  }
  test.each(Object.entries(broken))('%s is 503, and the proof is good when it comes again', async (_name, part) => {
    const inner = memoryStore()
    let failing = true
    const store = new Proxy({} as Store, {
      get: (_, name: keyof Store) => (failing ? part[name] : undefined) ?? inner[name],
    })
    const shop = openShop({ ...world.options, store })
    const attempt = watch(world, shop)
    const { headers } = await purchase(shop, world.buyer)
    for (let i = 0; i < 3; i++) {
      expect(await attempt(() => shop.ask(headers))).toMatchObject({ status: 503, code: 'store_unavailable', ran: 0 })
    }
    failing = false
    expect(await attempt(() => shop.ask(headers))).toMatchObject({ status: 200, ran: 1 })
  })

  test('to the giving back of a claim leaves it held until its lease ends, and then good', async () => {
    const clock = stoppedClock()
    const inner = memoryStore({ now: clock.now })
    const store: Store = {
      ...inner,
      epochMs: async () => 0,
      claim: (id, owner, limits) => inner.claim(id, owner, { ...limits, keepUntilMs: Number.MAX_SAFE_INTEGER }),
      release: async () => lost(),
    }
    let status = 500
    const shop = openShop({ ...world.options, store, leaseMs: LEASE_MS }, () => new Response('', { status }))
    const attempt = watch(world, shop)
    const { headers } = await purchase(shop, world.buyer)
    expect(await attempt(() => shop.ask(headers))).toMatchObject({ status: 500, ran: 1 })
    status = 200
    expect(await attempt(() => shop.ask(headers))).toMatchObject({ status: 409, code: 'payment_in_progress', ran: 0 })
    clock.advance(LEASE_MS)
    expect(await attempt(() => shop.ask(headers))).toMatchObject({ status: 200, ran: 1 })
  })
})
