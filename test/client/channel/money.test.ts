/** Deposits and budgets: how much is deposited, when more is, and what counts for what. */
import { memoryJournal } from 'nano402/client'
import { parseXno } from 'nano402/nano'
import { accountHistory } from 'nano402/rpc'
import { beforeAll, describe, expect, test } from 'vitest'
import { createWorld, type World } from '../../support/world.ts'
import { ORIGIN, openScene, PRICE, type Scene, said, URL_ } from './support.ts'

let world: World
beforeAll(async () => {
  world = await createWorld()
})
const budget = { perRequest: '0.01', total: '1', deposit: '1' }
const sends = async ({ payer }: Pick<Scene, 'payer'>) => {
  const { entries } = await accountHistory(world.devnet, payer.address, { count: 50 })
  return entries.filter(({ subtype }) => subtype === 'send').length
}

describe('the budget', () => {
  test('opens no channel without a deposit in it: what is offered beside is paid', async () => {
    const scene = await openScene({ world, payer: { budget: { perRequest: '0.01', total: '1' } } })
    expect((await scene.payer.fetch(URL_)).status).toBe(200)
    expect(scene.types()).toContain('paid')
    expect(await scene.payer.channels()).toEqual([])
  })

  test('bounds the deposit, and what is below the smallest deposit opens nothing', async () => {
    const small = await openScene({ world, payer: { budget: { ...budget, deposit: '0.05' } } })
    await small.payer.fetch(URL_)
    const [channel] = await small.payer.channels()
    expect(channel?.deposited).toBeLessThanOrEqual(parseXno('0.05'))
    expect(channel?.deposited).toBeGreaterThan(parseXno('0.0499'))

    const none = await openScene({
      world,
      shop: { mechanisms: ['channel'] },
      payer: { budget: { ...budget, deposit: '0.009' } },
    })
    await expect(none.payer.fetch(URL_)).rejects.toMatchObject({ code: 'ERR_OVER_BUDGET', bound: 'deposit' })
    expect(await sends(none)).toBe(0)
  })

  test('counts what requests cost in a channel, to the last one that it allows', async () => {
    const { payer, runs } = await openScene({
      world,
      shop: { mechanisms: ['channel'] },
      payer: { budget: { perRequest: '0.01', total: '0.003', deposit: '1' } },
    })
    for (let i = 0; i < 3; i++) await payer.fetch(URL_)
    await expect(payer.fetch(URL_)).rejects.toMatchObject({ code: 'ERR_OVER_BUDGET', bound: 'total', left: 0n })
    expect(runs()).toBe(3)
  })

  test('counts what was charged, not what might have been', async () => {
    const { payer } = await openScene({
      world,
      shop: { channel: { modes: ['voucher-ed25519'] } },
      handler: (payment) => {
        payment.charge(PRICE / 10n)
        return new Response('metered')
      },
      payer: { budget: { perRequest: '0.001', total: '0.0012', deposit: '1' } },
    })
    for (let i = 0; i < 3; i++) expect((await payer.fetch(URL_)).status).toBe(200)
    const [channel] = await payer.channels()
    expect(channel).toMatchObject({ charged: (3n * PRICE) / 10n, authorized: PRICE + (2n * PRICE) / 10n })
    await expect(payer.fetch(URL_)).rejects.toMatchObject({ bound: 'total', left: parseXno('0.0009') })
  })

  test('is asked for each deposit and each request when somebody has to approve', async () => {
    const asked: [bigint, true | undefined][] = []
    const { payer, runs } = await openScene({
      world,
      shop: { mechanisms: ['channel'] },
      payer: {
        approve: ({ amount, deposit }) => {
          asked.push([amount, deposit])
          return asked.length < 4
        },
      },
    })
    await payer.fetch(URL_)
    await payer.fetch(URL_)
    await expect(payer.fetch(URL_)).rejects.toMatchObject({ code: 'ERR_NOT_APPROVED' })
    expect(asked.map(([amount, deposit]) => deposit ?? amount)).toEqual([true, PRICE, PRICE, PRICE])
    expect(runs()).toBe(2)
  })
})

