import { join } from 'node:path'
import { serveDevnet } from 'nano402/devnet/server'
import {
  addressToPublicKey,
  type BlockHash,
  derivePublicKey,
  generateWork,
  parseXno,
  publicKeyToAddress,
  raw,
  signBlock,
  WORK_THRESHOLDS,
} from 'nano402/nano'
import { accountInfo, blocksInfo, type NanoNode, publish, receivable } from 'nano402/rpc'
import { memoryStore } from 'nano402/stores/memory'
import { sqliteStore } from 'nano402/stores/sqlite'
import { describe, expect, onTestFinished, test, vi } from 'vitest'
import type { PayoutOrder } from '../../src/custody/payouts.ts'
import { NodeUnavailableError } from '../../src/errors.ts'
import { deferred } from '../../src/rpc/wait.ts'
import { devnetForTest, OTHER, SHOP, sentBy } from '../client/support.ts'
import { startChild } from '../support/child.ts'
import { temporaryDirectory } from '../support/stores.ts'
import { randomHash } from '../support/world.ts'
import { fundedKey, startPayouts } from './support.ts'

const ORDER: PayoutOrder = { id: 'refund:1', to: OTHER, amount: parseXno('0.5') }
const SECOND: PayoutOrder = { id: 'refund:2', to: SHOP, amount: parseXno('0.25') }
const THIRD: PayoutOrder = { id: 'refund:3', to: SHOP, amount: parseXno('0.125') }

/** Of 1 raw, 2 raw, and so on. */
const ordersOf = (count: number): readonly PayoutOrder[] =>
  Array.from({ length: count }, (_, i) => ({ ...ORDER, id: `${i}`, amount: raw(BigInt(i + 1)) }))
const sorted = (amounts: readonly bigint[]) => amounts.toSorted((a, b) => (a < b ? -1 : 1))

