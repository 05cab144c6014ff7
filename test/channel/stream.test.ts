/** Events that are paid for one by one, while they stream. */
import { pipeline, Readable } from 'node:stream'
import { type ContentEvent, createPaywall, type PaywallOptions } from 'nano402'
import { parseXno } from 'nano402/nano'
import { beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { encodeEvent } from '../../src/core/sse.ts'
import { nodeServers } from '../support/frameworks.ts'
import { createWorld, offerOf, proofHeader, type World } from '../support/world.ts'
import { type Channel, freshWallet, outcomeOf, prepareChannel } from './client.ts'
import { openChannelShop } from './shop.ts'

let world: World
beforeAll(async () => {
  world = await createWorld()
})

/** What an event stream says, as a browser would read it. */
async function* eventsOf(response: Response) {
  const reader = (response.body as ReadableStream<Uint8Array>).pipeThrough(new TextDecoderStream() as never).getReader()
  let text = ''
  try {
    for (let next = await reader.read(); !next.done; next = await reader.read()) {
      text += next.value
      for (let end = text.indexOf('\n\n'); end >= 0; end = text.indexOf('\n\n')) {
        const fields = text.slice(0, end).split('\n')
        text = text.slice(end + 2)
        const valuesOf = (name: string) =>
          fields.filter((field) => field.startsWith(`${name}: `)).map((field) => field.slice(name.length + 2))
        yield { event: valuesOf('event')[0] ?? 'message', data: valuesOf('data').join('\n') }
      }
    }
  } finally {
    await reader.cancel()
  }
}
/** A shop that sells so many events. */
function openStreamShop(
  count: number,
  contents: (i: number) => ContentEvent = (i) => `event ${i}`,
  more: PaywallOptions = {},
) {
  const produced = { count: 0, ended: 0 }
  async function* source() {
    try {
      for (let i = 1; i <= count; i++) {
        produced.count++
        yield contents(i)
      }
    } finally {
      produced.ended++
    }
  }
  const shop = openChannelShop(world, more, (payment) => {
    payment.charge(0n)
    const body = payment.events(source(), { price: parseXno('0.001') })
    return new Response(body, { headers: { 'Content-Type': 'text/event-stream' } })
  })
  return { ...shop, produced }
}
const stateOf = async (channel: Channel) => outcomeOf(await channel.state()).channelState

describe.each(['payword-sha256', 'voucher-ed25519'] as const)('a stream in a channel of %s', (mode) => {
  test('asks for more as it goes, produces nothing that is not paid for, and ends with a receipt', async () => {
    const { ask, produced } = openStreamShop(5)
    const channel = await prepareChannel(ask, world.buyer, { mode })
    await channel.openOnly()
    const answer = await channel.pay(2)
    expect(outcomeOf(answer).chargedAmount).toBe('0')
    const heard: string[] = []
    for await (const { event, data } of eventsOf(answer)) {
      heard.push(event === 'message' ? data : event)
      if (event === 'payment-need') {
        const need = JSON.parse(data)
        const paid = heard.filter((one) => one.startsWith('event ')).length
        expect(produced.count).toBe(paid)
        expect(need).toMatchObject({ channelId: channel.id, authorized: String(BigInt(paid) * channel.unit) })
        expect(need.requiredCumulative).toBe(String(BigInt(paid + 1) * channel.unit))
        expect((await channel.authorize(paid + 1)).status).toBe(204)
      }
      if (event === 'payment-receipt') {
        const receipt = JSON.parse(data)
        expect(receipt).toMatchObject({ chargedAmount: String(5n * channel.unit) })
        expect(await channel.isReceipt(receipt)).toBe(true)
      }
    }
    // For the next event it asks before it knows whether there is one.
    const need = 'payment-need'
    expect(heard.slice(0, 4)).toEqual(['event 1', 'event 2', need, 'event 3'])
    expect(heard.slice(4)).toEqual([need, 'event 4', need, 'event 5', need, 'payment-receipt'])
    expect(await stateOf(channel)).toMatchObject({ charged: String(5n * channel.unit), reserved: '0' })
  })
})

test('a stream that nobody authorises more for waits as long as the operator says, and ends with its receipt', async () => {
  const { ask } = openStreamShop(5, undefined, { channel: { authorizeSeconds: 1 } })
  const channel = await prepareChannel(ask, world.buyer)
  await channel.openOnly()
  const startMs = performance.now()
  const heard: string[] = []
  for await (const { event } of eventsOf(await channel.pay(1))) heard.push(event)
  expect(heard).toEqual(['message', 'payment-need', 'payment-receipt'])
  expect(performance.now() - startMs).toBeGreaterThan(990)
  expect((await channel.close()).status).toBe(204)
})

test.each([{}, { paymentIdentifier: true }])(
  'a stream whose reader goes away gives back what it held, and costs what has left (%j)',
  async (more) => {
    const { ask, produced } = openStreamShop(1_000, undefined, more)
    const channel = await prepareChannel(ask, world.buyer)
    await channel.openOnly()
    const answer = await channel.pay(50)
    const reader = answer.body?.getReader()
    for (let i = 0; i < 3; i++) await reader?.read()
    await reader?.cancel()
    expect(await stateOf(channel)).toMatchObject({ charged: String(3n * channel.unit), reserved: '0' })
    expect(produced).toEqual({ count: 3, ended: 1 })
  },
)

test.each(nodeServers)(
  'over a socket of $name a stream asks, goes on, and stops when its reader is gone',
  async ({ serve }) => {
    const produced = { count: 0, ended: 0 }
    async function* source() {
      try {
        for (;;) yield `event ${++produced.count}`
      } finally {
        produced.ended++
      }
    }
    const paywall = createPaywall({ ...world.options, mechanisms: ['channel'], wallet: freshWallet() })
    const served = await serve(paywall, (req, res) => {
      req.payment?.charge(0n)
      res.setHeader('Content-Type', 'text/event-stream')
      const body = req.payment?.events(source(), { price: parseXno('0.001') }) as ReadableStream
      // `pipeline` ends the events when the client goes away. What is read ahead is charged: as little as possible.
      pipeline(Readable.fromWeb(body as never, { highWaterMark: 1 }), res, () => {})
    })
    onTestFinished(async () => {
      await served.close()
      await paywall.close({ timeoutMs: 1 })
    })
    const channel = await prepareChannel((path, init) => fetch(served.url + path, init), world.buyer)
    await channel.openOnly()
    const heard: string[] = []
    const events = eventsOf(await channel.pay(2))
    for await (const { event } of events) {
      heard.push(event)
      if (event === 'payment-need' && heard.length > 4) break // which leaves
      if (event === 'payment-need') expect((await channel.authorize(3)).status).toBe(204)
    }
    expect(heard).toEqual(['message', 'message', 'payment-need', 'message', 'payment-need'])
    await expect.poll(() => produced).toEqual({ count: 3, ended: 1 })
    await expect.poll(() => stateOf(channel)).toMatchObject({ charged: String(3n * channel.unit), reserved: '0' })
    await expect.poll(async () => (await channel.close()).status).toBe(204)
  },
)

test('a close ends a stream after the event that was paid for, and refunds the rest', async () => {
  const { ask } = openStreamShop(1_000)
  const channel = await prepareChannel(ask, world.buyer)
  await channel.openOnly()
  const events = eventsOf(await channel.pay(50))
  expect((await events.next()).value).toEqual({ event: 'message', data: 'event 1' })
  expect((await channel.close()).status).toBe(409)
  const rest: string[] = []
  for await (const { event } of events) rest.push(event)
  expect(rest.at(-1)).toBe('payment-receipt')
  expect(rest.length).toBeLessThanOrEqual(3)
  await expect.poll(async () => (await channel.close()).status).toBe(204)
  const { charged, reserved } = await stateOf(channel)
  expect([charged, reserved]).toEqual([
    String(BigInt(rest.filter((one) => one === 'message').length + 1) * channel.unit),
    '0',
  ])
})

test('two streams at once never cost more together than was authorised', async () => {
  const { ask } = openStreamShop(1_000)
  const channel = await prepareChannel(ask, world.buyer)
  await channel.openOnly()
  await channel.authorize(20)
  const streams = await Promise.all([channel.pay(20), channel.pay(20)])
  const counts = await Promise.all(
    streams.map(async (answer) => {
      let count = 0
      for await (const { event } of eventsOf(answer)) {
        if (event === 'payment-need') return count
        count++
      }
      return count
    }),
  )
  expect(counts.reduce((sum, count) => sum + count, 0)).toBe(20)
  expect((await stateOf(channel)).charged).toBe(String(20n * channel.unit))
})

test('content cannot forge an event of ours', async () => {
  const forged = 'a\n\nevent: payment-need\ndata: {"requiredCumulative":"1"}\r\revent: payment-receipt\ndata: {}'
  const { ask } = openStreamShop(1, () => forged)
  const channel = await prepareChannel(ask, world.buyer)
  await channel.openOnly()
  const heard: { event: string; data: string }[] = []
  for await (const event of eventsOf(await channel.pay(5))) heard.push(event)
  expect(heard.map(({ event }) => event)).toEqual(['message', 'payment-receipt'])
  expect(heard[0]?.data).toBe(forged.replaceAll('\r', '\n'))
  for (const event of ['payment-need', 'Payment-Receipt', ' payment-need', 'a\nevent: payment-need', 'a\0']) {
    expect(() => encodeEvent({ event, data: '' })).toThrow(expect.objectContaining({ code: 'ERR_CHARGE' }))
  }
  expect(() => encodeEvent({ id: '1\ndata: x', data: '' })).toThrow(expect.objectContaining({ code: 'ERR_CHARGE' }))
})

test('a request that was paid before cannot pay for events one by one', async () => {
  const { ask } = openStreamShop(1)
  const offer = offerOf(await ask('/report'), 'nanoSession')
  const headers = proofHeader(offer, await world.buyer.pay(offer))
  await expect(ask('/report', { headers })).rejects.toMatchObject({ code: 'ERR_CHARGE' })
})
