/** The issuer's ledger: every move once, wherever a process is cut off, and a statement that explains every balance. */
import { join } from 'node:path'
import { serveDevnet } from 'nano402/devnet/server'
import { raw } from 'nano402/nano'
import { memoryStore } from 'nano402/stores/memory'
import { sqliteStore } from 'nano402/stores/sqlite'
import { describe, expect, onTestFinished, test, vi } from 'vitest'
import { channelId } from '../../src/channel/config.ts'
import { StoreError } from '../../src/errors.ts'
import { addsUp, emptyAccount, PAGE } from '../../src/issuer/account.ts'
import { audit } from '../../src/issuer/audit.ts'
import type { Book } from '../../src/issuer/book.ts'
import { NOW_MS } from '../channel/support.ts'
import { sentBy } from '../client/support.ts'
import { startChild } from '../support/child.ts'
import { temporaryDirectory } from '../support/stores.ts'
import { ALICE, type Bank, BOB, ISSUER_KEY, issuedConfig, openBank, SHOP, startBook } from './support.ts'

const terms = { amount: 100n, settleBy: NOW_MS / 1_000 + 5 }
const config = issuedConfig()
const id = channelId(config)
const standing = async ({ book }: { readonly book: Book }) =>
  Promise.all([ALICE, SHOP].map(async (address) => (await book.account(address))?.balance ?? 0n))

/** A store that answers so many calls, and none after that. */
function mortal(lifetime: number) {
  const store = memoryStore({ now: () => NOW_MS })
  let calls = 0
  const wrap =
    <A extends readonly unknown[], R>(call: (...args: A) => Promise<R>) =>
    async (...args: A): Promise<R> => {
      if (++calls > lifetime) throw new StoreError('killed')
      return call(...args)
    }
  const dying = { ...store, read: wrap(store.read), write: wrap(store.write) }
  return { store, dying, hasDied: () => calls > lifetime }
}

describe.each([
  ['a deposit', (book: Book) => book.deposit(ALICE, { block: 'A'.repeat(64), amount: 7n }), [1_000n, 0n], [1_007n, 0n]],
  [
    'an opening',
    (book: Book) => book.open(issuedConfig({ nonce: 'fixed', root: 'C'.repeat(64) }), terms),
    [1_000n, 0n],
    [900n, 0n],
  ],
  ['a settlement', (book: Book) => book.settle(id, { charged: 40n }), [900n, 0n], [960n, 40n]],
  ['a withdrawal', (book: Book) => book.withdraw(ALICE, { id: 'one', amount: 70n }), [1_000n, 0n], [930n, 0n]],
] as const)('%s that is cut off at any step', (name, act, before, after) => {
  test('is done once when it is asked for again, and nothing is lost on the way', async () => {
    let lifetime = 0
    for (let hasLived = false; !hasLived; lifetime++) {
      const { store, dying, hasDied } = mortal(lifetime)
      const bank = openBank(store)
      await bank.deposit(ALICE, 1_000n)
      if (name === 'a deposit') await bank.devnet.faucet(bank.payouts.address, raw(7n))
      if (name === 'a settlement') await bank.book.open(config, terms)
      expect(await standing(bank)).toEqual(before)

      await act(startBook({ store: dying, devnet: bank.devnet, now: () => NOW_MS }).book).catch(() => {})
      hasLived = !hasDied()
      const pending = name === 'a deposit' ? 7n : 0n
      const { surplus, wrong } = await bank.audit()
      expect(wrong).toEqual([])
      expect([0n, pending]).toContain(surplus)

      const next = startBook({ store, devnet: bank.devnet, now: () => NOW_MS })
      if (lifetime % 2) for (const address of [SHOP, ALICE]) await next.book.tidy(address)
      await act(next.book)
      await act(bank.book)
      expect(await standing(bank), `cut off after ${lifetime} calls`).toEqual(after)
      expect(await bank.audit()).toMatchObject({ ok: true, surplus: 0n })
      const left = (await bank.book.collect()).accounts.flatMap(({ deposits, credits }) => [...deposits, ...credits])
      expect(left).toEqual([])
    }
    expect(lifetime).toBeGreaterThan(3)
  })
})

