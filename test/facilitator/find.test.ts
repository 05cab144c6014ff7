/** The room in which questions about payments wait. */
import { createLedger } from 'nano402/rpc'
import { afterAll, expect, onTestFinished, test } from 'vitest'
import { createLookout } from '../../src/facilitator/find.ts'
import { createWorld, freshAccount } from '../support/world.ts'

const world = await createWorld()
afterAll(() => world.close())
const { devnet, buyer } = world

function open() {
  const ledger = createLedger({ node: devnet, nodes: [devnet] })
  const lookout = createLookout({ node: devnet, ledger, feed: undefined, pollMs: 20 })
  onTestFinished(() => {
    lookout.close()
    ledger.close()
  })
  return lookout
}
const wanted = (amount: bigint) => ({ account: freshAccount(), amount, issuedAtMs: Date.now() })
const AMOUNT = 10n ** 27n + 7n

test('what is news is told at once, and what is known is not told again', async () => {
  const lookout = open()
  const what = wanted(AMOUNT)
  expect(await lookout.sight(what, { waitMs: 1_000 })).toEqual({ state: 'waiting' })
  const news = lookout.sight(what, { waitMs: 20_000, known: 'waiting' })
  const hash = await buyer.send(what.account, AMOUNT)
  expect(await news).toEqual({ state: 'confirmed', hash })
  expect(await lookout.sight(what, { waitMs: 20_000, known: 'waiting' })).toEqual({ state: 'confirmed', hash })
})

test('a thousand wait; who comes then is told what is known, and all leave when nobody asks any more', async () => {
  const lookout = open()
  const what = wanted(AMOUNT)
  const askers = Array.from({ length: 1_000 }, () => new AbortController())
  const look = { waitMs: 5_000, known: 'waiting' } as const
  const waiting = askers.map(({ signal }) => lookout.sight(what, look, signal))
  const startMs = performance.now()
  expect(await lookout.sight(what, look)).toEqual({ state: 'waiting' })
  expect(performance.now() - startMs).toBeLessThan(2_500)
  for (const asker of askers) asker.abort()
  expect(new Set((await Promise.all(waiting)).map(({ state }) => state))).toEqual(new Set(['waiting']))
  expect(performance.now() - startMs).toBeLessThan(4_500)
})
