import type { Store } from 'nano402'
import { memoryStore } from 'nano402/stores/memory'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { publish } from '../devnet/wallet.ts'
import { openShop, purchase, type Shop } from '../support/shop.ts'
import { createWorld, freshAccount, offerOf, proofHeader, randomHash, type World } from '../support/world.ts'

let world: World
beforeAll(async () => {
  world = await createWorld()
})
afterAll(() => world.close())

/** Everything that an answer says, without what is drawn anew for each offer. */
async function said(response: Response) {
  const { accepts, ...body } = (await response.json()) as { accepts?: object[] }
  const headers = [...response.headers].filter(([name]) => name !== 'payment-required')
  return { status: response.status, headers, body, offers: accepts?.length }
}

/** What a stranger who holds a session of its own hears about a block. */
async function strangerHears(shop: Shop, hash: string) {
  const own = offerOf(await shop.ask())
  return said(await shop.ask(proofHeader(own, hash)))
}

/** A store that writes down which ids it is asked about. */
function watchedStore() {
  const store = memoryStore()
  const asked: string[] = []
  const watched: Store = {
    ...store,
    claim: (id, owner, limits) => {
      asked.push(id)
      return store.claim(id, owner, limits)
    },
  }
  return { store: watched, asked }
}

test("S10: a stranger hears the same of another's payment, used, unused or in use, as of any other amount", async () => {
  const { store, asked } = watchedStore()
  let finish = () => {}
  const shop = openShop(
    { ...world.options, store, price: '0.001' },
    () =>
      new Promise((resolve) => {
        const answer = () => resolve(new Response('paid'))
        if (shop.runs() === 1) answer()
        else finish = answer
      }),
  )
  const used = await purchase(shop, world.buyer)
  expect((await shop.ask(used.headers)).status).toBe(200)
  const unused = await purchase(shop, world.buyer)
  const inUse = await purchase(shop, world.buyer)
  const using = shop.ask(inUse.headers)
  const gift = await world.buyer.send(world.seller.account, 12_345n)
  while (asked.length < 4) await new Promise((resolve) => setImmediate(resolve))
  asked.length = 0

  const heard = []
  for (const hash of [gift, used.hash, unused.hash, inUse.hash]) heard.push(await strangerHears(shop, hash))
  expect(heard[0]).toMatchObject({ status: 402, body: { error: 'amount_mismatch' }, offers: 1 })
  for (const each of heard) expect(each).toEqual(heard[0])
  // What cannot be told from the answer is not found out in the store either.
  expect(asked).toEqual([])
  finish()
  expect((await using).status).toBe(200)
})

test('S10: what a stranger hears says neither the amount nor the accounts of the block', async () => {
  const shop = openShop(world.options)
  const victim = await purchase(shop, world.buyer)
  const own = offerOf(await shop.ask())
  const answer = await shop.ask(proofHeader(own, victim.hash))
  const shown =
    JSON.stringify([...answer.headers].map(([name, value]) => [name, readable(value)])) + (await answer.text())
  for (const secret of [victim.offer.amount, victim.hash, world.buyer.account]) expect(shown).not.toContain(secret)
})

const readable = (value: string) => (/^[A-Za-z0-9+/]{40,}=*$/.test(value) ? atob(value) : value)

test('S10: a block to somebody else is the same as none of ours, whatever it moved', async () => {
  const shop = openShop(world.options)
  const amounts = [1n, 10n ** 27n]
  const blocks = await amounts.reduce<Promise<string[]>>(
    async (sent, amount) => [...(await sent), await world.buyer.send(freshAccount(), amount)],
    Promise.resolve([]),
  )
  const [first, second] = [await strangerHears(shop, blocks[0] ?? ''), await strangerHears(shop, blocks[1] ?? '')]
  expect(first).toMatchObject({ status: 402, body: { error: 'recipient_mismatch' } })
  expect(second).toEqual(first)
})

test('S10: without a genuine session nobody hears whether a block exists', async () => {
  const shop = openShop(world.options)
  const victim = await purchase(shop, world.buyer)
  const received = await publish(world.devnet, world.seller, {
    link: victim.hash,
    amount: -BigInt(victim.offer.amount),
  })
  const elsewhere = offerOf(await shop.ask({}, { path: '/other' }))
  const hear = async (hash: string) => said(await shop.ask(proofHeader(elsewhere, hash)))
  const nothing = await hear(randomHash())
  expect(nothing).toMatchObject({ status: 402, body: { error: 'resource_mismatch' } })
  for (const hash of [victim.hash, received]) expect(await hear(hash)).toEqual(nothing)
  expect((await shop.ask(victim.headers)).status).toBe(200)
  expect(await hear(victim.hash)).toEqual(nothing)
})
