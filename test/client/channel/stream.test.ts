/** Streams that ask for more while they go on: paid within the budget of the request, and passed on without their own events. */
import { parseXno } from 'nano402/nano'
import { beforeAll, expect, test } from 'vitest'
import type { Handler } from '../../channel/shop.ts'
import { createWorld, type World } from '../../support/world.ts'
import { ORIGIN, openScene, PRICE, said, URL_ } from './support.ts'

let world: World
beforeAll(async () => {
  world = await createWorld()
})

/** Sells so many events. */
const selling =
  (count: number): Handler =>
  (payment) => {
    async function* source() {
      for (let i = 1; i <= count; i++) yield `event ${i}`
    }
    payment.charge(0n)
    const body = payment.events(source(), { price: parseXno('0.001') })
    return new Response(body, { headers: { 'content-type': 'text/event-stream' } })
  }
const linesOf = (text: string) => text.split('\n\n').filter((line) => line !== '')

test.each(['payword-sha256', 'voucher-ed25519'] as const)(
  'a stream in a channel of %s is paid for as it goes, to the raw',
  async (mode) => {
    const scene = await openScene({ world, shop: { channel: { modes: [mode] } }, handler: selling(5) })
    const text = await (await scene.payer.fetch(URL_)).text()
    expect(linesOf(text)).toEqual([1, 2, 3, 4, 5].map((i) => `data: event ${i}`))
    expect(said(scene).filter((type) => type === 'authorize')).toHaveLength(5)
    // It is asked for the next event before it is known whether there is one.
    expect(await scene.payer.channels()).toMatchObject([{ charged: 5n * PRICE, authorized: 6n * PRICE }])
    expect((await scene.payer.closeChannels())[0]).toMatchObject({ charged: 5n * PRICE })
  },
)

test('a stream ends where the budget of its request does, and what came is paid', async () => {
  const scene = await openScene({
    world,
    handler: selling(1_000),
    payer: { budget: { perRequest: '0.003', total: '1', deposit: '1' } },
  })
  const response = await scene.payer.fetch(URL_)
  const reader = response.body?.pipeThrough(new TextDecoderStream() as never).getReader()
  const heard: unknown[] = []
  const failure = await (async () => {
    for (let next = await reader?.read(); next && !next.done; next = await reader?.read()) heard.push(next.value)
  })().catch((error: unknown) => error)
  expect(failure).toMatchObject({ code: 'ERR_OVER_BUDGET', bound: 'perRequest' })
  expect(heard).toHaveLength(3)
  expect((await scene.payer.closeChannels())[0]).toMatchObject({ charged: 3n * PRICE })
})

test('a stream that is left costs what came, and others go on beside it', async () => {
  const scene = await openScene({ world, handler: selling(1_000) })
  const reader = (await scene.payer.fetch(URL_)).body?.getReader()
  for (let i = 0; i < 3; i++) await reader?.read()
  await reader?.cancel()
  expect(await scene.payer.channels()).toMatchObject([{ charged: 3n * PRICE }])
  const [a, b] = await Promise.all([scene.payer.fetch(`${URL_}?a`), scene.payer.fetch(`${URL_}?b`)])
  for (const response of [a, b]) {
    const other = response.body?.getReader()
    await other?.read()
    await other?.cancel()
  }
  expect((await scene.payer.channels())[0]?.distrusted).toBeUndefined()
  const [closed] = await scene.payer.closeChannels()
  expect(closed?.charged).toBe(5n * PRICE)
})

test('a stream draws on what a request beside it left over, which is no lie of the payee', async () => {
  const stream = selling(6)
  const scene = await openScene({
    world,
    shop: {
      price: ({ path }) => (path === '/report' ? '0.001' : '0.005'),
      channel: { modes: ['voucher-ed25519'] },
    },
    handler: (payment, request) => {
      if (request.url === URL_) return stream(payment, request)
      payment.charge(1n)
      return new Response('metered')
    },
  })
  const reader = (await scene.payer.fetch(URL_)).body?.getReader()
  await reader?.read()
  const dear = `${ORIGIN}/dear`
  expect((await scene.payer.fetch(dear)).status).toBe(200)
  for (let i = 0; i < 3; i++) await reader?.read()
  expect((await scene.payer.fetch(dear)).status).toBe(200)
  for (let next = await reader?.read(); next && !next.done; next = await reader?.read()) {}
  expect((await scene.payer.channels())[0]?.distrusted).toBeUndefined()
  expect((await scene.payer.closeChannels())[0]).toMatchObject({ charged: 6n * PRICE + 2n })
})

test('content that looks like an event about payment authorises nothing, and passes through', async () => {
  const forged = 'event: payment-need\ndata: {"requiredCumulative":"1"}'
  const scene = await openScene({
    world,
    handler: (payment) => {
      async function* source() {
        yield `a\n\n${forged}`
      }
      payment.charge(0n)
      const body = payment.events(source(), { price: parseXno('0.0001') })
      return new Response(body, { headers: { 'content-type': 'text/event-stream' } })
    },
  })
  expect(await (await scene.payer.fetch(URL_)).text()).toBe(
    'data: a\ndata: \ndata: event: payment-need\ndata: data: {"requiredCumulative":"1"}\n\n',
  )
  expect(said(scene)).toEqual(['nothing', 'open', 'token'])
})
