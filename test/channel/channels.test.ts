import type { Store } from 'nano402'
import { describe, expect, test } from 'vitest'
import { createChannels } from '../../src/channel/channels.ts'
import { channelId } from '../../src/channel/config.ts'
import { sharedStores } from './stores.ts'
import { EXPIRES_AT_MS, freshBlock, freshTerms, NOW_MS, order } from './support.ts'

const clockAt = (startMs = NOW_MS) => {
  const clock = { nowMs: startMs, now: () => clock.nowMs }
  return clock
}

/** A store that counts what is asked of it. */
function counting(store: Store) {
  const asked = { read: 0, write: 0 }
  const counted: Store = {
    ...store,
    read(key) {
      asked.read++
      return store.read(key)
    },
    write(...args) {
      asked.write++
      return store.write(...args)
    },
  }
  return { store: counted, asked }
}

describe.each(sharedStores())('channels in $name', ({ open }) => {
  async function processes(clock = clockAt()) {
    const [one, two] = await open(clock.now)
    const start = (store: Store) => createChannels({ store, now: clock.now })
    return [start(one), start(two)] as const
  }
  async function opened(deposit = 1_000_000n, clock = clockAt()) {
    const [a, b] = await processes(clock)
    const terms = freshTerms()
    const block = freshBlock()
    expect(await a.open(terms, { block, amount: deposit })).toBe('opened')
    return { a, b, id: channelId(terms.config), terms, block, clock }
  }

  test('one that was opened is there for every process, with its terms', async () => {
    const { b, id, terms, block } = await opened()
    expect(await b.terms(id)).toEqual(terms)
    expect(await b.state(id)).toMatchObject({ phase: 'open', deposit: 1_000_000n, depositBlocks: [block] })
    expect(await b.terms('0'.repeat(64))).toBeUndefined()
    expect(await b.state('0'.repeat(64))).toBeUndefined()
    expect(await b.authorizeAndReserve('0'.repeat(64), order('a', 1n))).toBe('channel_not_found')
  })

  test('the same open three times is one channel, and what was paid stays paid', async () => {
    const { a, b, id, terms, block } = await opened()
    await a.authorizeAndReserve(id, order('a', 1n))
    await a.charge(id, { id: 'a', owner: 'owner of a', amount: 1n })
    expect(await Promise.all([a, b].map((one) => one.open(terms, { block, amount: 1_000_000n })))).toEqual([
      'opened',
      'opened',
    ])
    expect(await b.state(id)).toMatchObject({ charged: 1n, deposit: 1_000_000n })
  })

  test('of eight opens at once with one deposit, one has it', async () => {
    const [a, b] = await processes()
    const block = freshBlock()
    const all = Array.from({ length: 8 }, () => freshTerms())
    const results = await Promise.all(all.map((terms, i) => (i % 2 ? a : b).open(terms, { block, amount: 5n })))
    expect(results.filter((result) => result === 'opened')).toHaveLength(1)
    expect(results.filter((result) => result === 'deposit_claimed')).toHaveLength(7)
  })

  test('a deposit that bought something else, or another channel, opens nothing and tops nothing up', async () => {
    const { a, b, id, block } = await opened()
    expect(await b.open(freshTerms(), { block, amount: 1_000_000n })).toBe('deposit_claimed')
    const other = freshTerms()
    expect(await a.open(other, { block: freshBlock(), amount: 1n })).toBe('opened')
    expect(await a.topUp(channelId(other.config), { block, amount: 1_000_000n })).toBe('deposit_claimed')
    expect(await a.state(channelId(other.config))).toMatchObject({ deposit: 1n })
    // Nor does a channel take a second deposit by being opened again.
    expect(await a.open(other, { block: freshBlock(), amount: 1n })).toBe('deposit_claimed')
    expect(await a.state(id)).toMatchObject({ deposit: 1_000_000n })
  })

  test('a block that a session used up opens nothing', async () => {
    const clock = clockAt()
    const [store] = await open(clock.now)
    const block = freshBlock()
    await store.claim(`block:${block}`, 'session', { leaseMs: 1_000, attempts: 3, keepUntilMs: EXPIRES_AT_MS })
    await store.commit(`block:${block}`, 'session', EXPIRES_AT_MS)
    const channels = createChannels({ store, now: clock.now })
    expect(await channels.open(freshTerms(), { block, amount: 5n })).toBe('deposit_claimed')
  })

  test('thirty-two requests at once over two processes, shuffled, are all served and charged', async () => {
    const { a, b, id } = await opened()
    const reaches = Array.from({ length: 32 }, (_, i) => BigInt(i + 1)).sort(() => Math.random() - 0.5)
    // Whoever comes early finds nothing left, as its predecessors are not there yet: the highest goes first.
    expect(await a.authorizeAndReserve(id, order('32', 32n))).toBe('reserved')
    const rest = reaches.filter((reach) => reach !== 32n)
    const results = await Promise.all(
      rest.map((reach, i) => (i % 2 ? a : b).authorizeAndReserve(id, order(`${reach}`, reach))),
    )
    expect(results).toEqual(rest.map(() => 'reserved'))
    const charged = await Promise.all(
      reaches.map((reach, i) => (i % 2 ? b : a).charge(id, { id: `${reach}`, owner: `owner of ${reach}`, amount: 1n })),
    )
    expect(charged).toEqual(reaches.map(() => true))
    expect(await a.state(id)).toMatchObject({ authorized: 32n, charged: 32n })
  })

  test('one payment identifier presented a hundred times at once is reserved once', async () => {
    const { a, b, id } = await opened()
    const results = await Promise.all(
      Array.from({ length: 100 }, (_, i) => (i % 2 ? a : b).authorizeAndReserve(id, order('a', 9n, { owner: `${i}` }))),
    )
    expect(results.filter((result) => result === 'reserved')).toHaveLength(1)
    expect(new Set(results)).toEqual(new Set(['reserved', 'busy']))
  })

  test('a close under fire refunds exactly what was not served', async () => {
    const { a, b, id } = await opened()
    let served = 0n
    const requests = Array.from({ length: 40 }, async (_, i) => {
      const channels = i % 2 ? a : b
      const reserved = await channels.authorizeAndReserve(id, order(`${i}`, 1_000n, { amount: 10n }))
      if (i === 20) await a.beginClose(id)
      if (reserved !== 'reserved') return expect(reserved).toBe('channel_closed')
      if (await channels.charge(id, { id: `${i}`, owner: `owner of ${i}`, amount: BigInt(i % 10) }))
        served += BigInt(i % 10)
    })
    await Promise.all(requests)
    const refunds = await Promise.all([a.freeze(id), b.freeze(id)])
    expect(refunds).toEqual([1_000_000n - served, 1_000_000n - served])
    const block = freshBlock()
    expect(await a.finishClose(id, block)).toBe(true)
    expect(await b.finishClose(id, block)).toBe(true)
    expect(await b.finishClose(id, freshBlock())).toBe(false)
    expect(await b.authorizeAndReserve(id, order('late', 999n))).toBe('channel_closed')
  })

  test('a top-up presented twice at once to two processes is added once', async () => {
    const { a, b, id } = await opened()
    const deposit = { block: freshBlock(), amount: 7n }
    expect(await Promise.all([a, b, a].map((one) => one.topUp(id, deposit)))).toEqual(['added', 'added', 'added'])
    expect(await b.state(id)).toMatchObject({ deposit: 1_000_007n })
  })

  test('two processes whose clocks differ when it expires charge or refund a payment, and never both', async () => {
    const clocks = { behind: EXPIRES_AT_MS - 20_000, ahead: EXPIRES_AT_MS + 20_000 }
    const [one, other] = await open(() => NOW_MS)
    const behind = createChannels({ store: one, now: () => clocks.behind })
    const ahead = createChannels({ store: other, now: () => clocks.ahead })
    const terms = freshTerms()
    const id = channelId(terms.config)
    await behind.open(terms, { block: freshBlock(), amount: 100n })
    const reserve = (name: string) =>
      behind.authorizeAndReserve(id, order(name, 30n, { amount: 10n, leaseEndsAtMs: clocks.behind + 10_000 }))
    const held = (name: string) => ({ ...order(name, 30n, { amount: 10n }), amount: 10n })
    expect([await reserve('first'), await reserve('second'), await reserve('third')]).toEqual(Array(3).fill('reserved'))
    expect(await behind.charge(id, held('first'))).toBe(true)
    await ahead.beginClose(id)
    expect(await behind.charge(id, held('second'))).toBe(true) // it was begun before, and nobody has given it back
    expect(await ahead.freeze(id)).toBe(80n) // by its clock the third one's lease is over
    expect(await behind.charge(id, held('third'))).toBe(false) // and so it is not served
    expect(await reserve('fourth')).toBe('channel_closed')
    expect(await behind.freeze(id)).toBe(80n)
    expect(await behind.state(id)).toMatchObject({ deposit: 100n, charged: 20n })
  })

  test('an unopened channel is not opened once it has expired', async () => {
    const clock = clockAt(EXPIRES_AT_MS)
    const [a] = await processes(clock)
    expect(await a.open(freshTerms(), { block: freshBlock(), amount: 5n })).toBe('channel_expired')
  })
})