describe('the ledger', () => {
  test('carries on by itself with what a process left behind: a charge in transit reaches its payee', async () => {
    const { store, dying } = mortal(3)
    const bank = openBank(store)
    await bank.deposit(ALICE, 1_000n)
    await bank.book.open(config, terms)
    const cut = startBook({ store: dying, devnet: bank.devnet, now: () => NOW_MS })
    await expect(cut.book.settle(id, { charged: 40n })).rejects.toThrow('killed')
    expect(await bank.audit()).toMatchObject({ inTransit: 40n, balances: 960n, surplus: 0n })
    for await (const address of bank.book.addresses()) await bank.book.tidy(address)
    expect(await standing(bank)).toEqual([960n, 40n])
    expect(await bank.audit()).toMatchObject({ inTransit: 0n, surplus: 0n })
  })

  test('pays a withdrawal once, though it is asked for again long after it was paid', async () => {
    const bank = openBank(memoryStore())
    await bank.deposit(ALICE, 100n)
    const order = { id: 'one', amount: 60n }
    expect(await bank.book.withdraw(ALICE, order)).toBe('debited')
    expect(await bank.audit()).toMatchObject({ withdrawals: 60n, surplus: 0n })
    await bank.book.payOut(ALICE)
    const paid = await bank.book.withdraw(ALICE, order)
    expect(paid).toEqual({ block: expect.stringMatching(/^[0-9A-F]{64}$/) })
    expect(await bank.book.withdraw(ALICE, { ...order, amount: 61n })).toBe('withdrawal_conflict')
    await bank.book.payOut(ALICE)
    expect(await sentBy(bank.devnet, bank.payouts.address)).toEqual([60n])
    expect(await standing(bank)).toEqual([40n, 0n])
  })

  test('counts a payout that is in the ledger and not confirmed as paid, and asks until it is', async () => {
    const bank = openBank(memoryStore())
    await bank.deposit(ALICE, 100n)
    await bank.book.withdraw(ALICE, { id: 'one', amount: 60n })
    await bank.payouts.receive()
    bank.devnet.hold()
    expect(await bank.book.payOut(ALICE)).toBe(false)
    expect(await bank.audit()).toMatchObject({ withdrawals: 0n, owed: 40n, held: 40n, ok: true })
    bank.devnet.release()
    await vi.waitUntil(() => bank.book.payOut(ALICE))
    expect((await bank.book.account(ALICE))?.withdrawals).toEqual([])
    expect(await sentBy(bank.devnet, bank.payouts.address)).toEqual([60n])
  })

  test('does not open a channel again that has ended, after everybody else has forgotten it', async () => {
    const bank = openBank(memoryStore())
    await bank.deposit(ALICE, 1_000n)
    expect(await bank.book.open(config, terms)).toBe('locked')
    await bank.book.settle(id, { charged: 0n })
    expect((await bank.book.account(ALICE))?.locks).toEqual([])
    expect(await bank.book.open(config, terms)).toBe('channel_closed')
    expect(await standing(bank)).toEqual([1_000n, 0n])
  })

  test('stores nothing for an opening that the balance does not cover', async () => {
    const store = memoryStore()
    const bank = openBank(store)
    expect(await bank.book.open(config, terms)).toBe('insufficient_balance')
    expect(await store.read(`issuer-channel:${id}`)).toBeUndefined()
  })

  test('takes amounts up to all there is, to the last raw', async () => {
    const bank = openBank(memoryStore())
    const all = 10n ** 38n + 1n
    await bank.deposit(ALICE, all)
    await bank.book.open(config, { ...terms, amount: all })
    await bank.book.settle(id, { charged: all - 1n })
    expect(await standing(bank)).toEqual([1n, all - 1n])
    expect(await bank.audit()).toMatchObject({ ok: true, surplus: 0n })
  })

  test('keeps a statement of any length, each page once, and each line says the balance after it', async () => {
    const bank = openBank(memoryStore())
    await bank.deposit(ALICE, 1_000n)
    const count = 2 * PAGE + 20
    for (let i = 0; i < count; i++) {
      const one = issuedConfig()
      await bank.book.open(one, { ...terms, amount: 1n })
      await bank.book.settle(channelId(one), { charged: 1n })
    }
    for (const address of [ALICE, SHOP]) {
      const lines = []
      for (let before: number | undefined = Number.MAX_SAFE_INTEGER; before !== undefined; ) {
        const page = await bank.book.statement(address, before)
        lines.unshift(...page.lines)
        before = page.before
      }
      expect(lines.map(({ number }) => number)).toEqual(lines.map((_, i) => i))
      expect(lines).toHaveLength(address === ALICE ? 1 + 2 * count : count)
      let balance = 0n
      for (const line of lines) {
        balance += line.amount
        expect(line.balance).toBe(balance)
      }
      const { lines: atHand = [] } = (await bank.book.account(address)) ?? {}
      expect(atHand.length).toBeLessThan(2 * PAGE)
    }
    expect((await bank.book.statement(BOB)).lines).toEqual([])
  })
})

