/** A payer that is gone at any moment: the next one with its journal pays nothing twice and loses no deposit. */
import { spawn } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { fileJournal, memoryJournal, RefusedAfterPaymentError } from 'nano402/client'
import { serveDevnet } from 'nano402/devnet/server'
import { accountHistory } from 'nano402/rpc'
import { beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest'
import { openChannelShop } from '../../channel/shop.ts'
import { listenFetch } from '../../support/frameworks.ts'
import { createWorld, type World } from '../../support/world.ts'
import { lifeUntil } from './life.ts'
import { openScene, PRICE, type Scene, said, sentOf, settledEntries, URL_ } from './support.ts'

let world: World
beforeAll(async () => {
  world = await createWorld()
})

const sends = async ({ payer }: Pick<Scene, 'payer'>) => {
  const { entries } = await accountHistory(world.devnet, payer.address, { count: 50 })
  return entries.filter(({ subtype }) => subtype === 'send').length
}
const newJournal = async () => {
  const directory = await mkdtemp(join(tmpdir(), 'nano402-channels-'))
  onTestFinished(() => rm(directory, { recursive: true }))
  return () => fileJournal(join(directory, 'payments.jsonl'))
}

/** Two requests, one after the other. Gives how many of them the caller got an answer to. */
async function buyTwo({ payer }: Scene, from: number, onAnswer: (count: number) => void) {
  for (let n = from; n < 2; n++) {
    await payer.fetch(`${URL_}?n=${n}`).catch((error: unknown) => {
      // It was charged before, and its answer is lost: it is not charged again.
      if (!(error instanceof RefusedAfterPaymentError) || error.refusal !== 'answer_not_stored') throw error
    })
    onAnswer(n + 1)
  }
  return 'done' as const
}

describe('a payer that is killed', () => {
  test('at any step of opening and paying deposits once, and is charged once for each request', async () => {
    let steps = Number.POSITIVE_INFINITY
    for (let last = 1; last <= steps; last++) {
      const journal = await newJournal()
      const life = lifeUntil(last, world.devnet)
      const first = await openScene({ world, payer: { journal: life.mortal(journal()), rpc: life.node } })
      first.between = ({ request }, next) => life.after(() => next(request))
      let answers = 0
      const count = (n: number) => {
        answers = n
      }
      const end = await Promise.race([buyTwo(first, 0, count), life.death])
      const second = first.another({ journal: journal(), rpc: world.devnet })
      if (end === 'done') steps = 0
      else await buyTwo(second, answers, count)

      expect(await sends(second), `killed at step ${last}`).toBe(1)
      const [closed] = await second.payer.closeChannels()
      expect(closed, `killed at step ${last}`).toMatchObject({ charged: 2n * PRICE })
    }
  }, 60_000)

  test('with -9 between its deposit and the opening opens the channel with that deposit', async () => {
    const served = await serveDevnet({ confirmMs: 0 })
    const { devnet } = served
    const { ask, runs } = openChannelShop(await createWorld({ devnet }))
    let kill: (() => void) | undefined
    const shop = await listenFetch(async (request) => {
      const { payload } = sentOf(request)
      if (payload?.type === 'open' && kill) {
        kill()
        return new Response(null, { status: 503 })
      }
      const { pathname, search } = new URL(request.url)
      const { method, headers } = request
      return ask(pathname + search, {
        method,
        headers,
        ...(method === 'POST' && { body: await request.arrayBuffer() }),
      })
    })
    const directory = await mkdtemp(join(tmpdir(), 'nano402-channels-'))
    onTestFinished(async () => {
      await Promise.all([shop.close(), served.close(), rm(directory, { recursive: true })])
    })
    const { privateKey, account } = await devnet.fundedSeed()
    const run = (onLine: (line: string) => void) => {
      const script = fileURLToPath(new URL('../crash-child.ts', import.meta.url))
      const child = spawn(process.execPath, ['--import', 'tsx', script], {
        stdio: ['ignore', 'pipe', 'inherit'],
        env: {
          ...process.env,
          ...{ NODE_URL: served.url, SHOP_URL: `${shop.url}/report`, PRIVATE_KEY: privateKey, DEPOSIT: '1' },
          JOURNAL: join(directory, 'payments.jsonl'),
        },
      })
      createInterface(child.stdout).on('line', onLine)
      const ended = new Promise((resolve) => child.on('close', (code, signal) => resolve(signal ?? code)))
      return { ended, kill: () => child.kill('SIGKILL') }
    }
    const killed = run(() => {})
    kill = killed.kill
    expect(await killed.ended).toBe('SIGKILL')
    kill = undefined
    const printed: string[] = []
    expect(await run((line) => printed.push(line)).ended).toBe(0)

    expect(printed).toEqual(['channel-opened', 'channel-paid', '200 paid content', 'channel-closed'])
    expect(runs()).toBe(1)
    const { entries } = await accountHistory(devnet, account, { count: 20 })
    expect(entries.filter(({ subtype }) => subtype === 'send')).toHaveLength(1)
  }, 60_000)
})

describe('a channel that expired', () => {
  test('takes no payment any more, is refunded, and makes room for the next one', async () => {
    const { payer, types } = await openScene({
      world,
      shop: { channel: { ttlSeconds: 3_600, minDeposit: '0.1' } },
      payer: { budget: { perRequest: '0.01', total: '1', deposit: '0.11' } },
    })
    await payer.fetch(URL_)
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 3_601_000 })
    onTestFinished(() => void vi.useRealTimers())
    expect(await payer.channels()).toMatchObject([{ phase: 'expired' }])
    expect((await payer.fetch(URL_)).status).toBe(200)
    expect(types().filter((type) => /^channel/.test(type))).toEqual([
      ...['channel-opened', 'channel-paid', 'channel-closed', 'channel-opened', 'channel-paid'],
    ])
  })
})

