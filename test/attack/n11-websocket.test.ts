import { type ServedDevnet, serveDevnet } from 'nano402/devnet/server'
import { derivePrivateKey, raw } from 'nano402/nano'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { openSocket } from '../devnet/socket.ts'
import { watch } from '../support/outcome.ts'
import { openShop, purchase, type Shop } from '../support/shop.ts'
import { until } from '../support/wait.ts'
import { createPurse, freshAccount, type Purse, randomHash, SECRET } from '../support/world.ts'

let served: ServedDevnet
let buyer: Purse
beforeEach(async () => {
  served = await serveDevnet({ confirmMs: 0 })
  const { seed, account } = await served.devnet.fundedSeed()
  buyer = createPurse(served.devnet, derivePrivateKey(seed, 0), account)
})
afterEach(() => served.close())

const payTo = freshAccount()
const lookups = () => served.devnet.asked('blocks_info')

/** A shop that listens to the node's websocket. */
async function openListener(confirmTimeoutMs = 10_000) {
  const { url, wsUrl } = served
  const base = { network: 'nano:devnet', price: '0.001', secret: SECRET } as const
  const shop = openShop({ ...base, payTo, rpc: url, ws: wsUrl, confirmTimeoutMs })
  shop.paywall.route({}) // watches the account
  await connected(shop)
  const present = (headers: Record<string, string>) => watch(served, shop)(() => shop.ask(headers))
  return { shop, present }
}

async function connected(shop: Shop) {
  while ((await shop.paywall.health()).feed !== 'open') await new Promise((resolve) => setTimeout(resolve, 5))
}

/** Presents an unconfirmed payment, and waits until the node has been asked about it. */
async function presentUnconfirmed({ shop, present }: Awaited<ReturnType<typeof openListener>>) {
  served.devnet.hold()
  const bought = await purchase(shop, buyer)
  const before = lookups()
  const waiting = present(bought.headers)
  await until(() => lookups() >= before + 3)
  return { ...bought, waiting }
}

/** Has the websocket speak of another block whenever it speaks. */
function mislead(hash: string) {
  served.devnet.faults.lie = (topic, message) =>
    topic === 'confirmation' ? { ...message, message: { ...(message.message as object), hash } } : message
}

/** Confirms a block of ours that the shop's websocket tells of. Resolves when that message is on its way. */
async function makeItSpeak() {
  const witness = await openSocket(served.wsUrl)
  await witness.send({ action: 'subscribe', topic: 'confirmation' })
  const { devnet } = served
  devnet.confirm(await devnet.faucet(payTo, raw(1n)))
  await witness.close()
}

test('N11: a message that comes before the confirmation has the node asked, and buys nothing', async () => {
  const listener = await openListener()
  const { hash, waiting } = await presentUnconfirmed(listener)
  mislead(hash)
  const before = lookups()
  await makeItSpeak()
  await until(() => lookups() > before)
  expect(listener.shop.runs()).toBe(0)
  served.devnet.faults.lie = undefined
  served.devnet.confirm(hash)
  expect(await waiting).toMatchObject({ status: 200, ran: 1 })
})

test.each(['looked at', 'looked at by nobody'])(
  'N11: a message about a payment that was %s, and that nobody waits for, is no proof of it later',
  async (looked) => {
    const listener = await openListener(1)
    served.devnet.hold()
    const { headers, hash } = await purchase(listener.shop, buyer)
    const pending = { status: 503, code: 'settlement_pending', ran: 0 }
    if (looked === 'looked at') expect(await listener.present(headers)).toMatchObject(pending)
    mislead(hash)
    await makeItSpeak()
    for (let i = 0; i < 2; i++) expect(await listener.present(headers)).toMatchObject(pending)
    served.devnet.confirm(hash)
    expect(await listener.present(headers)).toMatchObject({ status: 200, ran: 1 })
  },
)

test('N11: messages about blocks that nobody waits for have nobody asked', async () => {
  await openListener()
  const before = lookups()
  for (let i = 0; i < 5; i++) {
    mislead(randomHash())
    await makeItSpeak()
  }
  expect(lookups()).toBe(before)
})

test('N11: a message that comes a hundred times is one hint, and one answer is bought', async () => {
  const listener = await openListener()
  const other = await served.devnet.faucet(payTo, raw(1n))
  const { headers, hash, waiting } = await presentUnconfirmed(listener)
  mislead(hash)
  const before = lookups()
  const witness = await openSocket(served.wsUrl)
  for (let i = 0; i < 100; i++) {
    await served.devnet.call('block_confirm', { hash: other })
    await witness.take() // a round trip: what was told is heard
  }
  await witness.close()
  served.devnet.faults.lie = undefined
  served.devnet.confirm(hash)
  expect(await waiting).toMatchObject({ status: 200, ran: 1 })
  expect(lookups() - before).toBeLessThan(10)
  for (let i = 0; i < 100; i++) await served.devnet.call('block_confirm', { hash })
  expect(await listener.present(headers)).toEqual({ status: 402, code: 'payment_already_spent', ran: 0, asked: 0 })
})

test('N11: two payments whose messages come in the wrong order are both served, each once', async () => {
  const listener = await openListener()
  const first = await presentUnconfirmed(listener)
  const second = await presentUnconfirmed(listener)
  served.devnet.faults.muted = true
  served.devnet.confirm(second.hash) // and with it the first, on which it builds
  served.devnet.faults.muted = false
  for (const { hash } of [second, first]) await served.devnet.call('block_confirm', { hash })
  expect(await Promise.all([first.waiting, second.waiting])).toMatchObject([{ status: 200 }, { status: 200 }])
  expect(listener.shop.runs()).toBe(2)
})

test('N11: a websocket that says nothing costs a poll, not the payment', async () => {
  const listener = await openListener()
  served.devnet.faults.muted = true
  const { hash, waiting } = await presentUnconfirmed(listener)
  served.devnet.confirm(hash)
  expect(await waiting).toMatchObject({ status: 200, ran: 1 })
})

test('N11: a websocket that is cut while a request waits costs nothing, and is opened again', async () => {
  const listener = await openListener()
  const { hash, waiting } = await presentUnconfirmed(listener)
  served.disconnect()
  served.devnet.confirm(hash)
  expect(await waiting).toMatchObject({ status: 200, ran: 1 })
  await connected(listener.shop)
})

test('N11: a websocket that was never there is not needed', async () => {
  const other = await serveDevnet({ confirmMs: 0 })
  await other.close()
  const options = { network: 'nano:devnet', price: '0.001', secret: SECRET, payTo, rpc: served.url } as const
  const shop = openShop({ ...options, ws: other.wsUrl })
  const { headers } = await purchase(shop, buyer)
  expect(await watch(served, shop)(() => shop.ask(headers))).toMatchObject({ status: 200, ran: 1 })
})