describe('a payout', () => {
  test('is made once, however often it is asked for, by whatever process', async () => {
    const devnet = devnetForTest()
    const [key, store] = [await fundedKey(devnet), memoryStore()]
    const [a, b] = [startPayouts({ key, node: devnet, store }), startPayouts({ key, node: devnet, store })]
    const all = await Promise.allSettled([a, b, a, b].map((one) => one.pay(ORDER)))
    const made = await a.pay(ORDER)
    expect(made.confirmed).toBe(true)
    // Of two that start at once one may be told that the other was faster.
    for (const one of all)
      expect(one).toMatchObject(one.status === 'fulfilled' ? { value: made } : { reason: { code: 'ERR_STORE' } })
    expect(await sentBy(devnet, a.address)).toEqual([ORDER.amount])
  })

  test('of many at once over two processes is each made once', async () => {
    const devnet = devnetForTest()
    const [key, store] = [await fundedKey(devnet), memoryStore()]
    const processes = [startPayouts({ key, node: devnet, store }), startPayouts({ key, node: devnet, store })] as const
    const orders = ordersOf(12)
    const made = await Promise.all(orders.map((order, i) => processes[i % 2 ? 0 : 1].pay(order)))
    expect(new Set(made.map(({ hash }) => hash)).size).toBe(12)
    expect(sorted(await sentBy(devnet, processes[0].address))).toEqual(orders.map(({ amount }) => amount))
  })

  test('is confirmed when the network says so, and asked for until then', async () => {
    const devnet = devnetForTest()
    const payouts = startPayouts({ key: await fundedKey(devnet), node: devnet, store: memoryStore() })
    devnet.hold()
    const published = await payouts.pay(ORDER)
    expect(published.confirmed).toBe(false)
    expect(await payouts.pay(ORDER)).toEqual(published)
    devnet.release()
    await vi.waitUntil(async () => (await payouts.pay(ORDER)).confirmed)
    expect(await payouts.pay(ORDER)).toEqual({ ...published, confirmed: true })
    expect(await sentBy(devnet, payouts.address)).toEqual([ORDER.amount])
  })

  test('of a name that was used for another one is refused', async () => {
    const devnet = devnetForTest()
    const payouts = startPayouts({ key: await fundedKey(devnet), node: devnet, store: memoryStore() })
    await payouts.pay(ORDER)
    for (const other of [{ to: SHOP }, { amount: raw(ORDER.amount + 1n) }]) {
      await expect(payouts.pay({ ...ORDER, ...other })).rejects.toMatchObject({ code: 'ERR_INVALID_VALUE' })
    }
    expect(await sentBy(devnet, payouts.address)).toEqual([ORDER.amount])
  })

  test('for which there is no money yet holds up no other, and is made when there is', async () => {
    const devnet = devnetForTest()
    const payouts = startPayouts({ key: await fundedKey(devnet), node: devnet, store: memoryStore() })
    const dear = { ...ORDER, amount: parseXno('1000') }
    await expect(payouts.pay(dear)).rejects.toMatchObject({ code: 'ERR_INSUFFICIENT_FUNDS' })
    await payouts.pay(SECOND)
    await devnet.faucet(payouts.address, parseXno('1000'))
    await payouts.pay(dear)
    expect(await sentBy(devnet, payouts.address)).toEqual([SECOND.amount, dear.amount])
  })

  test('whose block lost its place to another one is signed anew, and only when that one is confirmed', async () => {
    const devnet = devnetForTest()
    const key = await fundedKey(devnet)
    const address = publicKeyToAddress(derivePublicKey(key))
    const balance = (await accountInfo(devnet, address))?.balance ?? 0n
    let takePlace: () => Promise<unknown> = async () => {}
    const node: NanoNode = {
      async call(action, parameters, signal) {
        if (action === 'process') await takePlace()
        return devnet.call(action, parameters, signal)
      },
    }
    const payouts = startPayouts({ key, node, store: memoryStore() })
    takePlace = async () => {
      takePlace = async () => {}
      const info = await accountInfo(devnet, address)
      if (!info) throw new Error('unreachable')
      const { frontier: previous, representative } = info
      const content = {
        account: address,
        previous,
        representative,
        balance: raw(balance - 7n),
        link: addressToPublicKey(SHOP),
      }
      const work = await generateWork(previous, WORK_THRESHOLDS['nano:devnet'].send)
      devnet.hold()
      await publish(devnet, signBlock(content, key, work), 'send')
    }
    await expect(payouts.pay(ORDER)).rejects.toMatchObject({ code: 'ERR_NODE_REFUSED' })
    await expect(payouts.pay(ORDER)).rejects.toMatchObject({ code: 'ERR_NODE_UNAVAILABLE' })
    devnet.release()
    await vi.waitUntil(async () => (await accountInfo(devnet, address))?.confirmedBalance === balance - 7n)
    expect(await payouts.pay(ORDER)).toMatchObject({ confirmed: true })
    expect(await sentBy(devnet, address)).toEqual([7n, ORDER.amount])
  })

  test('that was signed and not published keeps its place: it goes out unchanged before the next one', async () => {
    const devnet = devnetForTest()
    const [key, store] = [await fundedKey(devnet), memoryStore()]
    const node: NanoNode = {
      call: (action, ...rest) =>
        action === 'process' ? Promise.reject(new NodeUnavailableError('down')) : devnet.call(action, ...rest),
    }
    const before = startPayouts({ key, node, store })
    await expect(before.pay(ORDER)).rejects.toMatchObject({ code: 'ERR_NODE_UNAVAILABLE' })
    const payouts = startPayouts({ key, node: devnet, store })
    await payouts.pay(SECOND)
    expect(await sentBy(devnet, payouts.address)).toEqual([ORDER.amount, SECOND.amount])
  })

  test('has its turn while a great deal is being received', async () => {
    const devnet = devnetForTest()
    const payouts = startPayouts({ key: await fundedKey(devnet), node: devnet, store: memoryStore() })
    for (let i = 0; i < 10; i++) await devnet.faucet(payouts.address, raw(1n))
    let isReceived = false
    const receiving = payouts.receive().then(() => {
      isReceived = true
    })
    const { hash } = await payouts.pay(ORDER)
    expect(isReceived).toBe(false)
    await receiving
    expect(await receivable(devnet, payouts.address, { count: 1 })).toEqual([])
    expect([await payouts.blockOf(ORDER.id), await payouts.blockOf('of nobody')]).toEqual([hash, undefined])
    expect(await sentBy(devnet, payouts.address)).toEqual([ORDER.amount])
  })

  test('waits where too many are unconfirmed, and all of them are made once the network goes on', async () => {
    const devnet = devnetForTest()
    const [key, store] = [await fundedKey(devnet), memoryStore()]
    const payouts = startPayouts({ key, node: devnet, store })
    const orders = ordersOf(40)
    devnet.hold()
    const first = orders.slice(0, 32).map((order) => payouts.pay(order))
    expect((await Promise.all(first)).some(({ confirmed }) => confirmed)).toBe(false)
    const rest = Promise.all(orders.slice(32).map((order) => payouts.pay(order)))
    // Who asks again is told at once, although nothing more is made.
    expect(await payouts.pay(orders[0] as PayoutOrder)).toEqual(await first[0])
    expect(await sentBy(devnet, payouts.address)).toHaveLength(32)
    devnet.release()
    expect((await rest).every(({ confirmed }) => confirmed)).toBe(true)
    await Promise.all(orders.map((order) => payouts.pay(order)))
    expect(sorted(await sentBy(devnet, payouts.address))).toEqual(sorted(orders.map(({ amount }) => amount)))
  })

  test('has its work done before it is asked for', async () => {
    const devnet = devnetForTest()
    const payouts = startPayouts({ key: await fundedKey(devnet), node: devnet, store: memoryStore() })
    await payouts.prepare()
    await payouts.pay(ORDER)
    expect(await sentBy(devnet, payouts.address)).toEqual([ORDER.amount])
  })
})