describe('an answer that was lost', () => {
  test('is asked for again with the same payment and the same proof; charged before, it is not charged again', async () => {
    const scene = await openScene({ world })
    let losses = 1
    scene.between = async ({ request, payload }, next) => {
      const response = await next(request)
      if (payload?.type === 'token' && losses-- > 0) throw new TypeError('the connection was reset')
      return response
    }
    await expect(scene.payer.fetch(URL_)).rejects.toMatchObject({ refusal: 'answer_not_stored', retryable: false })
    const [a, b] = scene.sent.filter(({ payload }) => payload?.type === 'token')
    expect([b?.paymentId, b?.payload]).toEqual([a?.paymentId, a?.payload])
    expect(scene.runs()).toBe(1)
    expect(await scene.payer.channels()).toMatchObject([{ charged: PRICE, authorized: PRICE }])
  })

  test('of a fault costs nothing: the same request is asked again with the same payment', async () => {
    let isBroken = true
    const scene = await openScene({
      world,
      handler: () => new Response('oh', { status: isBroken ? 500 : 200 }),
    })
    expect((await scene.payer.fetch(URL_)).status).toBe(500)
    expect(await scene.payer.unfinished()).toMatchObject([
      { kind: 'channel-payment', url: URL_, amount: PRICE, todo: expect.stringMatching(/same request again \(GET/) },
      { kind: 'channel' },
    ])
    isBroken = false
    expect((await scene.payer.fetch(URL_)).status).toBe(200)
    const [a, b] = scene.sent.filter(({ payload }) => payload?.type === 'token')
    expect(b?.paymentId).toBe(a?.paymentId)
    expect(await scene.payer.channels()).toMatchObject([{ charged: PRICE, authorized: PRICE }])
  })
})

describe('a journal', () => {
  test('that is older than the channel is put right by the payee, as far as our own proof and its receipt go', async () => {
    const journal = memoryJournal()
    const first = await openScene({ world, payer: { journal } })
    await first.payer.fetch(URL_)
    const old = await settledEntries(journal)
    for (let i = 0; i < 3; i++) await first.payer.fetch(`${URL_}?i=${i}`)
    const stale = memoryJournal()
    for (const entry of old) await stale.put(entry)

    const second = first.another({ journal: stale })
    expect((await second.payer.fetch(URL_)).status).toBe(200)
    expect(said(second)).toEqual(['nothing', 'token', 'token'])
    expect(second.types()).toContain('channel-corrected')
    expect(await second.payer.channels()).toMatchObject([{ charged: 5n * PRICE, authorized: 5n * PRICE }])
  })

  test('that is lost is not needed: the account finds its deposits, and the payee says how they stand', async () => {
    const shop = { channel: { suggestedDeposit: '0.01', minDeposit: '0.01' } }
    const first = await openScene({ world, shop })
    for (let i = 0; i < 12; i++) await first.payer.fetch(URL_)
    const [known] = await first.payer.channels()

    const second = first.another()
    expect(await second.payer.channels()).toEqual([])
    expect(await second.payer.recoverChannels(URL_)).toEqual([known])
    expect(await second.payer.recoverChannels(URL_)).toEqual([])
    expect((await second.payer.fetch(URL_)).status).toBe(200)
    const [closed] = await second.payer.closeChannels()
    expect(closed).toMatchObject({ deposited: known?.deposited, charged: 13n * PRICE })
  })

  test('that is lost, and a payee that says more than our own proof shows: nothing is taken over', async () => {
    const first = await openScene({ world })
    await first.payer.fetch(URL_)
    const second = first.another()
    second.between = async ({ request, payload }, next) => {
      const response = await next(request)
      if (payload?.type !== 'state') return response
      const text = response.headers.get('payment-response') ?? ''
      const settlement = JSON.parse(atob(text))
      settlement.extra.channelState.charged = settlement.extra.channelState.deposit
      const headers = { 'payment-response': btoa(JSON.stringify(settlement)) }
      return new Response(null, { status: 204, headers })
    }
    expect(await second.payer.recoverChannels(URL_)).toEqual([])
  })

  test('of many payments stays short', async () => {
    const journal = memoryJournal()
    const { payer } = await openScene({ world, payer: { journal } })
    for (let i = 0; i < 20; i++) await payer.fetch(URL_)
    expect((await settledEntries(journal)).length).toBeLessThanOrEqual(2)
  })
})