describe('the audit', () => {
  const funded = async (): Promise<Bank> => {
    const bank = openBank(memoryStore())
    await bank.deposit(ALICE, 1_000n)
    return bank
  }
  test('finds money that nobody sent us', async () => {
    const bank = await funded()
    await bank.book.deposit(BOB, { block: 'B'.repeat(64), amount: 1n })
    expect(await bank.audit()).toMatchObject({ ok: false, surplus: -1n, owed: 1_001n, held: 1_000n })
  })
  test('finds money that left the account by another way', async () => {
    const bank = await funded()
    await bank.payouts.pay({ id: 'theft', to: BOB, amount: raw(1n) })
    expect(await bank.audit()).toMatchObject({ ok: false, surplus: -1n })
  })
  test('calls a deposit that nobody has shown yet a surplus', async () => {
    const bank = await funded()
    await bank.devnet.faucet(bank.payouts.address, raw(5n))
    expect(await bank.audit()).toMatchObject({ ok: true, surplus: 5n })
  })
  test('finds an account whose balance is not what its own moves make it', async () => {
    expect(addsUp(emptyAccount(ALICE))).toBe(true)
    for (const change of [{ balance: 1n }, { deposited: 1n }, { withdrawn: 1n }, { balance: -1n, charged: 1n }]) {
      expect(addsUp({ ...emptyAccount(ALICE), ...change })).toBe(false)
    }
  })
  test('reads again what changed while it was read', async () => {
    const bank = await funded()
    const { book } = bank
    let once = true
    const collect = async () => {
      const collected = await book.collect()
      if (once) await bank.deposit(BOB, 5n)
      once = false
      return collected
    }
    expect(await audit({ ...bank, book: { collect }, node: bank.devnet })).toMatchObject({ owed: 1_005n, surplus: 0n })
  })
})

test.each([
  ...[1, 2, 4].map((at) => ['settle', at, [960n, 40n]] as const),
  ...[1, 5].map((at) => ['withdraw', at, [830n, 0n]] as const),
])('kill -9 on SQLite in a %s after its write %i: it is done once, and adds up', async (act, at, after) => {
  const served = await serveDevnet({ confirmMs: 0 })
  onTestFinished(() => served.close())
  const path = join(temporaryDirectory(), 'issuer.sqlite')
  const store = await sqliteStore(path)
  onTestFinished(() => store.close())
  const { devnet } = served
  const { book, payouts } = startBook({ store, devnet, now: Date.now })
  await book.deposit(ALICE, { block: await devnet.faucet(payouts.address, raw(1_000n)), amount: 1_000n })
  await book.open(config, { ...terms, settleBy: Math.floor(Date.now() / 1_000) + 3_600 })

  const env = {
    ...{ NODE_URL: served.url, PRIVATE_KEY: ISSUER_KEY, STORE: path, ACT: act, AT: String(at) },
    ...{ CHANNEL: id, ADDRESS: ALICE },
  }
  const child = startChild(process.execPath, ['--import', 'tsx', 'test/issuer/kill-child.ts'], { env })
  await child.ended
  expect(child.output()).toBe('about to be killed\n')

  const next = startBook({ store, devnet, now: Date.now })
  const check = async () => expect(await audit({ ...next, node: devnet })).toMatchObject({ ok: true, surplus: 0n })
  await check()
  for (const address of [SHOP, ALICE]) await next.book.tidy(address)
  await check()
  if (act === 'settle') expect(await next.book.settle(id, { charged: 40n })).toBe('settled')
  else await next.book.withdraw(ALICE, { id: 'withdrawal', amount: 70n })
  await next.book.payOut(ALICE)
  expect(await standing(next)).toEqual(after)
  expect(await sentBy(devnet, payouts.address)).toEqual(act === 'withdraw' ? [70n] : [])
  await check()
})