describe('of a chain of payments that the network has not confirmed', () => {
  /** Three of them, with what the node knows of the account's chain. */
  async function publishThree() {
    const devnet = devnetForTest()
    const [key, store] = [await fundedKey(devnet), memoryStore()]
    const payouts = startPayouts({ key, node: devnet, store })
    devnet.hold()
    const orders = ordersOf(3)
    const made = await Promise.all(orders.map((order) => payouts.pay(order)))
    return { devnet, key, store, payouts, orders, hashes: made.map(({ hash }) => hash) }
  }

  test('each goes out again unchanged, by whatever process, when the node has lost them', async () => {
    const { devnet, key, store, orders, hashes } = await publishThree()
    expect(devnet.vanish(hashes[1] as BlockHash)).toBe(true)
    const next = startPayouts({ key, node: devnet, store })
    devnet.confirm((await next.pay(ORDER)).hash)
    const again = await Promise.all(orders.map((order) => next.pay(order)))
    expect(again).toEqual(hashes.map((hash) => ({ hash, confirmed: true })))
    expect(await sentBy(devnet, next.address)).toEqual([1n, 2n, 3n, ORDER.amount])
  })

  test.each([0, 1])(
    'block %i loses its place for good: it and all on it are signed anew, those below it are not',
    async (lost) => {
      const { devnet, key, payouts, orders, hashes } = await publishThree()
      const below = (await blocksInfo(devnet, hashes)).get(hashes[lost] as BlockHash)?.block
      if (below?.type !== 'state') throw new Error('unreachable')
      devnet.vanish(hashes[lost] as BlockHash)
      const work = await generateWork(below.previous, WORK_THRESHOLDS['nano:devnet'].send)
      const rival = { ...below, balance: raw(below.balance - 7n), link: addressToPublicKey(SHOP) }
      const taken = await publish(devnet, signBlock(rival, key, work), 'send')
      await expect(payouts.pay(ORDER)).rejects.toMatchObject({ code: 'ERR_NODE_UNAVAILABLE' })
      expect((await blocksInfo(devnet, hashes.slice(lost))).get(hashes[2] as BlockHash)).toBeUndefined()
      devnet.confirm(taken)
      devnet.release()
      const again = await Promise.all(orders.map((order) => payouts.pay(order)))
      expect(again.map(({ hash }, i) => hash === hashes[i])).toEqual([lost > 0, false, false])
      const sent = (await sentBy(devnet, payouts.address)).filter((amount) => amount < 4n)
      expect(sorted(sent)).toEqual([1n, 2n, 3n])
    },
  )

  test('a send to the account that the node lists wrongly holds up nothing', async () => {
    const devnet = devnetForTest()
    const payouts = startPayouts({ key: await fundedKey(devnet), node: devnet, store: memoryStore() })
    devnet.faults.lie = (action, answer) => (action === 'receivable' ? { blocks: { [randomHash()]: '5' } } : answer)
    await expect(payouts.receive()).rejects.toMatchObject({ code: 'ERR_NODE_REFUSED' })
    devnet.faults.lie = undefined
    await devnet.faucet(payouts.address, raw(3n))
    await payouts.receive()
    await payouts.pay(ORDER)
    expect(await receivable(devnet, payouts.address, { count: 1 })).toEqual([])
    expect(await sentBy(devnet, payouts.address)).toEqual([ORDER.amount])
  })
})

