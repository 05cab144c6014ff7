/** A vendor, its client and their issuer together: the day by which a channel is to be redeemed, streams, and lost answers. */
import type { PaywallEvent, PaywallOptions } from 'nano402'
import type { PayerOptions } from 'nano402/client'
import { createIssuer } from 'nano402/issuer'
import { derivePublicKey, parseXno, publicKeyToAddress } from 'nano402/nano'
import { memoryStore } from 'nano402/stores/memory'
import { afterAll, describe, expect, test } from 'vitest'
import { freshWallet } from '../channel/client.ts'
import { type Handler, openChannelShop } from '../channel/shop.ts'
import { ORIGIN, openScene, PRICE, said, URL_ } from '../client/channel/support.ts'
import { createWorld } from '../support/world.ts'
import { openIssuer } from './world.ts'

const world = await createWorld()
const bank = await openIssuer({ devnet: world.devnet, overHttp: true, more: { settleSeconds: 12 } })
const issuer = { url: bank.url, publicKey: bank.issuer.info.issuer }
afterAll(() => bank.close())

async function openIssued({
  shop = {},
  payer = {},
  handler,
}: {
  shop?: PaywallOptions
  payer?: Partial<PayerOptions>
  handler?: Handler
} = {}) {
  const events: PaywallEvent[] = []
  const channel = { issuers: [issuer], minDeposit: '0.001', suggestedDeposit: '0.01', minSettleSeconds: 10 }
  const scene = await openScene({
    world,
    shop: {
      ...{ mechanisms: ['channel'], onEvent: (event) => events.push(event), ...shop },
      channel: { ...channel, withdrawFrom: '0', ...shop.channel },
    },
    payer: { channels: { issuers: [issuer] }, ...payer },
    ...(handler && { handler }),
  })
  const toShop = scene.between
  // What is for the issuer goes there.
  scene.between = (sent, next) => (sent.request.url.startsWith(bank.url) ? fetch(sent.request) : toShop(sent, next))
  return { scene, events, told: (type: string) => events.filter((event) => event.type === type) }
}

describe('a vendor whose issuer has its day', () => {
  /** A channel that two requests were paid in; its issuer's clock is so many ms before `settleBy`, and within a minute of ours. */
  async function closedAt(beforeMs: number) {
    const opened = await openIssued({ shop: { channel: { ttlSeconds: 38, closeGraceSeconds: 1 } } })
    const { payer } = opened.scene
    for (let n = 0; n < 2; n++) expect((await payer.fetch(`${URL_}?n=${n}`)).status).toBe(200)
    const account = await bank.issuer.account({ account: payer.address, key: '' })
    const settleByMs = account?.locks[0]?.settleByMs ?? Number.NaN
    bank.clock.nowMs = settleByMs - beforeMs
    const [closed] = await payer.closeChannels()
    await payer.receive()
    const lost = parseXno('10') - (await payer.balance()).balance
    bank.clock.nowMs = Date.now()
    await bank.check()
    return { ...opened, closed, lost }
  }

  test('is paid what it charged a moment before that', async () => {
    const { closed, lost, told } = await closedAt(1)
    expect([closed?.charged, lost]).toEqual([2n * PRICE, 2n * PRICE])
    expect(told('channel_redeemed')).toEqual([{ type: 'channel_redeemed', amount: 2n * PRICE }])
  })

  test('has lost it from that moment on, and is told how much; its client has all of it back', async () => {
    const { closed, lost, told } = await closedAt(0)
    expect([closed?.charged, lost]).toEqual([0n, 0n])
    expect(told('redemption_failed')).toMatchObject([{ lost: 2n * PRICE }])
    expect(told('channel_redeemed')).toEqual([])
  })
})

