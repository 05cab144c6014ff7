/** A payee that has lost its records, or says so: what a payer shows it, believes, and gets back. */
import { memoryJournal } from 'nano402/client'
import { parseXno } from 'nano402/nano'
import { accountInfo } from 'nano402/rpc'
import { memoryStore } from 'nano402/stores/memory'
import { beforeAll, describe, expect, test } from 'vitest'
import type { ChannelOutcome } from '../../../src/channel/wire.ts'
import { reconcileChannels } from '../../../src/reconcile/index.ts'
import { decodeSettlementResponse, encodeHeader } from '../../../src/x402/headers.ts'
import { createWorld, type World } from '../../support/world.ts'
import { ORIGIN, openScene, PRICE, type Scene, said, URL_ } from './support.ts'

let world: World
beforeAll(async () => {
  world = await createWorld()
})

/** Empties the shop's store. Gives what its operator decides with. */
async function loseStore(scene: Scene) {
  const store = memoryStore()
  const [channel] = await scene.payer.channels()
  scene.reopen({ store, channel: { sweepSeconds: 1 } })
  return reconcileChannels({ node: world.devnet, store, account: channel?.payee ?? '' })
}

describe('a payee that lost its store', () => {
  test('is shown its own receipt, closes once its operator says so, and refunds to the raw', async () => {
    const scene = await openScene({ world })
    const { payer } = scene
    for (let n = 0; n < 3; n++) await payer.fetch(`${URL_}?n=${n}`)
    const [known] = await payer.channels()
    const desk = await loseStore(scene)
    scene.sent.length = 0

    // The request is served all the same, out of another channel.
    expect((await payer.fetch(`${URL_}?n=3`)).status).toBe(200)
    expect(said(scene).slice(0, 2)).toEqual(['token', 'open'])
    expect(scene.runs()).toBe(4)
    expect(await payer.channels()).toMatchObject([
      { channelId: known?.channelId, phase: 'recovering', charged: 3n * PRICE },
      { phase: 'open', charged: PRICE },
    ])
    expect(await payer.unfinished()).toMatchObject([
      { kind: 'channel', channelId: known?.channelId, todo: expect.stringMatching(/operator/) },
      { kind: 'channel', todo: expect.stringMatching(/has the rest back/) },
    ])
    const reason = 'channel_recovering'
    await expect(payer.closeChannels()).rejects.toMatchObject({ code: 'ERR_CHANNEL', reason })

    const { recovering } = await desk.review()
    expect(recovering).toMatchObject([{ channelId: known?.channelId, charged: 3n * PRICE, deposit: known?.deposited }])
    await desk.confirm(known?.channelId ?? '')
    const [closed] = await payer.closeChannels()
    expect(closed).toMatchObject({ deposited: known?.deposited, charged: 3n * PRICE })
    await payer.receive()
    expect((await accountInfo(world.devnet, payer.address))?.balance).toBe(parseXno('10') - 4n * PRICE)
    expect(await payer.unfinished()).toEqual([])
  })

  test('is reminded by a close, and by the next process with the same journal', async () => {
    const journal = memoryJournal()
    const scene = await openScene({ world, payer: { journal } })
    await scene.payer.fetch(URL_)
    await scene.payer.close({ channels: 'keep' })
    const desk = await loseStore(scene.another({ journal }))
    const second = scene.another({ journal })
    await expect(second.payer.closeChannels()).rejects.toMatchObject({ reason: 'channel_recovering' })
    expect(said(second)).toEqual(['close', 'open'])

    const [{ channelId = '' } = {}] = await second.payer.channels()
    const third = second.another({ journal })
    expect(await third.payer.channels()).toMatchObject([{ channelId, phase: 'recovering' }])
    await desk.confirm(channelId)
    expect(await third.payer.closeChannels()).toMatchObject([{ channelId, charged: PRICE }])
    expect(said(third)).not.toContain('open')
  })

  test('is shown the receipt of the largest deposit, so that a top-up comes back as well', async () => {
    const shop = { channel: { suggestedDeposit: '0.01', minDeposit: '0.005' } }
    const scene = await openScene({ world, shop })
    for (let n = 0; n < 12; n++) await scene.payer.fetch(URL_)
    const [known] = await scene.payer.channels()
    expect(known?.deposited).toBeGreaterThan(parseXno('0.015'))
    const desk = await loseStore(scene)
    await expect(scene.payer.closeChannels()).rejects.toMatchObject({ reason: 'channel_recovering' })
    await desk.confirm(known?.channelId ?? '')
    const [closed] = await scene.payer.closeChannels()
    expect(closed).toMatchObject({ deposited: known?.deposited, charged: 12n * PRICE })
    expect(closed).not.toHaveProperty('unacknowledged')
  })
})

describe('a payee that only says that it lost its store', () => {
  const recovering =
    (lie: (outcome: ChannelOutcome) => ChannelOutcome): Scene['between'] =>
    async ({ request, payload }, next) => {
      const response = await next(request)
      const settlement = decodeSettlementResponse(response.headers.get('payment-response') ?? '')
      if (payload?.type !== 'open' || settlement?.extra === undefined) return response
      const extra = { ...lie(settlement.extra as unknown as ChannelOutcome) }
      const headers = new Headers(response.headers)
      headers.set('payment-response', encodeHeader({ ...settlement, extra }))
      return new Response(response.body, { status: response.status, headers })
    }
  const changed = (change: Partial<ChannelOutcome['channelState']>) => (outcome: ChannelOutcome) => ({
    ...outcome,
    channelState: { ...outcome.channelState, ...change },
  })

  test.each<[string, (outcome: ChannelOutcome) => ChannelOutcome, string]>([
    ['signs nothing', ({ receipt: _, ...outcome }) => outcome, 'recovering_no_receipt'],
    ['says that less was deposited', changed({ deposit: '1' }), 'recovering_receipt_not_signed'],
    ['speaks of another channel', changed({ channelId: 'A'.repeat(64) }), 'recovering_receipt_of_another_channel'],
  ])('and %s is paid nothing more, and gets no other deposit', async (_, lie, reason) => {
    const scene = await openScene({ world, shop: { mechanisms: ['channel'] } })
    await scene.payer.fetch(URL_)
    await loseStore(scene)
    scene.between = recovering(lie)
    scene.sent.length = 0
    await expect(scene.payer.fetch(`${URL_}?again`)).rejects.toMatchObject({ code: 'ERR_NO_PAYABLE_OFFER' })
    expect(await scene.payer.channels()).toMatchObject([{ distrusted: reason }])
    expect(said(scene)).toEqual(['token', 'open', 'nothing'])
    expect(scene.runs()).toBe(1)
  })

  test('and knows nothing of its receipt either is paid nothing more', async () => {
    const scene = await openScene({ world, shop: { mechanisms: ['channel'] } })
    await scene.payer.fetch(URL_)
    scene.reopen({ store: memoryStore(), wallet: { seed: 'B'.repeat(64) } }) // whose receipts have another key
    await expect(scene.payer.fetch(`${URL_}?again`)).rejects.toMatchObject({ code: 'ERR_NO_PAYABLE_OFFER' })
    expect(await scene.payer.channels()).toMatchObject([{ distrusted: 'channel_not_found', origin: ORIGIN }])
  })
})