test('what a process signed that slept through its turn is never seen by anybody', async () => {
  const devnet = devnetForTest()
  const [key, store] = [await fundedKey(devnet), memoryStore()]
  const seen: string[] = []
  const sleep = deferred<boolean>()
  const woken = deferred<void>()
  const sleepy = startPayouts({
    key,
    node: {
      call(action, parameters, signal) {
        if (action === 'process') seen.push('process')
        return devnet.call(action, parameters, signal)
      },
    },
    store: {
      ...store,
      renew: () => sleep.promise,
      async write(name, ...rest) {
        if (name.startsWith('payout-tail:')) {
          woken.resolve()
          await sleep.promise
        }
        return store.write(name, ...rest)
      },
    },
    leaseMs: 20,
  })
  const late = sleepy.pay(ORDER)
  await woken.promise
  const { hash } = await startPayouts({ key, node: devnet, store }).pay(ORDER)
  sleep.resolve(true)
  await expect(late).rejects.toMatchObject({ code: 'ERR_STORE' })
  expect(seen).toEqual([])
  expect(await sleepy.pay(ORDER)).toEqual({ hash, confirmed: true })
  expect(await sentBy(devnet, sleepy.address)).toEqual([ORDER.amount])
})

/** Lets so many calls pass, of everything that is wrapped; then nothing is done or answered any more, as after kill -9. */
function mortal(lifetime: number, after: boolean) {
  let calls = 0
  const dead = () => Promise.reject(new NodeUnavailableError('killed'))
  const wrap =
    <A extends readonly unknown[], R>(call: (...args: A) => Promise<R>) =>
    async (...args: A): Promise<R> => {
      calls++
      if (calls > lifetime) return dead()
      if (calls < lifetime || !after) return calls === lifetime ? dead() : call(...args)
      await call(...args)
      return dead()
    }
  return { wrap, hasDied: () => calls >= lifetime }
}

describe.each([{ after: false }, { after: true }])('a process that is killed (after the step: $after)', ({ after }) => {
  test('at any step has its payments made once by the next one, be it another payment that comes first', async () => {
    const devnet = devnetForTest()
    const [key, store] = [await fundedKey(devnet), memoryStore()]
    let lifetime = 1
    for (let hasLived = false; !hasLived; lifetime++) {
      const { wrap, hasDied } = mortal(lifetime, after)
      const node: NanoNode = { call: wrap(devnet.call.bind(devnet)) }
      const { claim, release, read, write } = store
      const failing = { ...store, claim: wrap(claim), release: wrap(release), read: wrap(read), write: wrap(write) }
      const orders = [ORDER, SECOND, THIRD].map((order) => ({ ...order, id: `${lifetime} ${order.id}` }))
      const doomed = startPayouts({ key, node, store: failing, leaseMs: 20 })
      await Promise.allSettled(orders.map((order) => doomed.pay(order)))

      const next = startPayouts({ key, node: devnet, store })
      // Which of them comes first must not matter.
      for (const order of lifetime % 2 ? orders.toReversed() : orders) await next.pay(order)
      hasLived = !hasDied()
    }
    const sent = await sentBy(devnet, publicKeyToAddress(derivePublicKey(key)))
    expect(sent).toHaveLength(3 * (lifetime - 1))
    for (let i = 0; i < sent.length; i += 3) {
      const all = [ORDER, SECOND, THIRD].map(({ amount }) => amount)
      expect(sorted(sent.slice(i, i + 3)), `killed at ${i / 3 + 1}`).toEqual(sorted(all))
    }
    expect(lifetime).toBeGreaterThan(12)
  })
})

test.each(['before process', 'after process', 'after the answer'])(
  'kill -9 %s, on SQLite: the payment is made once',
  async (moment) => {
    const served = await serveDevnet({ confirmMs: 0 })
    onTestFinished(() => served.close())
    const { devnet } = served
    const key = await fundedKey(devnet)
    const path = join(temporaryDirectory(), 'custodian.sqlite')
    const env = {
      NODE_URL: served.url,
      PRIVATE_KEY: key,
      STORE: path,
      TO: ORDER.to,
      AMOUNT: String(ORDER.amount),
      MOMENT: moment,
    }
    const child = startChild(process.execPath, ['--import', 'tsx', 'test/custody/kill-child.ts'], { env })
    await child.ended
    expect(child.output()).toBe('about to be killed\n')

    const store = await sqliteStore(path)
    onTestFinished(() => store.close())
    const payouts = startPayouts({ key, node: devnet, store })
    expect(await sentBy(devnet, payouts.address)).toHaveLength(moment === 'before process' ? 0 : 1)
    await payouts.pay(ORDER)
    expect(await sentBy(devnet, payouts.address)).toEqual([ORDER.amount])
  },
)
