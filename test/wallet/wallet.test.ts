import { createPayer } from 'nano402/client'
import { createDevnet, DEVNET_GENESIS_KEY } from 'nano402/devnet'
import { serveDevnet } from 'nano402/devnet/server'
import {
  derivePrivateKey,
  derivePublicKey,
  generateWork,
  parseXno,
  publicKeyToAddress,
  WORK_THRESHOLDS,
  type Work,
  ZERO_HASH,
} from 'nano402/nano'
import { accountInfo, blocksInfo, type NanoNode } from 'nano402/rpc'
import { describe, expect, onTestFinished, test } from 'vitest'
import { buyerFor, devnetForTest, OTHER, openShop, sentBy } from '../client/support.ts'

const freshKey = () => derivePrivateKey(`${crypto.randomUUID().replaceAll('-', '')}${'0'.repeat(32)}`, 0)
const addressOf = (key: ReturnType<typeof freshKey>) => publicKeyToAddress(derivePublicKey(key))
const THRESHOLDS = WORK_THRESHOLDS['nano:devnet']

describe('one account', () => {
  test('pays twenty requests at once, each block on top of the one before', async () => {
    const devnet = devnetForTest()
    const shop = await openShop(devnet)
    const { payer } = await buyerFor(devnet)

    const paths = Array.from({ length: 20 }, (_, i) => `${shop.origin}/item/${i}`)
    const responses = await Promise.all(paths.map((path) => payer.fetch(path)))

    expect(responses.map(({ status }) => status)).toEqual(Array(20).fill(200))
    expect(new Set(await sentBy(devnet, payer.address)).size).toBe(20)
    expect(devnet.asked('process')).toBe(20)
    // Asked where it stands once, and never again.
    expect(devnet.asked('account_info')).toBe(1 + 1)
  })

  test('used by two wallets at once pays each request once', async () => {
    const devnet = devnetForTest()
    const shop = await openShop(devnet)
    const { seed } = await devnet.fundedSeed()
    const budget = { perRequest: '0.01', total: '0.0125' }
    const [a, b] = [await buyerFor(devnet, { seed, budget }), await buyerFor(devnet, { seed, budget })]
    await a.payer.fetch(shop.url)
    await b.payer.fetch(shop.url)
    // Each now believes that its own block is the last one.
    const responses = []
    for (let i = 0; i < 10; i++) responses.push(await (i % 2 === 0 ? a : b).payer.fetch(`${shop.origin}/${i}`))

    expect(responses.map(({ status }) => status)).toEqual(Array(10).fill(200))
    expect(await sentBy(devnet, a.payer.address)).toHaveLength(12)
    // A block that lost its place was paid by nobody: the budget for 12 payments was enough for 6 and their lost blocks.
    expect(a.types().filter((type) => type === 'void').length).toBeGreaterThan(0)
  })
})

describe('an account without funds', () => {
  test('is told by its address, and nothing is reserved', async () => {
    const devnet = devnetForTest()
    const shop = await openShop(devnet)
    const key = freshKey()
    const { payer } = await buyerFor(devnet, { privateKey: key, budget: { perRequest: '0.01', total: '0.0015' } })
    const unfunded = {
      code: 'ERR_INSUFFICIENT_FUNDS',
      address: addressOf(key),
      balance: 0n,
      receivable: 0n,
      message: expect.stringContaining(addressOf(key)),
    }
    await expect(payer.fetch(shop.url)).rejects.toMatchObject(unfunded)
    await devnet.faucet(payer.address, parseXno('0.0009'))
    await expect(payer.fetch(shop.url)).rejects.toMatchObject({ ...unfunded, receivable: parseXno('0.0009') })
    await devnet.faucet(payer.address, parseXno('0.0002'))
    expect((await payer.fetch(shop.url)).status).toBe(200)
  })

  test('is opened by the payment that needs it, if what waits for it suffices', async () => {
    const devnet = devnetForTest()
    const shop = await openShop(devnet)
    const { payer, types } = await buyerFor(devnet, { privateKey: freshKey() })
    await devnet.faucet(payer.address, parseXno('1'))
    expect((await payer.fetch(shop.url)).status).toBe(200)
    expect(types()).toContain('received')
    expect(await sentBy(devnet, payer.address)).toHaveLength(1)
  })
})

