/** What every store promises, one case for each sentence of the `Store` interface. */
import type { Store } from '../core/store.ts'
import { expectEqual } from './assert.ts'
import type { ContractCase } from './contract.ts'
import { claimCases } from './store-claims.ts'
import { type Check, count, inAnHour, limits, times, untilOver } from './store-support.ts'

/** How much a store is put through. */
export interface StoreContractOptions {
  /** How many other claims must not push one out. Default 100,000; fewer for a store where each one takes a while. */
  readonly otherEntries?: number
}

/**
 * The contract of a {@link Store}, for any test runner: `for (const { name, run } of storeContract(open)) test(name, run)`.
 *
 * @param open - Opens the store under test. Each case opens it once, closes it, and uses names that no other case uses, so
 * all of them may be given the same database.
 * @example
 * import { test } from 'vitest'
 * for (const { name, run } of storeContract(async () => memoryStore())) test(name, run)
 */
export function storeContract(open: () => Promise<Store>, options: StoreContractOptions = {}): readonly ContractCase[] {
  const { otherEntries = 100_000 } = options
  return Object.entries({ ...claimCases(otherEntries), ...recordCases, ...storeCases }).map(([name, check]) => ({
    name,
    async run() {
      const store = await open()
      const prefix = crypto.randomUUID()
      try {
        await check(store, (text) => `${prefix}:${text}`)
      } finally {
        await store.close()
      }
    },
  }))
}

const recordCases: Record<string, Check> = {
  async 'a record that nobody wrote is undefined'(store, named) {
    expectEqual(await store.read(named('a')), undefined, 'the record')
  },
  async 'a record is read as it was written, with the number of times it was written'(store, named) {
    const values = ['first', '', '{"a":"\u{1f955}\\n\'"}', 'x'.repeat(100_000)]
    for (const [version, value] of values.entries()) {
      expectEqual(await store.write(named('a'), version, value, inAnHour()), true, `the write over version ${version}`)
      expectEqual(await store.read(named('a')), { version: version + 1, value }, 'the record')
    }
  },
  async 'a write that expects another version changes nothing'(store, named) {
    expectEqual(await store.write(named('a'), 1, 'new', inAnHour()), false, 'a write over version 1 of no record')
    expectEqual(await store.read(named('a')), undefined, 'the record')
    await store.write(named('a'), 0, 'first', inAnHour())
    await store.write(named('a'), 1, 'second', inAnHour())
    for (const version of [0, 1, 3]) {
      expectEqual(await store.write(named('a'), version, 'late', inAnHour()), false, `a write over version ${version}`)
    }
    expectEqual(await store.read(named('a')), { version: 2, value: 'second' }, 'the record')
  },
  async 'of fifty writers of one version exactly one is first'(store, named) {
    for (let version = 0; version < 5; version++) {
      const writes = await Promise.all(times(50, (i) => store.write(named('a'), version, `writer ${i}`, inAnHour())))
      expectEqual(count(writes, true), 1, `the number of writers that wrote version ${version + 1}`)
      const value = `writer ${writes.indexOf(true)}`
      expectEqual(await store.read(named('a')), { version: version + 1, value }, 'the record')
    }
  },
  async 'a record ends with its time, and can be written anew'(store, named) {
    await store.write(named('a'), 0, 'first', Date.now() + 20)
    await untilOver()
    expectEqual(await store.read(named('a')), undefined, 'the record after its time')
    expectEqual(await store.write(named('a'), 1, 'late', inAnHour()), false, 'a write over what is gone')
    expectEqual(await store.write(named('a'), 0, 'anew', inAnHour()), true, 'the first write of a new record')
    expectEqual(await store.read(named('a')), { version: 1, value: 'anew' }, 'the new record')
  },
  async 'a record lives as long as its last write says'(store, named) {
    await store.write(named('a'), 0, 'first', inAnHour())
    await store.write(named('a'), 1, 'second', Date.now() + 20)
    await untilOver()
    expectEqual(await store.read(named('a')), undefined, 'the record after its time')
  },
  async 'a record and a claim of one name have nothing to do with each other'(store, named) {
    await store.write(named('a'), 0, 'value', inAnHour())
    expectEqual(await store.claim(named('a'), 'one', limits()), 'claimed', 'the claim')
    await store.commit(named('a'), 'one', inAnHour())
    expectEqual(await store.read(named('a')), { version: 1, value: 'value' }, 'the record')
  },
}

const storeCases: Record<string, Check> = {
  async 'the epoch is an instant that is past, and stays what it is'(store, named) {
    const epochMs = await store.epochMs()
    expectEqual(
      Number.isSafeInteger(epochMs) && epochMs > 0 && epochMs <= Date.now(),
      true,
      `${epochMs} as past instant`,
    )
    await store.claim(named('a'), 'one', limits())
    await untilOver()
    expectEqual(await store.epochMs(), epochMs, 'the epoch, asked again')
  },
  async 'the epoch is no later than the moment when the store was there, whenever it is asked for'(store) {
    const thereMs = Date.now()
    await untilOver()
    expectEqual((await store.epochMs()) <= thereMs, true, 'whether the epoch is before the moment')
  },
  async 'it says whether it is durable'(store) {
    expectEqual(typeof store.durable, 'boolean', 'the type of `durable`')
  },
}
