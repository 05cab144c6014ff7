/** Random operations of two processes on one store that fails now and then, before or after it did what it was asked. */
import fc from 'fast-check'
import type { Store } from 'nano402'
import { createDevnet } from 'nano402/devnet'
import { raw } from 'nano402/nano'
import { expect, test } from 'vitest'
import { type ChannelConfig, channelId } from '../../src/channel/config.ts'
import { randomHex } from '../../src/core/bytes.ts'
import { audit } from '../../src/issuer/audit.ts'
import { type Failure, failing, untilAnswered } from '../channel/failing.ts'
import { sharedStores } from '../channel/stores.ts'
import { accountOf, NOW_MS } from '../channel/support.ts'
import { issuedConfig, type Process, startBook } from './support.ts'

const people = ['1', '2', '3'].map(accountOf)
const person = fc.constantFrom(...people)
const amount = fc.oneof(fc.bigInt({ min: 0n, max: 1_000n }), fc.bigInt({ min: 0n, max: 10n ** 38n }))
const operation = fc.record({
  kind: fc.constantFrom(
    ...(['deposit', 'open', 'open', 'open', 'open again', 'settle', 'settle', 'settle twice'] as const),
    ...(['withdraw', 'withdraw again', 'pay out', 'tidy', 'restart', 'wait'] as const),
  ),
  process: fc.constantFrom(0 as const, 1 as const),
  by: person,
  to: person,
  amount,
  which: fc.nat(100),
})
type Operation = typeof operation extends fc.Arbitrary<infer T> ? T : never
const failure = fc.constantFrom<Failure>('none', 'none', 'none', 'none', 'none', 'none', 'before', 'after')
const SETTLE_MS = 5_000

/** A part of a store that no other run has: there is one Redis for all of them. */
const withPrefix =
  (prefix: string) =>
  (store: Store): Store => ({
    ...store,
    claim: (id, ...more) => store.claim(prefix + id, ...more),
    renew: (id, ...more) => store.renew(prefix + id, ...more),
    commit: (id, ...more) => store.commit(prefix + id, ...more),
    release: (id, ...more) => store.release(prefix + id, ...more),
    inspect: (id) => store.inspect(prefix + id),
    read: (key) => store.read(prefix + key),
    write: (key, ...more) => store.write(prefix + key, ...more),
  })

test.each(sharedStores())(
  'what is owed is what is held, to the raw, after every operation, whatever fails ($name)',
  async ({ name, open }) => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(operation, { minLength: 5, maxLength: 30 }),
        fc.array(failure, { maxLength: 200 }),
        fc.boolean(),
        async (operations, failures, atOnce) => {
          const clock = { nowMs: NOW_MS }
          const now = () => clock.nowMs
          const ways = (await open(now)).map(withPrefix(randomHex(4))) as [Store, Store]
          const trouble = failures[Symbol.iterator]()
          const devnet = createDevnet({ confirmMs: 0 })
          const start = (process: 0 | 1): Process =>
            startBook({ store: failing(ways[process], trouble), payoutStore: ways[process], devnet, now })
          const processes: [Process, Process] = [start(0), start(1)]
          const check = async () => {
            const auditor = startBook({ store: ways[1], devnet, now })
            const found = await audit({ ...auditor, node: devnet })
            expect(found).toMatchObject({ wrong: [], surplus: 0n, ok: true })
          }
          const opened: { readonly config: ChannelConfig; readonly amount: bigint }[] = []
          const debited: { readonly id: string; readonly amount: bigint; readonly by: Operation['by'] }[] = []
          const one = <T>(list: readonly T[], which: number): T | undefined => list[which % list.length]

          async function run({ kind, process, by, to, amount, which }: Operation): Promise<unknown> {
            const { book } = processes[process]
            const known = one(opened, which)
            const terms = (locked: bigint) => ({ amount: locked, settleBy: (NOW_MS + SETTLE_MS) / 1_000 })
            switch (kind) {
              case 'deposit': {
                if (amount === 0n) return
                const block = await devnet.faucet(processes[0].payouts.address, raw(amount / 10n + 1n))
                // Whoever has paid shows it until it is credited.
                return untilAnswered(() => processes[process].book.deposit(by, { block, amount: amount / 10n + 1n }))
              }
              case 'open': {
                if (by === to) return
                const config = issuedConfig({ payer: by, payee: to })
                const most = ((await book.account(by))?.balance ?? 0n) + 5n
                opened.push({ config, amount: amount % most })
                return book.open(config, terms(amount % most))
              }
              case 'open again':
                return known && book.open(known.config, terms(known.amount))
              case 'settle':
                return known && book.settle(channelId(known.config), { charged: amount % (known.amount + 2n) })
              case 'settle twice': {
                if (!known) return
                const claim = { charged: amount % (known.amount + 1n) }
                return Promise.allSettled(processes.map((other) => other.book.settle(channelId(known.config), claim)))
              }
              case 'withdraw': {
                const balance = (await book.account(by))?.balance ?? 0n
                const order = { id: randomHex(8), amount: 1n + (amount % (balance + 1n)), by }
                debited.push(order)
                return book.withdraw(by, order)
              }
              case 'withdraw again': {
                const order = one(debited, which)
                return order && book.withdraw(order.by, order)
              }
              case 'pay out':
                return book.payOut(by)
              case 'tidy':
                return book.tidy(by)
              case 'restart':
                processes[process] = start(process)
                return
              case 'wait':
                clock.nowMs += 700
            }
          }
          if (atOnce) {
            await Promise.allSettled(operations.map(run))
            await check()
          } else {
            for (const each of operations) {
              await run(each).catch(() => {}) // cut off, and left as it is
              await check()
            }
          }

          // Nothing stays locked, and everybody gets everything.
          clock.nowMs += 2 * SETTLE_MS
          const { book } = startBook({ store: ways[0], devnet, now })
          for (const address of people) await book.tidy(address)
          for (const address of people) {
            const balance = (await book.account(address))?.balance ?? 0n
            if (balance > 0n) await book.payOut(address)
            if (balance > 0n)
              expect(await book.withdraw(address, { id: randomHex(8), amount: balance })).toBe('debited')
            await book.payOut(address)
          }
          const { accounts } = await book.collect()
          for (const { locks, credits, deposits, withdrawals, balance } of accounts) {
            expect({ locks, credits, deposits, withdrawals, balance }).toEqual({
              ...{ locks: [], credits: [], deposits: [], withdrawals: [], balance: 0n },
            })
          }
          await check()
          devnet.close()
        },
      ),
      { numRuns: name === 'memory' ? 12 : 3 },
    )
  },
)