describe('a deposit', () => {
  test('is one for all requests that come at once', async () => {
    const scene = await openScene({ world })
    await Promise.all(Array.from({ length: 8 }, (_, n) => scene.payer.fetch(`${URL_}?n=${n}`)))
    expect(await sends(scene)).toBe(1)
    expect(said(scene).filter((type) => type === 'open')).toHaveLength(1)
  })

  test('is within the budget of deposits, however many origins ask for one at once', async () => {
    const limit = '0.15' // for one of 0.1, and the rest of it for a second one
    const scene = await openScene({
      world,
      shop: { mechanisms: ['channel'] },
      payer: { budget: { ...budget, deposit: limit } },
    })
    scene.between = ({ request }, next) => {
      const { pathname } = new URL(request.url)
      return next(new Request(`${ORIGIN}${pathname}`, request))
    }
    const origins = Array.from({ length: 8 }, (_, n) => `http://shop-${n}.example/report`)
    const ends = await Promise.allSettled(origins.map((url) => scene.payer.fetch(url)))
    const refused = ends.flatMap((end) => (end.status === 'rejected' ? end.reason.bound : []))
    expect(new Set(refused)).toEqual(new Set(['deposit']))
    const deposited = (await scene.payer.channels()).reduce((sum, channel) => sum + channel.deposited, 0n)
    expect(deposited).toBeLessThanOrEqual(parseXno(limit))
    expect(deposited).toBeGreaterThan(parseXno('0.1'))
    expect(refused.length + scene.runs()).toBe(8)
  })

  test('is followed by another one before it is used up, and no request fails for it', async () => {
    const scene = await openScene({
      world,
      shop: { price: '0.001', channel: { suggestedDeposit: '0.01', minDeposit: '0.005' } },
    })
    for (let i = 0; i < 25; i++) expect((await scene.payer.fetch(URL_)).status).toBe(200)
    const [closed] = await scene.payer.closeChannels()
    expect(closed).toMatchObject({ charged: 25n * PRICE })
    expect(scene.types().filter((type) => type === 'channel-topped-up').length).toBeGreaterThanOrEqual(2)
    expect(scene.types().filter((type) => type === 'channel-opened')).toHaveLength(1)
  })

  test('is followed by as many others as it takes: the payee looks at each', async () => {
    const shop = { price: '0.001', channel: { suggestedDeposit: '0.005', minDeposit: '0.005' } }
    const scene = await openScene({ world, shop })
    for (let i = 0; i < 60; i++) expect((await scene.payer.fetch(URL_)).status).toBe(200)
    expect(scene.types().filter((type) => type === 'channel-topped-up').length).toBeGreaterThanOrEqual(10)
  })

  test('is not made again when the budget says no: the channel goes on as far as it goes', async () => {
    const { payer, runs } = await openScene({
      world,
      shop: { mechanisms: ['channel'], channel: { suggestedDeposit: '0.01', minDeposit: '0.01' } },
      payer: { budget: { ...budget, deposit: '0.0105' } },
    })
    for (let i = 0; i < 10; i++) await payer.fetch(URL_)
    await expect(payer.fetch(URL_)).resolves.toMatchObject({ status: 200 }) // what was charged is no deposit any more
    expect(runs()).toBe(11)
    const [channel] = await payer.channels()
    expect((channel?.deposited ?? 0n) - (channel?.charged ?? 0n)).toBeLessThanOrEqual(parseXno('0.0105'))
  })

  test('that the chain is too short for opens a second channel, and the first one is refunded', async () => {
    const scene = await openScene({
      world,
      shop: { channel: { modes: ['payword-sha256'], maxK: 12, suggestedDeposit: '0.012', minDeposit: '0.005' } },
    })
    for (let i = 0; i < 14; i++) expect((await scene.payer.fetch(URL_)).status).toBe(200)
    const closed = await scene.payer.closeChannels()
    expect(scene.types().filter((type) => type === 'channel-opened')).toHaveLength(2)
    expect(scene.types().filter((type) => type === 'channel-closed')).toHaveLength(2)
    expect(closed.reduce((sum, { charged }) => sum + charged, 0n)).toBeLessThanOrEqual(14n * PRICE)
  })
})

describe('two routes', () => {
  test('of one origin share a channel, whatever each of them costs', async () => {
    const scene = await openScene({
      world,
      shop: { price: ({ path }) => (path === '/dear' ? '0.003' : '0.001') },
    })
    for (const path of ['/report', '/dear', '/report', '/dear']) await scene.payer.fetch(`${ORIGIN}${path}`)
    expect(await scene.payer.channels()).toMatchObject([{ charged: 8n * PRICE, authorized: 8n * PRICE }])
  })
})

describe('a channel that is kept', () => {
  test('is used by the next payer with the same journal, which deposits nothing', async () => {
    const journal = memoryJournal()
    const first = await openScene({ world, payer: { journal } })
    await first.payer.fetch(URL_)
    await first.payer.close({ channels: 'keep' })
    const second = first.another()
    await second.payer.fetch(URL_)
    expect(said(second)).toEqual(['nothing', 'token'])
    expect(await sends(second)).toBe(1)
    await second.payer.close()
    expect(second.events.at(-1)).toMatchObject({ type: 'channel-closed' })
    expect(await second.another().payer.channels()).toEqual([])
  })
})