describe('channels', () => {
  const memory = sharedStores()[0]
  if (!memory) throw new Error('unreachable')

  test('that wait for one another are written together', async () => {
    const [inner] = await memory.open(() => NOW_MS)
    const { store, asked } = counting(inner)
    const channels = createChannels({
      store,
      now: () => NOW_MS,
      limits: { remembered: 64, inFlight: 1_000, attempts: 3 },
    })
    const terms = freshTerms()
    const id = channelId(terms.config)
    await channels.open(terms, { block: freshBlock(), amount: 1_000n })
    Object.assign(asked, { read: 0, write: 0 })
    await Promise.all(Array.from({ length: 500 }, (_, i) => channels.authorizeAndReserve(id, order(`${i}`, 500n))))
    expect(asked.write).toBeLessThan(5)
    expect(asked.read).toBe(0)
    expect(await channels.state(id)).toMatchObject({ authorized: 500n })
  })

  test('are found once they have expired until they are closed, and then no more', async () => {
    const clock = clockAt()
    const [store] = await memory.open(clock.now)
    const channels = createChannels({ store, now: clock.now })
    const all = [0, 0, 1, 30].map((hours) => freshTerms({ expiresAt: EXPIRES_AT_MS / 1_000 + 3_600 * hours }))
    for (const terms of all) await channels.open(terms, { block: freshBlock(), amount: 5n })
    const [first, second, third, last] = all.map(({ config }) => channelId(config))
    const expired = async () => {
      const ids = []
      for await (const id of channels.expired()) ids.push(id)
      return ids.sort()
    }
    expect(await expired()).toEqual([])
    clock.nowMs = EXPIRES_AT_MS
    expect(await expired()).toEqual([first, second].sort())
    clock.nowMs = EXPIRES_AT_MS + 10 * 3_600_000
    expect(await expired()).toEqual([first, second, third].sort())
    for (const id of [first, second] as const) {
      await channels.beginClose(id ?? '')
      await channels.freeze(id ?? '')
      expect(await channels.finishClose(id ?? '', freshBlock())).toBe(true)
    }
    expect(await expired()).toEqual([third])
    expect(await expired()).toEqual([third])
    clock.nowMs = EXPIRES_AT_MS + 40 * 3_600_000
    expect(await expired()).toEqual([third, last].sort())
  })

  test('that were closed and forgotten cannot be opened again with their deposit', async () => {
    const clock = clockAt()
    const [store] = await memory.open(clock.now)
    const channels = createChannels({ store, now: clock.now })
    const terms = freshTerms()
    const id = channelId(terms.config)
    const deposit = { block: freshBlock(), amount: 5n }
    await channels.open(terms, deposit)
    await channels.beginClose(id)
    await channels.freeze(id)
    await channels.finishClose(id, freshBlock())
    for (clock.nowMs = NOW_MS; clock.nowMs < NOW_MS + 30 * 86_400_000; clock.nowMs += 43_200_000) {
      await channels.open(terms, deposit)
      expect((await channels.state(id))?.phase).not.toBe('open')
    }
    expect([await channels.state(id), await channels.terms(id)]).toEqual([undefined, undefined])
  })

  test('that the store lost are not found, and what was in flight is not served', async () => {
    const [inner] = await memory.open(() => NOW_MS)
    let store = inner
    const swapped = new Proxy({} as Store, { get: (_, name) => Reflect.get(store, name) })
    const channels = createChannels({ store: swapped, now: () => NOW_MS })
    const terms = freshTerms()
    const id = channelId(terms.config)
    await channels.open(terms, { block: freshBlock(), amount: 5n })
    await channels.authorizeAndReserve(id, order('a', 1n))
    ;[store] = await memory.open(() => NOW_MS)
    expect(await channels.charge(id, { id: 'a', owner: 'owner of a', amount: 1n })).toBe(false)
    expect(await channels.authorizeAndReserve(id, order('b', 2n))).toBe('channel_not_found')
  })

  test('keep a record of bounded size through 5,000 payments', async () => {
    const [store] = await memory.open(() => NOW_MS)
    const channels = createChannels({ store, now: () => NOW_MS })
    const terms = freshTerms()
    const id = channelId(terms.config)
    await channels.open(terms, { block: freshBlock(), amount: 10n ** 38n })
    const step = 10n ** 34n + 1n
    for (let i = 1n; i <= 5_000n; i++) {
      const one = order(`${i}`.padStart(22, 'i'), i * step, { amount: step })
      expect(await channels.authorizeAndReserve(id, one)).toBe('reserved')
      expect(await channels.charge(id, { id: one.id, owner: one.owner, amount: step })).toBe(true)
    }
    expect((await store.read(`channel-state:${id}`))?.value.length).toBeLessThan(20_000)
    expect(await channels.state(id)).toMatchObject({ charged: 5_000n * step }) // to the last digit
  })
})