describe('receive', () => {
  test('pockets everything that waits, and says what', async () => {
    const devnet = devnetForTest(0)
    const { payer } = await buyerFor(devnet, { privateKey: freshKey() })
    const amounts = ['1', '0.2', '3'].map(parseXno)
    for (const amount of amounts) await devnet.faucet(payer.address, amount)
    expect(await payer.balance()).toEqual({ balance: 0n, confirmed: 0n, receivable: parseXno('4.2') })

    const received = await payer.receive()

    expect(received.map(({ amount }) => amount).toSorted()).toEqual(amounts.toSorted())
    const blocks = await blocksInfo(
      devnet,
      received.map(({ hash }) => hash),
    )
    expect([...blocks.values()].every((entry) => entry?.confirmed)).toBe(true)
    expect(await payer.balance()).toEqual({ balance: parseXno('4.2'), confirmed: parseXno('4.2'), receivable: 0n })
    expect(await payer.receive()).toEqual([])
  })

  test('tells the balance before and after confirmation apart', async () => {
    const devnet = devnetForTest()
    const shop = await openShop(devnet)
    const { payer } = await buyerFor(devnet, { retryForMs: 0, confirmTimeoutMs: 1 })
    devnet.hold()
    await payer.fetch(shop.url).catch(() => {})
    const { balance, confirmed } = await payer.balance()
    expect(confirmed).toBe(parseXno('100'))
    expect(balance).toBeLessThan(parseXno('99.9991'))
  })
})

describe('a node that lies about the balance', () => {
  test('cannot make the payer send the difference', async () => {
    const devnet = devnetForTest()
    const shop = await openShop(devnet)
    const { payer, events } = await buyerFor(devnet)
    devnet.faults.lie = (action, answer) =>
      action === 'account_info' ? { ...answer, balance: parseXno('0.002').toString() } : answer
    expect((await payer.fetch(shop.url)).status).toBe(200)
    const [challenged] = events
    expect(await sentBy(devnet, payer.address)).toEqual([challenged && 'amount' in challenged && challenged.amount])
  })

  test('cannot do it with another block either', async () => {
    const devnet = devnetForTest()
    const shop = await openShop(devnet)
    const { payer } = await buyerFor(devnet)
    devnet.faults.lie = (action, answer) => {
      if (action !== 'blocks_info') return answer
      const changed = JSON.stringify(answer).replaceAll(parseXno('100').toString(), parseXno('1').toString())
      return JSON.parse(changed) as typeof answer
    }
    await expect(payer.fetch(shop.url)).rejects.toMatchObject({ code: 'ERR_NODE_UNAVAILABLE' })
    devnet.faults.lie = undefined
    expect(await sentBy(devnet, payer.address)).toEqual([])
  })
})

test('an account of which the last block proves no balance is not paid from', async () => {
  const devnet = createDevnet({ bareGenesis: true })
  onTestFinished(() => devnet.close())
  const shop = await openShop(devnet)
  const { payer } = await buyerFor(devnet, { privateKey: DEVNET_GENESIS_KEY })
  await expect(payer.fetch(shop.url)).rejects.toMatchObject({ code: 'ERR_CONFIG' })
  expect(devnet.asked('process')).toBe(0)
})

describe('a representative', () => {
  test('is kept, or the one that was asked for; a new account names itself', async () => {
    const devnet = devnetForTest(0)
    const shop = await openShop(devnet)
    const { seed } = await devnet.fundedSeed()
    const { payer } = await buyerFor(devnet, { seed })
    const before = (await accountInfo(devnet, payer.address))?.representative
    await payer.fetch(shop.url)
    expect((await accountInfo(devnet, payer.address))?.representative).toBe(before)
    const changing = await buyerFor(devnet, { seed, representative: OTHER })
    await changing.payer.fetch(shop.url)
    expect((await accountInfo(devnet, payer.address))?.representative).toBe(OTHER)
    const fresh = await buyerFor(devnet, { privateKey: freshKey() })
    await devnet.faucet(fresh.payer.address, parseXno('1'))
    await fresh.payer.receive()
    expect((await accountInfo(devnet, fresh.payer.address))?.representative).toBe(fresh.payer.address)
  })
})

