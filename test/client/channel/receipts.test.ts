/** How many payments bring a receipt, and what is believed of those that do not. */
import { createPayer, type JournalEntry, memoryJournal } from 'nano402/client'
import { beforeAll, expect, test } from 'vitest'
import type { ChannelOutcome } from '../../../src/channel/wire.ts'
import { withWaiting } from '../../../src/client/journal.ts'
import { decodeSettlementResponse, encodeHeader } from '../../../src/x402/headers.ts'
import { createWorld, type World } from '../../support/world.ts'
import { openScene, PRICE, type Scene, URL_ } from './support.ts'

let world: World
beforeAll(async () => {
  world = await createWorld()
})
const shop = { mechanisms: ['channel'] } as const
const asked = ({ sent }: Scene) =>
  sent.flatMap(({ payload }) =>
    payload?.type === 'token' || payload?.type === 'voucher' ? payload.receipt !== false : [],
  )
/** Changes what is said of a payment, whether or not it is signed. */
const saying =
  (change: (outcome: ChannelOutcome) => ChannelOutcome): Scene['between'] =>
  async ({ request, payload }, next) => {
    const response = await next(request)
    const settlement = decodeSettlementResponse(response.headers.get('payment-response') ?? '')
    if (payload?.type !== 'token' || settlement?.extra === undefined) return response
    const extra = { ...change(settlement.extra as unknown as ChannelOutcome) }
    const headers = new Headers(response.headers)
    headers.set('payment-response', encodeHeader({ ...settlement, extra }))
    return new Response(response.body, { status: response.status, headers })
  }

test.each(['payword-sha256', 'voucher-ed25519'] as const)(
  'one payment by %s in so many brings a receipt, which is evidence of all before it',
  async (mode) => {
    const journal = memoryJournal()
    const scene = await openScene({ world, shop, payer: { journal, channels: { receipts: 3, modes: [mode] } } })
    for (let n = 0; n < 7; n++) await scene.payer.fetch(`${URL_}?n=${n}`)
    expect(asked(scene)).toEqual([false, false, true, false, false, true, false])
    expect(await scene.payer.channels()).toMatchObject([{ charged: 7n * PRICE, authorized: 7n * PRICE }])
    await scene.payer.close({ channels: 'keep' })
    const [{ channel } = {}] = await journal.load()
    expect(channel).toMatchObject({ charged: String(7n * PRICE), receipt: { receipt: expect.anything() } })
    expect(channel?.receipt?.channelState.charged).toBe(String(6n * PRICE))
    expect(await scene.another({ journal }).payer.closeChannels()).toMatchObject([{ charged: 7n * PRICE }])
  },
)

test('every payment brings one unless it is said otherwise, and one that is asked for has to come', async () => {
  const scene = await openScene({ world, shop })
  for (let n = 0; n < 3; n++) await scene.payer.fetch(URL_)
  expect(asked(scene)).toEqual([true, true, true])
  const sparing = await openScene({ world, shop, payer: { channels: { receipts: 2 } } })
  sparing.between = saying(({ receipt: _, ...outcome }) => outcome)
  await sparing.payer.fetch(URL_)
  expect(await sparing.payer.channels()).toMatchObject([{ charged: PRICE }])
  await sparing.payer.fetch(URL_)
  expect(await sparing.payer.channels()).toMatchObject([{ distrusted: 'no_receipt' }])
})

test('a route that is not paid for any more is asked without a proof, and nothing is held against it', async () => {
  const scene = await openScene({ world, shop })
  await scene.payer.fetch(URL_)
  scene.between = async () => new Response('free')
  for (let n = 0; n < 3; n++) expect(await (await scene.payer.fetch(URL_)).text()).toBe('free')
  expect(asked(scene)).toHaveLength(2)
  expect((await scene.payer.channels())[0]).not.toHaveProperty('distrusted')
})

test.each<[string, (outcome: ChannelOutcome) => ChannelOutcome, string]>([
  ['costs more than was asked', (one) => ({ ...one, chargedAmount: String(PRICE + 1n) }), 'charged_too_much'],
  [
    'has charged more in all than is explained',
    (one) => ({ ...one, channelState: { ...one.channelState, charged: one.channelState.deposit } }),
    'state_untrue',
  ],
  [
    'is of another payment',
    (one) => ({ ...one, commitmentId: `${one.channelState.channelId}:${'A'.repeat(64)}` }),
    'receipt_of_another_payment',
  ],
])('a payment without a receipt that %s ends what is paid in the channel', async (_, lie, reason) => {
  const scene = await openScene({ world, shop, payer: { channels: { receipts: 10 } } })
  scene.between = saying(lie)
  expect((await scene.payer.fetch(URL_)).status).toBe(200)
  expect(await scene.payer.channels()).toMatchObject([{ distrusted: reason }])
  await expect(scene.payer.fetch(URL_)).rejects.toMatchObject({ code: 'ERR_NO_PAYABLE_OFFER' })
})

test('what was said without a receipt is not taken back with one: the next one has to agree', async () => {
  const scene = await openScene({ world, shop, payer: { channels: { receipts: 2 } } })
  // It says that the first payment cost nothing, and charges it.
  const free = saying((one) => ({ ...one, chargedAmount: '0', channelState: { ...one.channelState, charged: '0' } }))
  scene.between = free
  await scene.payer.fetch(URL_)
  scene.between = ({ request }, next) => next(request)
  await scene.payer.fetch(`${URL_}?again`).catch(() => {}) // served or refused: the lie is found either way
  expect((await scene.payer.channels())[0]?.distrusted).toMatch(/charged_too_much/)
})

test.each([0, -1, 1.5, '3' as never])('%s is no number of payments', (receipts) => {
  const options = { seed: '0'.repeat(64), rpc: 'http://127.0.0.1:7076', budget: { perRequest: '1', total: '1' } }
  expect(() => createPayer({ ...options, channels: { receipts } })).toThrow(/channels.receipts/)
})

test('what is noted later is in the journal before what comes next, and when all is said to be written', async () => {
  const lines: string[] = []
  const journal = withWaiting({ load: async () => [], put: async ({ hash }) => void lines.push(hash) })
  const entry = (hash: string) => ({ hash }) as JournalEntry
  journal.later(entry('a'))
  journal.later(entry('b'))
  expect(lines).toEqual([])
  await journal.put(entry('c'))
  journal.later(entry('d'))
  await journal.written()
  expect(lines).toEqual(['a', 'b', 'c', 'd'])
  journal.later(entry('e'))
  await expect.poll(() => lines.at(-1)).toBe('e')
})
