import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { frameworks } from '../support/frameworks.ts'
import { watch } from '../support/outcome.ts'
import { stores } from '../support/stores.ts'
import { disposable } from '../support/wait.ts'
import { buy, createWorld, type World } from '../support/world.ts'

const cases = frameworks.flatMap((framework) => stores.map((store) => ({ ...framework, ...store })))
const LIFETIME_MS = 60_000
const CLAIM_WINDOW_MS = 3_600_000

let world: World
beforeEach(async () => {
  vi.useFakeTimers({ toFake: ['Date'] })
  world = await createWorld()
})
afterEach(() => {
  world.close()
  vi.useRealTimers()
})

describe.each(cases)('R6 over $name with $store', ({ serve, open }) => {
  test('a spent proof buys nothing at any later time: what is forgotten has run out long before', async () => {
    const limits = { maxTimeoutSeconds: LIFETIME_MS / 1000, claimWindowMs: CLAIM_WINDOW_MS }
    await using app = disposable(await serve({ ...world.options, ...limits, store: await open() }))
    const started = Date.now()
    const { headers } = await buy(world.buyer, `${app.url}/report`)
    expect((await fetch(`${app.url}/report`, { headers })).status).toBe(200)
    const end = LIFETIME_MS + CLAIM_WINDOW_MS
    for (const [laterMs, code] of [
      [LIFETIME_MS - 1_000, 'payment_already_spent'],
      [LIFETIME_MS + 1_000, 'payment_already_spent'],
      [end - 1_000, 'payment_already_spent'],
      [end + 1_000, 'session_expired'],
      [end + 3_600_000 - 1_000, 'session_expired'],
      [end + 3_600_000 + 1_000, 'session_expired'], // from here on the store may have forgotten
      [10 * 365 * 86_400_000, 'session_expired'],
    ] as const) {
      vi.setSystemTime(started + laterMs)
      for (let i = 0; i < 40; i++) await fetch(`${app.url}/other`) // nothing that is done meanwhile matters
      const again = await watch(world, app)(() => fetch(`${app.url}/report`, { headers }))
      expect(again, `${laterMs} ms later`).toEqual({ status: 402, code, ran: 0, asked: 0 })
    }
  })
})
