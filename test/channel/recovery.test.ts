/** A store that was lost, and one that was restored from yesterday (C15, C16): what clients get back, and who decides. */
import { cpSync } from 'node:fs'
import { join } from 'node:path'
import type { PaywallEvent, StoreError } from 'nano402'
import { parseXno } from 'nano402/nano'
import { accountHistory, receivable } from 'nano402/rpc'
import { memoryStore } from 'nano402/stores/memory'
import { sqliteStore } from 'nano402/stores/sqlite'
import { afterEach, beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest'
import { encodePayload } from '../../src/channel/wire.ts'
import { reconcileChannels } from '../../src/reconcile/index.ts'
import { temporaryDirectory } from '../support/stores.ts'
import { createWorld, type Purse, type World } from '../support/world.ts'
import { type Channel, codeOf, freshWallet, outcomeOf, prepareChannel, settlementOf } from './client.ts'
import { openChannelShop } from './shop.ts'

let world: World
afterEach(() => void vi.useRealTimers())
beforeAll(async () => {
  world = await createWorld()
})
const SOON = { channel: { sweepSeconds: 1 } }

/** What is on its way to a purse, which nothing was on its way to before. */
const refundsTo = async ({ account }: Purse) =>
  (await receivable(world.devnet, account, { count: 50 })).map(({ amount }) => amount)
/** Presents the opening again, with the latest that the client was told. */
async function showAgain(channel: Channel, at: Channel, told: Response, change: object = {}) {
  const { channelState, receipt, commitmentId, chargedAmount } = outcomeOf(told)
  const said = { channelState, receipt, ...(commitmentId && { commitmentId, chargedAmount }), ...change }
  return at.present({ ...encodePayload(await channel.opening()), acknowledged: said })
}

describe('a server that lost its store', () => {
  async function loseIt(deposit = parseXno('0.5')) {
    const wallet = freshWallet()
    const purse = await world.purse()
    const before = openChannelShop(world, { wallet })
    const channel = await prepareChannel(before.ask, purse, { deposit })
    await channel.open()
    await channel.pay(2)
    const told = await channel.state()
    const store = memoryStore()
    const lose = async () => {
      await before.paywall.close({ timeoutMs: 1 })
      const after = openChannelShop(world, { wallet, store, ...SOON })
      const desk = reconcileChannels({ node: world.devnet, store, account: channel.offer.payTo })
      return { ...after, at: channel.on(after.ask) as Channel, desk }
    }
    return { channel, purse, told, lose, deposit: deposit + channel.tag }
  }

  test('takes its own word for what was deposited and charged, serves no old proof, and refunds when the operator says so', async () => {
    const { channel, purse, told, lose, deposit } = await loseIt()
    const { at, runs, desk } = await lose()
    expect(codeOf(await at.pay(3))).toBe('channel_not_found')
    expect(codeOf(await showAgain(channel, at, told))).toBe('channel_recovering')
    expect(codeOf(await showAgain(channel, at, told))).toBe('channel_recovering') // again: the same
    for (const k of [1, 2, 3, 50]) expect(codeOf(await at.pay(k))).toBe('channel_recovering')
    expect(codeOf(await at.authorize(50))).toBe('channel_recovering')
    expect(codeOf(await at.topUp(await channel.send(parseXno('0.1'))))).toBe('channel_recovering')
    expect(codeOf(await at.close())).toBe('channel_recovering')
    const charged = 2n * channel.unit
    expect(outcomeOf(await at.state()).channelState).toMatchObject({ phase: 'recovering', charged: String(charged) })
    const review = await desk.review()
    expect(review.unknown).toEqual([])
    expect(review.recovering).toMatchObject([{ channelId: channel.id, deposit, charged, earlier: [] }])
    expect(await refundsTo(purse)).toEqual([]) // nothing by itself
    await expect(desk.confirm(channel.id, { charged: charged - 1n })).rejects.toThrow(/at least what its receipt says/)
    await expect(desk.confirm(channel.id, { charged: deposit + 1n })).rejects.toThrow(/at most its deposit/)
    await desk.confirm(channel.id)
    await expect.poll(() => refundsTo(purse), { timeout: 10_000 }).toEqual([deposit - charged])
    await expect.poll(async () => outcomeOf(await at.state()).channelState.phase).toBe('closed')
    expect([runs(), (await desk.review()).recovering]).toEqual([0, []])
    await expect(desk.confirm(channel.id)).rejects.toThrow(/No channel/)
  })

  test('shows the operator what may have refunded it before, and does not refund it twice', async () => {
    const { channel, purse, told, lose, deposit } = await loseIt()
    await expect.poll(async () => (await channel.close()).status).toBe(204)
    await expect.poll(async () => outcomeOf(await channel.close()).channelState.phase).toBe('closed')
    const [refund] = await refundsTo(purse)
    expect(refund).toBe(deposit - 2n * channel.unit)
    const { at, desk } = await lose()
    expect(codeOf(await showAgain(channel, at, told))).toBe('channel_recovering')
    const [found] = (await desk.review()).recovering
    expect(found?.earlier).toMatchObject([{ to: purse.account, amount: refund }])
    await expect(desk.confirm(channel.id)).rejects.toThrow(found?.earlier[0]?.hash)
    expect(await refundsTo(purse)).toEqual([refund])
    // Unless the operator has seen that it was for something else.
    await desk.confirm(channel.id, { despite: [found?.earlier[0]?.hash ?? ''], charged: deposit - 5n })
    await expect.poll(() => refundsTo(purse), { timeout: 10_000 }).toContain(5n)
  })

  test('believes nothing of a channel but what it signed itself, of this very channel, for the account that paid', async () => {
    const { channel, told, lose } = await loseIt()
    const { at, desk } = await lose()
    const { channelState, receipt } = outcomeOf(told)
    const codes = []
    for (const change of [
      { channelState: { ...channelState, charged: '0' } },
      { channelState: { ...channelState, deposit: String(10n ** 30n) } },
      { channelState: { ...channelState, channelId: 'A'.repeat(64) } },
      { receipt: { ...receipt, issuedAt: 1 } },
      { requestHash: 'A'.repeat(64) },
    ]) {
      codes.push(codeOf(await showAgain(channel, at, told, change)))
    }
    expect(codes).toEqual(Array(5).fill('proof'))
    const { authorization, ...opening } = encodePayload(await channel.opening()) as { authorization: string }
    const said = { channelState, receipt }
    const flipped = authorization.replace(/^./, (digit) => (digit === '0' ? '1' : '0'))
    const forged = { ...opening, authorization: flipped, acknowledged: said }
    expect(codeOf(await at.present(forged))).toBe('authorization')
    expect(codeOf(await at.openOnly())).toBe('store_reset') // without a word of ours there is nothing to go by
    expect((await desk.review()).recovering).toEqual([])
  })
})

describe('a store that was restored from yesterday', () => {
  /** What a shop knew when its store was copied, on that copy. */
  async function restore() {
    const wallet = freshWallet()
    const [purse, events] = [await world.purse(), [] as PaywallEvent[]]
    const [directory, backup] = [temporaryDirectory(), temporaryDirectory()]
    const open = async (inDirectory: string) => {
      const store = await sqliteStore(join(inDirectory, 'store.sqlite'))
      const shop = openChannelShop(world, { wallet, store, onEvent: (event) => events.push(event) })
      const close = async () => {
        await shop.paywall.close({ timeoutMs: 1 })
        await store.close()
      }
      onTestFinished(close)
      return { ...shop, store, close }
    }
    const first = await open(directory)
    const channel = await prepareChannel(first.ask, purse)
    await channel.open()
    const account = channel.offer.payTo
    await expect.poll(() => first.store.read(`sent-checked:${account}`)).toBeDefined()
    await first.close()
    cpSync(directory, backup, { recursive: true }) // with what SQLite has beside the file
    const second = await open(directory)
    return { purse, account, channel, events, yesterday: channel.on(second.ask) as Channel, second, open, backup }
  }

  test('refunds nothing while the account has sent what it knows nothing of', async () => {
    const { purse, account, channel, events, yesterday, second, open, backup } = await restore()
    await yesterday.pay(5)
    await expect.poll(async () => (await yesterday.close()).status).toBe(204)
    const [refund] = await refundsTo(purse)
    await second.close()
    const { ask, store } = await open(backup)
    const other = await prepareChannel(ask, await world.purse()) // so that there is money
    await other.open()
    const today = channel.on(ask) as Channel
    expect((await today.close()).status).toBe(503)
    expect(await refundsTo(purse)).toEqual([refund])
    const failed = events.find((event) => event.type === 'refund_failed')
    expect((failed as { fault: StoreError }).fault.message).toContain('restored from a backup')
    // Nor to anybody else: of a channel that this store never knew, the refund could have gone anywhere.
    expect((await other.close()).status).toBe(503)
    const desk = reconcileChannels({ node: world.devnet, store, account })
    const { unknown } = await desk.review()
    expect(unknown).toMatchObject([{ to: purse.account, amount: refund }])
    for (const { hash } of unknown) await desk.accept(hash as never)
    await expect.poll(async () => (await other.close()).status).toBe(204)
    expect(await refundsTo(other.purse)).toHaveLength(1)
    const sends = (await accountHistory(world.devnet, account as never, { count: 100 })).entries
    expect(sends.filter(({ subtype }) => subtype === 'send')).toHaveLength(2)
  })

  test('costs the payee what was charged since then, and no client anything', async () => {
    const { purse, channel, yesterday, second, open, backup } = await restore()
    for (let k = 2; k <= 6; k++) expect((await yesterday.pay(k)).status).toBe(200)
    await second.close()
    const { ask, runs } = await open(backup)
    const today = channel.on(ask) as Channel
    // The next proof authorises what was charged in between once more, and the client is charged for what it asks now.
    const answer = await today.pay(7)
    const { charged, authorized } = outcomeOf(answer).channelState
    expect([answer.status, charged, authorized]).toEqual([200, String(2n * channel.unit), String(7n * channel.unit)])
    expect(settlementOf(answer).amount).toBe(String(channel.unit))
    await expect.poll(async () => (await today.close()).status).toBe(204)
    // What it lost is what it charged since the backup: five requests, and not a raw more.
    const deposit = BigInt(channel.extra.suggestedDeposit) + channel.tag
    expect(await refundsTo(purse)).toEqual([deposit - 2n * channel.unit])
    expect(runs()).toBe(1)
  })
})

test('a payee closes and refunds its own channels alone, whoever else has some in the same store', async () => {
  vi.useFakeTimers({ toFake: ['Date'] }) // what expires in an hour is over when the test says so
  const store = memoryStore()
  const faults: unknown[] = []
  const sleepy = openChannelShop(world, { store, channel: { sweepSeconds: 3_600, ttlSeconds: 3_600 } })
  const { ask } = openChannelShop(world, {
    ...{ store, channel: { sweepSeconds: 1, ttlSeconds: 3_600 } },
    onEvent: (event) => event.type === 'refund_failed' && faults.push(event.fault),
  })
  const others = await prepareChannel(sleepy.ask, await world.purse())
  await others.open()
  for (const purse of [await world.purse(), await world.purse()]) {
    await (await prepareChannel(ask, purse)).open()
    vi.setSystemTime(Date.now() + 3_600_000)
    await expect.poll(() => refundsTo(purse), { timeout: 10_000 }).toHaveLength(1) // the second: a sweep is over
  }
  expect([faults, outcomeOf(await others.state()).channelState.phase]).toEqual([[], 'open'])
})
