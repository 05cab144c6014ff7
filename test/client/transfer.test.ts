import { describe, expect, test } from 'vitest'
import { buyerFor, devnetForTest, OTHER, openShop, sentBy } from './support.ts'

const XNO = 10n ** 30n

describe('a send', () => {
  test('moves the amount, is confirmed, and counts against no budget', async () => {
    const devnet = devnetForTest(30)
    const { payer, types } = await buyerFor(devnet, { budget: { perRequest: '0.01', total: '0.01' } })
    const { hash, amount, confirmed } = await payer.send({ to: OTHER, amount: 5n * XNO })
    expect({ amount, confirmed }).toEqual({ amount: 5n * XNO, confirmed: true })
    expect(await sentBy(devnet, payer.address)).toEqual([5n * XNO])
    expect((await devnet.call('block_info', { hash })).confirmed).toBe('true')
    expect(types()).toEqual(['work', 'work', 'published', 'confirmed'])
    const shop = await openShop(devnet)
    expect((await payer.fetch(shop.url)).status).toBe(200)
  })

  test.each([
    ['to what is no account', 'nano_1', XNO, 'ERR_INVALID_VALUE'],
    ['of what is no amount', OTHER, -1n, 'ERR_AMOUNT'],
    ['of more than there is', OTHER, 1_000n * XNO, 'ERR_INSUFFICIENT_FUNDS'],
  ])('%s is an error, and nothing is sent', async (_, to, amount, code) => {
    const devnet = devnetForTest()
    const { payer } = await buyerFor(devnet)
    await expect(payer.send({ to, amount })).rejects.toMatchObject({ code })
    expect(await sentBy(devnet, payer.address)).toEqual([])
  })

  test('whose answer got lost is found in the ledger, and is not an error', async () => {
    const devnet = devnetForTest()
    const lossy = {
      async call(action: string, parameters: Readonly<Record<string, unknown>>) {
        const answer = await devnet.call(action, parameters)
        return action === 'process' ? {} : answer
      },
    }
    const { payer } = await buyerFor(devnet, { rpc: lossy })
    expect(await payer.send({ to: OTHER, amount: XNO })).toMatchObject({ confirmed: true })
    expect(await sentBy(devnet, payer.address)).toEqual([XNO])
  })

  test('that may or may not have got out is an error that names the block', async () => {
    const devnet = devnetForTest()
    let isDown = false
    const dying = {
      async call(action: string, parameters: Readonly<Record<string, unknown>>) {
        const answer = isDown ? {} : await devnet.call(action, parameters)
        isDown ||= action === 'process'
        return isDown ? {} : answer
      },
    }
    const { payer } = await buyerFor(devnet, { rpc: dying })
    const error = await payer.send({ to: OTHER, amount: XNO }).catch((error: unknown) => error)
    expect(error).toMatchObject({ code: 'ERR_SEND_UNCERTAIN', hash: expect.stringMatching(/^[0-9A-F]{64}$/) })
    expect((error as Error).message).toContain((error as { hash: string }).hash)
    expect(await sentBy(devnet, payer.address)).toEqual([XNO])
  })
})

describe('approval', () => {
  test('is asked before each payment, with what is to be paid', async () => {
    const devnet = devnetForTest()
    const shop = await openShop(devnet)
    const bills: unknown[] = []
    const approve = (bill: unknown) => bills.push(bill) > 0
    const { payer } = await buyerFor(devnet, { approve })
    expect((await payer.fetch(shop.url)).status).toBe(200)
    const [amount] = await sentBy(devnet, payer.address)
    expect(bills).toEqual([
      {
        url: shop.url,
        method: 'GET',
        price: 10n ** 27n,
        amount,
        payTo: expect.any(String),
        expiresAtMs: expect.any(Number),
      },
    ])
  })

  test.each([false, 'yes', undefined, Promise.resolve(1)])('that is %j pays nothing', async (answer) => {
    const devnet = devnetForTest()
    const shop = await openShop(devnet)
    const { payer } = await buyerFor(devnet, { approve: () => answer as boolean })
    await expect(payer.fetch(shop.url)).rejects.toMatchObject({ code: 'ERR_NOT_APPROVED' })
    expect(await sentBy(devnet, payer.address)).toEqual([])
    expect(shop.seen).toHaveLength(1)
  })
})