test('a stream is paid for as it goes out of what an issuer holds, and redeemed to the raw', async () => {
  const handler: Handler = (payment) => {
    async function* source() {
      for (let i = 1; i <= 4; i++) yield `event ${i}`
    }
    payment.charge(0n)
    const body = payment.events(source(), { price: PRICE })
    return new Response(body, { headers: { 'content-type': 'text/event-stream' } })
  }
  const { scene, told } = await openIssued({ handler })
  const text = await (await scene.payer.fetch(URL_)).text()
  expect(text.match(/event \d/g)).toEqual(['event 1', 'event 2', 'event 3', 'event 4'])
  expect(said(scene).filter((type) => type === 'authorize')).toHaveLength(4)
  expect(await scene.payer.closeChannels(ORIGIN)).toMatchObject([{ charged: 4n * PRICE }])
  expect(told('channel_redeemed')).toEqual([{ type: 'channel_redeemed', amount: 4n * PRICE }])
  await bank.check()
})

test('an answer that was lost on the way is given again out of the store, and charged and redeemed once', async () => {
  const { scene, told } = await openIssued({
    shop: { paymentIdentifier: true },
    handler: () => new Response('the answer'),
  })
  expect(await (await scene.payer.fetch(URL_)).text()).toBe('the answer')
  const reach = scene.between
  let lost = 0
  scene.between = async (sent, next) => {
    const response = await reach(sent, next)
    if (sent.payload?.type !== 'token' && sent.payload?.type !== 'voucher') return response
    if (lost++ > 0) return response
    throw new TypeError('the connection broke')
  }
  expect(await (await scene.payer.fetch(`${URL_}?again`)).text()).toBe('the answer')
  expect([lost, scene.runs()]).toEqual([2, 2])
  expect(await scene.payer.closeChannels()).toMatchObject([{ charged: 2n * PRICE }])
  expect(told('channel_redeemed')).toEqual([{ type: 'channel_redeemed', amount: 2n * PRICE }])
  await bank.check()
})

test('a vendor that lost its store redeems nothing of it, and takes no more: its client has all of it back after its day', async () => {
  const { scene } = await openIssued()
  const { payer } = scene
  expect((await payer.fetch(URL_)).status).toBe(200)
  scene.reopen({})
  await expect(payer.fetch(`${URL_}?again`)).rejects.toMatchObject({ code: 'ERR_NO_PAYABLE_OFFER' })
  await expect(payer.closeChannels()).rejects.toMatchObject({ code: 'ERR_CHANNEL' })
  const account = await bank.issuer.account({ account: payer.address, key: '' })
  bank.clock.nowMs = account?.locks[0]?.settleByMs ?? Number.NaN
  await bank.issuer.sweep()
  bank.clock.nowMs = Date.now()
  expect(await payer.closeChannels()).toMatchObject([{ charged: 0n, refund: expect.any(String) }])
  await payer.receive()
  expect([scene.runs(), (await payer.balance()).balance]).toEqual([1, parseXno('10')])
  await bank.check()
})

test('an account that a store knows for one use is refused for another, at the start', async () => {
  const [store, key] = [memoryStore(), freshWallet().key]
  const use = (account: string) => `account-use:${account}`
  const account = publicKeyToAddress(derivePublicKey(key))
  const withIssuer = { issuers: [issuer], minSettleSeconds: 10 }
  const open = (channel: PaywallOptions['channel']) =>
    openChannelShop(world, { store, wallet: { key, work: 'cpu' }, ...(channel && { channel }) })
  const first = open(withIssuer)
  await expect.poll(async () => (await store.read(use(account)))?.value).toBe('what issuers pay out')
  expect((await first.ask('/report')).status).toBe(402)
  expect((await open(undefined).ask('/report')).status).toBe(503)
  const options = { privateKey: key, rpc: world.devnet, network: 'nano:devnet', store, work: 'cpu' } as const
  await expect(createIssuer(options)).rejects.toMatchObject({ code: 'ERR_CONFIG' })
  expect((await open(withIssuer).ask('/report')).status).toBe(402)
})
