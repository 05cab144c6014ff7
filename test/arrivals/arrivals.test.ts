import { serveDevnet } from 'nano402/devnet/server'
import { derivePrivateKey, type NanoAddress } from 'nano402/nano'
import { createFeed, createLedger, type NanoNode } from 'nano402/rpc'
import { afterAll, expect, onTestFinished, test } from 'vitest'
import { createArrivals, type Sight } from '../../src/arrivals/index.ts'
import { publish, walletOf } from '../devnet/wallet.ts'
import { until } from '../support/wait.ts'
import { createPurse, createWorld, freshAccount } from '../support/world.ts'

const world = await createWorld()
afterAll(() => world.close())
const { devnet, seller, buyer } = world

const PRICE = 10n ** 27n
const wanted = (amount: bigint, account: NanoAddress = seller.account) => ({ account, amount, issuedAtMs: Date.now() })
let tags = 0n
/** An amount that nobody else waits for. */
const ownAmount = () => PRICE + 31_415_926_535_897_932_384n + ++tags

function open(node: NanoNode = devnet) {
  const ledger = createLedger({ node, nodes: [node], pollMs: 20 })
  const payments = createArrivals({ node, ledger, feed: undefined, pollMs: 20, lingerMs: 50 })
  onTestFinished(() => {
    payments.close()
    ledger.close()
  })
  return payments
}

/** What a page is told, in order. */
function listen(payments: ReturnType<typeof open>, what: Parameters<typeof payments.watch>[0]) {
  const sights: Sight[] = []
  const stop = payments.watch(what, (sight) => sights.push(sight))
  return { states: () => sights.map(({ state }) => state), sights, stop }
}

test('a payment is found by its amount: seen when it is sent, and confirmed when it is', async () => {
  const payments = open()
  const amount = ownAmount()
  const { states, sights } = listen(payments, wanted(amount))
  const other = listen(payments, wanted(ownAmount()))
  devnet.hold()
  const hash = await buyer.send(seller.account, amount)
  await until(() => states().includes('seen'))
  devnet.release()
  await until(() => states().includes('confirmed'))
  expect(states()).toEqual(['waiting', 'seen', 'confirmed'])
  expect(sights.at(-1)).toEqual({ state: 'confirmed', hash })
  expect(other.states()).toEqual(['waiting'])
})

test('a payment that was pocketed before anybody looked is found all the same', async () => {
  const { seed, account } = await devnet.fundedSeed()
  const amount = ownAmount()
  const hash = await buyer.send(account, amount)
  await publish(devnet, walletOf(seed), { link: hash, amount: -amount })
  expect(await open().look(wanted(amount, account), 5_000)).toEqual({ state: 'confirmed', hash })
})

test('with a websocket it is heard of, and not waited for until the next look', async () => {
  const served = await serveDevnet()
  onTestFinished(() => served.close())
  const feed = createFeed({ url: served.wsUrl, accounts: [seller.account] })
  const ledger = createLedger({ node: served.devnet, nodes: [served.devnet], feed })
  const payments = createArrivals({ node: served.devnet, ledger, feed, pollMs: 60_000 })
  onTestFinished(() => {
    payments.close()
    ledger.close()
    feed.close()
  })
  const { seed, account } = await served.devnet.fundedSeed()
  const purse = createPurse(served.devnet, derivePrivateKey(seed, 0), account)
  await until(() => feed.state() === 'open')
  const amount = ownAmount()
  const { states } = listen(payments, wanted(amount))
  const elsewhere = listen(payments, wanted(amount, account))
  await Promise.all([seller.account, account].map((payee) => payments.look(wanted(ownAmount(), payee), 500)))
  await purse.send(seller.account, amount)
  await until(() => states().includes('confirmed'))
  expect(elsewhere.states()).toEqual(['waiting'])
})

test('to another account, or a digit off: not found', async () => {
  const payments = open()
  const amount = ownAmount()
  await buyer.send(freshAccount(), amount)
  await buyer.send(seller.account, amount + 1n)
  await buyer.send(seller.account, amount - 1n)
  expect(await payments.look(wanted(amount), 5_000)).toEqual({ state: 'waiting' })
})

test('an amount without its last digits is a hint for the one who waits, and for nobody when two do', async () => {
  const payments = open()
  const [account, other] = [freshAccount(), freshAccount()]
  const alone = listen(payments, wanted(ownAmount(), account))
  const together = [listen(payments, wanted(ownAmount(), other)), listen(payments, wanted(ownAmount(), other))]
  await buyer.send(account, PRICE)
  await buyer.send(other, PRICE)
  const marker = ownAmount()
  const last = listen(payments, wanted(marker, other))
  await buyer.send(other, marker)
  await until(() => alone.states().includes('cut') && last.states().includes('confirmed'))
  expect(together.flatMap(({ states }) => states())).toEqual(['waiting', 'waiting'])
})

test('what was sent before the offer was made is no hint', async () => {
  const payments = open()
  const account = freshAccount()
  await buyer.send(account, PRICE)
  const later = { ...wanted(ownAmount(), account), issuedAtMs: Date.now() + 5_000 }
  expect(await payments.look(later, 5_000)).toEqual({ state: 'waiting' })
})

test('a thousand pages for one account ask the node no more than one does, and nobody asks when none is left', async () => {
  let calls = 0
  const node: NanoNode = {
    call(...question) {
      calls++
      return devnet.call(...question)
    },
  }
  const payments = open(node)
  const account = freshAccount()
  const pages = Array.from({ length: 1_000 }, () => listen(payments, wanted(ownAmount(), account)))
  await payments.look(wanted(ownAmount(), account), 5_000)
  expect(calls).toBeLessThanOrEqual(4) // two questions for a look, and two looks at most by now
  for (const { stop } of pages) stop()
  let before = -1
  while (before !== calls) {
    before = calls
    await new Promise((resolve) => setTimeout(resolve, 100)) // five times the pause between two looks
  }
})

test('a node that fails is asked again later, and the payment is found then', async () => {
  let isDown = true
  const node: NanoNode = {
    call: (...question) => (isDown ? Promise.reject(new Error('down')) : devnet.call(...question)),
  }
  const payments = open(node)
  const amount = ownAmount()
  await buyer.send(seller.account, amount)
  expect(await payments.look(wanted(amount), 5_000)).toEqual({ state: 'waiting' })
  isDown = false
  expect(await payments.look(wanted(amount), 5_000)).toMatchObject({ state: 'confirmed' })
})