describe('work', () => {
  test('is computed for the next block right after each one', async () => {
    const devnet = devnetForTest()
    const shop = await openShop(devnet)
    const roots: string[] = []
    const { payer } = await buyerFor(devnet, {
      work: (root, threshold, signal) => {
        roots.push(root)
        expect(threshold).toBe(THRESHOLDS.send)
        return generateWork(root, threshold as Work, signal)
      },
    })
    const first = (await accountInfo(devnet, payer.address))?.frontier ?? ZERO_HASH
    await payer.fetch(shop.url)
    const second = (await accountInfo(devnet, payer.address))?.frontier ?? ZERO_HASH
    expect(roots).toEqual([first, second])
    await payer.fetch(shop.url)
    expect(roots).toHaveLength(3)
    expect(roots.slice(0, 2)).toEqual([first, second])
  })

  test('of a receive is the easier one', async () => {
    const devnet = devnetForTest()
    const thresholds: string[] = []
    const { payer } = await buyerFor(devnet, {
      privateKey: freshKey(),
      work: (root, threshold, signal) => {
        thresholds.push(threshold)
        return generateWork(root, threshold as Work, signal)
      },
    })
    await devnet.faucet(payer.address, parseXno('1'))
    await payer.receive()
    expect(thresholds[0]).toBe(THRESHOLDS.receive)
  })

  test.each<[string, () => Promise<string>]>([
    ['that fails', () => Promise.reject(new Error('no power'))],
    ['that is too easy', () => Promise.resolve('0000000000000000')],
    ['that is none', () => Promise.resolve('quick')],
  ])('%s is an error, and nothing is paid or reserved', async (_, work) => {
    const devnet = devnetForTest()
    const shop = await openShop(devnet)
    let isBroken = true
    const { payer } = await buyerFor(devnet, {
      budget: { perRequest: '0.01', total: '0.0015' },
      work: (root, threshold, signal) => (isBroken ? work() : generateWork(root, threshold as Work, signal)),
    })
    await expect(payer.fetch(shop.url)).rejects.toMatchObject({ code: 'ERR_WORK' })
    expect(devnet.asked('process')).toBe(0)
    isBroken = false
    expect((await payer.fetch(shop.url)).status).toBe(200)
  })

  test('computed ahead that failed is computed again', async () => {
    const devnet = devnetForTest()
    const shop = await openShop(devnet)
    let calls = 0
    const { payer } = await buyerFor(devnet, {
      work: (root, threshold, signal) =>
        ++calls === 2 ? Promise.reject(new Error('once')) : generateWork(root, threshold as Work, signal),
    })
    await payer.fetch(shop.url)
    expect((await payer.fetch(shop.url)).status).toBe(200)
  })

  test('comes from the node, or from another server, over HTTP', async () => {
    const [served, workServer] = [await serveDevnet({ confirmMs: 20 }), await serveDevnet()]
    onTestFinished(async () => {
      await Promise.all([served.close(), workServer.close()])
    })
    const shop = await openShop(served.devnet)
    const common = { rpc: [served.url], ws: served.wsUrl }
    const plain = await buyerFor(served.devnet, { ...common, work: 'node' })
    expect((await plain.payer.fetch(shop.url)).status).toBe(200)
    expect(served.devnet.asked('work_generate')).toBeGreaterThan(0)
    const asked = served.devnet.asked('work_generate')
    const apart = await buyerFor(served.devnet, { ...common, work: workServer.url })
    expect((await apart.payer.fetch(shop.url)).status).toBe(200)
    expect(workServer.devnet.asked('work_generate')).toBeGreaterThan(0)
    expect(served.devnet.asked('work_generate')).toBeLessThanOrEqual(asked + 1)
  })
})

describe('a node that is down', () => {
  test('before the payment is an error, and nothing stays reserved', async () => {
    const devnet = devnetForTest()
    const shop = await openShop(devnet)
    const { payer } = await buyerFor(devnet, { budget: { perRequest: '0.01', total: '0.0015' } })
    devnet.faults.down = 'reset'
    await expect(payer.fetch(shop.url)).rejects.toMatchObject({ code: 'ERR_NODE_UNAVAILABLE' })
    devnet.faults.down = undefined
    expect((await payer.fetch(shop.url)).status).toBe(200)
  })

  test('after the payment does not keep the proof from being presented', async () => {
    const devnet = devnetForTest(0)
    const shop = await openShop(devnet)
    let isDown = false
    const node: NanoNode = {
      call: (action, parameters, signal) => {
        if (isDown) return Promise.reject(new Error('down'))
        if (action === 'process') isDown = true
        return devnet.call(action, parameters, signal)
      },
    }
    const { payer } = await buyerFor(devnet, { rpc: node })
    expect((await payer.fetch(shop.url)).status).toBe(200)
  })

  test('of the wrong network is a configuration error', async () => {
    const served = await serveDevnet()
    onTestFinished(() => served.close())
    const shop = await openShop(served.devnet)
    const { payer } = await buyerFor(served.devnet, { rpc: served.url, network: 'nano:mainnet' })
    shop.challenge = (required) => ({
      ...required,
      accepts: required.accepts.map((offer) => ({ ...offer, network: 'nano:mainnet' })),
    })
    await expect(payer.fetch(shop.url)).rejects.toMatchObject({ code: 'ERR_CONFIG' })
  })
})

test('a seed and its index are the account that Nano wallets derive', () => {
  const options = { rpc: 'http://127.0.0.1:7076', budget: { perRequest: '1', total: '1' } }
  const seed = '0'.repeat(64)
  expect(createPayer({ ...options, seed }).address).toBe(addressOf(derivePrivateKey(seed, 0)))
  expect(createPayer({ ...options, seed, accountIndex: 7 }).address).toBe(addressOf(derivePrivateKey(seed, 7)))
})
