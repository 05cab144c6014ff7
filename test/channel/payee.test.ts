import { type Store, StoreError } from 'nano402'
import { derivePrivateKey, parseXno, raw } from 'nano402/nano'
import { receivable } from 'nano402/rpc'
import { memoryStore } from 'nano402/stores/memory'
import { beforeAll, describe, expect, test } from 'vitest'
import {
  challengeOf,
  createPurse,
  createWorld,
  offerOf,
  type Purse,
  proofHeader,
  type World,
} from '../support/world.ts'
import { type Channel, channelOfferOf, codeOf, freshWallet, outcomeOf, prepareChannel, settlementOf } from './client.ts'
import { openChannelShop } from './shop.ts'

let world: World
let purse: Purse
beforeAll(async () => {
  world = await createWorld()
  purse = world.buyer
})

const MODES = ['payword-sha256', 'voucher-ed25519'] as const

/** What a block sent to the payer, as the ledger has it. */
async function refunded(channel: Channel, hash: string | undefined): Promise<bigint | undefined> {
  const waiting = await receivable(world.devnet, channel.purse.account, { count: 1_000 })
  return waiting.find((one) => one.hash === hash)?.amount
}
const phaseOf = async (channel: Channel) => outcomeOf(await channel.state()).channelState

/** Asks until it is closed, and says by which block. */
async function closed(channel: Channel): Promise<string | undefined> {
  await expect.poll(async () => (await channel.close()).status).toBe(204)
  await expect.poll(async () => (await phaseOf(channel)).phase).toBe('closed')
  return (await phaseOf(channel)).refund
}

describe.each(MODES)('a channel of %s', (mode) => {
  test('is opened with its first payment, pays, and refunds what is left', async () => {
    const { ask, runs } = openChannelShop(world)
    const channel = await prepareChannel(ask, purse, { mode, deposit: parseXno('0.5') })
    const opened = await channel.open()
    expect([opened.status, await opened.text()]).toEqual([200, 'paid content'])
    expect(settlementOf(opened)).toMatchObject({ success: true, transaction: channel.block, payer: purse.account })
    for (let k = 2; k <= 5; k++) {
      const answer = await channel.pay(k)
      expect([answer.status, settlementOf(answer).transaction]).toEqual([200, ''])
      const outcome = outcomeOf(answer)
      const charged = String(BigInt(k) * channel.unit)
      expect(outcome).toMatchObject({
        chargedAmount: String(channel.unit),
        channelState: { phase: 'open', authorized: charged, charged, reserved: '0' },
      })
      expect(await channel.isReceipt(outcome, { path: '/report' })).toBe(true)
      expect(await channel.isReceipt({ ...outcome, chargedAmount: '1' }, { path: '/report' })).toBe(false)
      expect(await channel.isReceipt(outcome, { path: '/other' })).toBe(false)
    }
    expect(runs()).toBe(5)
    const deposit = parseXno('0.5') + channel.tag
    expect(await refunded(channel, await closed(channel))).toBe(deposit - 5n * channel.unit)
    expect(runs()).toBe(5)
  })

  test('closed without a payment gives everything back, and is closed once however often it is asked', async () => {
    const { ask, runs } = openChannelShop(world)
    const channel = await prepareChannel(ask, purse, { mode })
    const opened = await channel.openOnly()
    expect([opened.status, settlementOf(opened).transaction]).toEqual([204, channel.block])
    expect(await channel.isReceipt(outcomeOf(opened))).toBe(true)
    const answers = await Promise.all(Array.from({ length: 8 }, () => channel.close()))
    const blocks = new Set(answers.map((answer) => settlementOf(answer).transaction))
    expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 204))
    expect(blocks.size).toBe(1)
    expect(await refunded(channel, [...blocks][0])).toBe(BigInt(channel.extra.suggestedDeposit) + channel.tag)
    expect(settlementOf(await channel.close()).transaction).toBe([...blocks][0])
    expect(codeOf(await channel.pay(1))).toBe('channel_closed')
    expect(runs()).toBe(0)
  })

  test('spent to the last raw is closed without a block', async () => {
    const { ask } = openChannelShop(world, {}, async (payment) => {
      const { deposit } = (await phaseOf(channel)) as { deposit: string }
      expect(await payment.reserve(BigInt(deposit))).toBe(true)
      return new Response('all of it')
    })
    const channel = await prepareChannel(ask, purse, { mode: 'voucher-ed25519' })
    await channel.openOnly()
    const all = BigInt(channel.extra.suggestedDeposit) + channel.tag
    const shown = await channel.pay(all / channel.unit + 1n)
    expect(codeOf(shown)).toBe('cumulative_exceeds_deposit')
    const exactly = await channel.payRaw(all)
    expect([exactly.status, outcomeOf(exactly).chargedAmount]).toEqual([200, String(all)])
    const answer = await channel.close()
    expect([answer.status, settlementOf(answer).transaction]).toEqual([204, ''])
    expect(outcomeOf(answer).channelState).toMatchObject({ phase: 'closed', charged: String(all) })
  })

  test('opened three times at once is one channel, and its first payment is served once', async () => {
    const { ask, runs } = openChannelShop(world)
    const channel = await prepareChannel(ask, purse, { mode })
    const paymentId = channel.newId()
    const answers = await Promise.all([1, 2, 3].map(() => channel.open(paymentId)))
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(1)
    expect(runs()).toBe(1)
    const again = await channel.open(paymentId)
    expect([again.status, codeOf(again)]).toEqual([409, 'answer_not_stored'])
    expect(outcomeOf(again)).toMatchObject({ chargedAmount: String(channel.unit) })
    expect(await channel.isReceipt(outcomeOf(again), {})).toBe(true)
    expect(runs()).toBe(1)
  })

  test('serves thirty-two requests in flight, shuffled, each once', async () => {
    const { ask, runs } = openChannelShop(world)
    const channel = await prepareChannel(ask, purse, { mode })
    await channel.openOnly()
    const ks = Array.from({ length: 32 }, (_, i) => i + 1)
    expect((await channel.pay(33)).status).toBe(200)
    const shuffled = ks.sort(() => Math.random() - 0.5)
    const answers = await Promise.all(shuffled.map((k) => channel.pay(k)))
    expect(answers.map(({ status }) => status)).toEqual(ks.map(() => 200))
    expect(runs()).toBe(33)
    expect(await phaseOf(channel)).toMatchObject({ charged: String(33n * channel.unit), reserved: '0' })
  })

  test('tells where it stands when a proof leaves too little, and to nobody without its key', async () => {
    const { ask, runs } = openChannelShop(world)
    const channel = await prepareChannel(ask, purse, { mode })
    await channel.open()
    await channel.pay(5)
    await channel.pay(3) // 3 of 5 are charged
    await channel.pay(4)
    await channel.pay(5)
    await channel.pay(5)
    const refused = await channel.pay(5)
    expect([refused.status, codeOf(refused)]).toEqual([402, 'insufficient_authorization'])
    const outcome = outcomeOf(refused)
    expect(outcome.channelState).toMatchObject({
      authorized: String(5n * channel.unit),
      charged: String(5n * channel.unit),
    })
    expect(await channel.isReceipt(outcome)).toBe(true)
    expect(await channel.isLastProof(outcome.lastProof)).toBe(true)
    const { accepts } = await refused.json()
    expect(accepts.find(({ scheme }: { scheme: string }) => scheme === 'batch-settlement').extra).toMatchObject(outcome)
    expect((await channel.pay(6)).status).toBe(200)
    expect(runs()).toBe(6)
    const strange = await channel.pay(5, { change: { mac: 'A'.repeat(64) } })
    expect([codeOf(strange), settlementOf(strange).outcome]).toEqual(['mac', undefined])
    expect(JSON.stringify(await strange.json())).not.toContain('channelState')
  })

  test('takes a payment for less than is authorised under an identifier of its own alone', async () => {
    const { ask, runs } = openChannelShop(world)
    const channel = await prepareChannel(ask, purse, { mode })
    await channel.openOnly()
    const paymentId = channel.newId()
    expect((await channel.pay(9, { paymentId })).status).toBe(200)
    expect(codeOf(await channel.pay(3, { paymentId }))).toBe('answer_not_stored')
    expect((await channel.pay(3)).status).toBe(200)
    const other = await channel.pay(10, { paymentId, request: { path: '/other' } })
    expect([other.status, codeOf(other)]).toEqual([409, 'payment_identifier_conflict'])
    expect(runs()).toBe(2)
  })

  test('is topped up while it pays, each deposit once', async () => {
    const { ask } = openChannelShop(world)
    const channel = await prepareChannel(ask, purse, { mode, deposit: parseXno('0.01') })
    await channel.openOnly()
    expect(codeOf(await channel.pay(11))).toBe('cumulative_exceeds_deposit')
    const block = await channel.send(parseXno('0.02'))
    const all = await Promise.all([channel.topUp(block), channel.pay(1), channel.topUp(block), channel.topUp(block)])
    expect(all.map(({ status }) => status)).toEqual([204, 200, 204, 204])
    expect(await phaseOf(channel)).toMatchObject({ deposit: String(parseXno('0.03') + 2n * channel.tag) })
    expect((await channel.pay(11)).status).toBe(200)
    const topped = await channel.topUp(channel.block)
    expect([topped.status, (await phaseOf(channel)).deposit]).toEqual([
      204,
      String(parseXno('0.03') + 2n * channel.tag),
    ])
    const refund = await refunded(channel, await closed(channel))
    expect(refund).toBe(parseXno('0.03') + 2n * channel.tag - 2n * channel.unit)
    expect(codeOf(await channel.topUp(await channel.send(parseXno('0.02'))))).toBe('channel_closed')
  })

  test('is found again by who has nothing but the key of the account that paid', async () => {
    const { ask } = openChannelShop(world)
    const channel = await prepareChannel(ask, purse, { mode })
    await channel.open()
    const answer = await channel.stateByAccount()
    expect([answer.status, await answer.text()]).toEqual([204, ''])
    const outcome = outcomeOf(answer)
    expect(outcome).toMatchObject({ config: channel.config, channelState: { charged: String(channel.unit) } })
    expect(await channel.isLastProof(outcome.lastProof)).toBe(true)
    expect(await channel.isReceipt(outcome)).toBe(true)
    const stranger = await world.purse()
    const now = Math.floor(Date.now() / 1_000)
    for (const wrong of [
      await channel.stateByAccount(now, stranger.key),
      await channel.stateByAccount(now - 400),
      await channel.stateByAccount(now + 400),
    ]) {
      expect([codeOf(wrong), settlementOf(wrong).outcome]).toEqual(['authorization', undefined])
    }
  })
})

describe.each(MODES)('an answer that is kept, in a channel of %s,', (mode) => {
  const paymentIdentifier = { maxBytes: 100 }
  test('is given again to the same payment of the same request, is served and charged once, and is for nobody else', async () => {
    const shared = { paymentIdentifier, store: memoryStore(), wallet: freshWallet() }
    const { ask, runs } = openChannelShop(world, shared, async (_, request) => new Response(await request.text()))
    const other = openChannelShop(world, shared)
    const [channel, stranger] = [await prepareChannel(ask, purse, { mode }), await prepareChannel(ask, purse, { mode })]
    await channel.openOnly()
    await stranger.openOnly()
    const paymentId = channel.newId()
    const request = { path: '/report', method: 'POST', body: 'to be echoed' }
    const first = await channel.pay(3, { paymentId, request })
    expect([first.status, await first.text()]).toEqual([200, 'to be echoed'])
    const elsewhere = channel.on(other.ask) as Channel
    let units = 3
    for (const at of [channel, elsewhere]) {
      // The copy is stored beside the answer.
      await expect.poll(async () => (await at.pay(3, { paymentId, request })).status).toBe(200)
      const again = await at.pay(3, { paymentId, request })
      expect(await again.text()).toBe('to be echoed')
      expect(settlementOf(again)).toMatchObject({ success: true, amount: String(channel.unit) })
      expect(outcomeOf(again).commitmentId).toBe(outcomeOf(first).commitmentId)
      // As the channel stands now, whatever has been paid in between.
      await at.pay(++units)
      const now = outcomeOf(await at.pay(3, { paymentId, request }))
      expect(now.channelState.charged).toBe(String(BigInt(units - 2) * channel.unit))
      expect([now.chargedAmount, await channel.isReceipt(now, request)]).toEqual([String(channel.unit), true])
    }
    expect(codeOf(await channel.pay(3, { paymentId, request: { ...request, body: 'another' } }))).toBe(
      'payment_identifier_conflict',
    )
    expect((await stranger.pay(1, { paymentId, request: { ...request, body: 'mine' } })).status).toBe(200)
    const forged = { paymentId, request, change: { mac: 'A'.repeat(64) } }
    expect([(await channel.pay(3, forged)).status, runs(), other.runs()]).toEqual([402, 3, 1])
    expect((await phaseOf(channel)).charged).toBe(String(3n * channel.unit))
  })

  test('is not kept when it is too long, and then the payment is told what it cost', async () => {
    const { ask, runs } = openChannelShop(world, { paymentIdentifier }, () => new Response('x'.repeat(101)))
    const channel = await prepareChannel(ask, purse, { mode })
    await channel.openOnly()
    const paymentId = channel.newId()
    await channel.pay(1, { paymentId })
    await expect.poll(async () => codeOf(await channel.pay(1, { paymentId }))).toBe('answer_not_stored')
    const { chargedAmount } = outcomeOf(await channel.pay(1, { paymentId }))
    expect([chargedAmount, runs()]).toEqual([String(channel.unit), 1])
  })
})

describe('a price that is known only afterwards', () => {
  test('is charged as the handler says, up to what was reserved, and a handler that charges more has failed', async () => {
    let amount = 0n
    const { ask } = openChannelShop(world, {}, (payment) => {
      payment.charge(amount)
      return new Response('metered')
    })
    const channel = await prepareChannel(ask, purse)
    await channel.openOnly()
    amount = 7n
    const answer = await channel.pay(1)
    expect(outcomeOf(answer)).toMatchObject({ chargedAmount: '7', channelState: { charged: '7' } })
    expect(settlementOf(answer).amount).toBe('7')
    amount = 0n
    expect(outcomeOf(await channel.pay(2))).toMatchObject({ chargedAmount: '0', channelState: { charged: '7' } })
    amount = channel.unit + 1n
    await expect(channel.pay(3)).rejects.toMatchObject({ code: 'ERR_CHARGE' })
    expect(await phaseOf(channel)).toMatchObject({ charged: '7', reserved: '0' })
  })

  test('may be more than was thought, as far as the client has authorised it', async () => {
    const reserved: boolean[] = []
    const { ask } = openChannelShop(world, {}, async (payment) => {
      for (const units of [3n, 4n]) reserved.push(await payment.reserve(units * channel.unit))
      return new Response('metered')
    })
    const channel = await prepareChannel(ask, purse)
    await channel.openOnly()
    expect(outcomeOf(await channel.pay(3)).chargedAmount).toBe(String(3n * channel.unit))
    expect(reserved).toEqual([true, false])
  })

  test('is too late once the answer has started', async () => {
    let late: (() => void) | undefined
    const { ask } = openChannelShop(world, {}, (payment) => {
      late = () => payment.charge(0n)
      return new Response('paid')
    })
    const channel = await prepareChannel(ask, purse)
    expect(outcomeOf(await channel.open()).chargedAmount).toBe(String(channel.unit))
    expect(late).toThrow(expect.objectContaining({ code: 'ERR_CHARGE' }))
  })

  test('cannot be less where the request was paid before, and the proof stays good', async () => {
    let charge: bigint | undefined = 1n
    const { ask } = openChannelShop(world, {}, (payment) => {
      if (charge !== undefined) payment.charge(charge)
      return new Response('paid')
    })
    const offer = offerOf(await ask('/report'), 'nanoSession')
    const headers = proofHeader(offer, await purse.pay(offer))
    await expect(ask('/report', { headers })).rejects.toMatchObject({ code: 'ERR_CHARGE' })
    charge = parseXno('0.001')
    expect((await ask('/report', { headers })).status).toBe(200)
  })
})

describe('a price', () => {
  test.each([['session', 'channel'] as const, ['channel', 'session'] as const])(
    'is asked once for a 402 that offers %s and %s, and is the same in both',
    async (...mechanisms) => {
      let asked = 0
      const price = () => `0.00${++asked}`
      const { ask } = openChannelShop(world, { mechanisms, price })
      const { accepts } = challengeOf(await ask('/report'))
      expect(accepts.map(({ amount }) => BigInt(amount) / 10n ** 20n)).toEqual([10n ** 7n, 10n ** 7n])
      expect(asked).toBe(1)
    },
  )

  test('that rises is not taken from what was left over: the client has to agree to it', async () => {
    let price = '0.001'
    const { ask, runs } = openChannelShop(world, { price: () => price })
    const channel = await prepareChannel(ask, purse)
    await channel.openOnly()
    price = '0.002'
    const refused = await channel.pay(9)
    expect([refused.status, codeOf(refused), runs()]).toEqual([402, 'insufficient_authorization', 0])
    expect(await phaseOf(channel)).toMatchObject({ charged: '0', authorized: '0' })
    price = '0.0005'
    expect(outcomeOf(await channel.pay(1)).chargedAmount).toBe(String(parseXno('0.0005')))
  })
  test.each(['0', '-1', '0.00000000001'])('of %s serves nobody', async (price) => {
    const { ask, runs } = openChannelShop(world, { price: () => price })
    expect([(await ask('/report')).status, runs()]).toEqual([503, 0])
  })
})

describe('a handler that fails', () => {
  test('costs nothing, and the same payment may be presented again, as often as the route says', async () => {
    let fails = 2
    const { ask, runs } = openChannelShop(world, { attempts: 2 }, () => {
      if (fails-- > 0) throw new Error('failed')
      return new Response('paid content')
    })
    const channel = await prepareChannel(ask, purse)
    await channel.openOnly()
    const paymentId = channel.newId()
    await expect(channel.pay(1, { paymentId })).rejects.toThrow('failed')
    expect(await phaseOf(channel)).toMatchObject({ charged: '0', reserved: '0', authorized: String(channel.unit) })
    await expect(channel.pay(1, { paymentId })).rejects.toThrow('failed')
    expect(codeOf(await channel.pay(1, { paymentId }))).toBe('attempts_exhausted')
    expect((await channel.pay(1)).status).toBe(200)
    expect(runs()).toBe(3)
  })
})

/** A store that fails at the next write of a record whose key begins so, before or after it did what it was asked. */
function failingAt(prefix: string, when: 'before' | 'after') {
  const store = memoryStore()
  let isDown = false
  const failing: Store = {
    ...store,
    async write(key, ...args) {
      const fails = isDown && key.startsWith(prefix)
      if (fails) isDown = false
      if (fails && when === 'before') throw new StoreError('down')
      const isWritten = await store.write(key, ...args)
      if (fails) throw new StoreError('down')
      return isWritten
    },
  }
  return {
    store: failing,
    failOnce() {
      isDown = true
    },
  }
}

describe('a store that fails before the handler runs', () => {
  test.each([
    ['channel-state:', 'before'],
    ['channel-state:', 'after'],
    ['identifier:', 'before'],
    ['identifier:', 'after'],
  ] as const)('at %s, %s it has written, gives the payment back, and it has cost no attempt', async (prefix, when) => {
    const { store, failOnce } = failingAt(prefix, when)
    const { ask, runs } = openChannelShop(world, { store, attempts: 1, paymentIdentifier: true })
    const channel = await prepareChannel(ask, purse)
    await channel.openOnly()
    const paymentId = channel.newId()
    failOnce()
    const down = await channel.pay(1, { paymentId })
    expect([down.status, (await down.json()).error, runs()]).toEqual([503, 'store_unavailable', 0])
    expect((await phaseOf(channel)).reserved).toBe('0')
    expect([(await channel.pay(1, { paymentId })).status, runs()]).toEqual([200, 1])
  })
})

test('amounts up to 10^38 raw are deposited, charged and refunded to the last digit', async () => {
  const large = await createWorld()
  const { seed, account } = await large.devnet.fundedSeed(raw(2n * 10n ** 38n))
  const rich = createPurse(large.devnet, derivePrivateKey(seed, 0), account)
  const cost = 12_345_678_901_234_567_890_123_456_789_012_345_679n
  const amounts = { maxDeposit: { raw: 10n ** 38n }, minDeposit: '1' }
  const { ask } = openChannelShop(large, { price: { raw: 5n * 10n ** 37n }, channel: amounts }, (payment) => {
    payment.charge(cost)
    return new Response('paid content')
  })
  const channel = await prepareChannel(ask, rich, { mode: 'voucher-ed25519', deposit: 10n ** 38n })
  await channel.openOnly()
  const deposit = 10n ** 38n + channel.tag
  const answer = await channel.payRaw(deposit)
  expect([answer.status, outcomeOf(answer).chargedAmount]).toEqual([200, String(cost)])
  expect(codeOf(await channel.payRaw(deposit + 1n))).toBe('cumulative_exceeds_deposit')
  await closed(channel)
  const waiting = await receivable(large.devnet, account, { count: 9 })
  expect(waiting.map(({ amount }) => amount)).toEqual([deposit - cost])
})

test('a handler that goes on after a close holds up the refund for the time of grace, and is not paid then', async () => {
  let finish: () => void = () => {}
  const finished = new Promise<void>((resolve) => {
    finish = resolve
  })
  const { ask } = openChannelShop(world, { leaseMs: 900, channel: { closeGraceSeconds: 1 } }, async () => {
    await finished
    return new Response('too late')
  })
  const channel = await prepareChannel(ask, purse)
  await channel.openOnly()
  const answer = channel.pay(1)
  await expect.poll(async () => (await phaseOf(channel)).reserved).toBe(String(channel.unit))
  const startMs = Date.now()
  expect(codeOf(await channel.close())).toBe('busy')
  await expect.poll(async () => (await channel.close()).status, { timeout: 10_000 }).toBe(204)
  expect(Date.now() - startMs).toBeGreaterThanOrEqual(900)
  finish()
  expect((await answer).status).toBe(503)
  expect(await refunded(channel, await closed(channel))).toBe(BigInt(channel.extra.suggestedDeposit) + channel.tag)
})

test('a server that is killed with a payment under way costs nothing: another one takes it when its lease is over', async () => {
  const shared = { wallet: freshWallet(), leaseMs: 300 }
  const store = memoryStore()
  let isDead = false
  const dying = new Proxy(store, {
    get(target, name: keyof Store) {
      const method = target[name]
      if (typeof method !== 'function') return method
      return (...args: never[]) =>
        isDead ? Promise.reject(new StoreError('killed')) : (method as (...args: never[]) => unknown)(...args)
    },
  })
  let die: () => void = () => {}
  const died = new Promise<void>((resolve) => {
    die = resolve
  })
  const first = openChannelShop(world, { ...shared, store: dying }, async () => {
    await died
    return new Response('of a dead server')
  })
  const second = openChannelShop(world, { ...shared, store })
  const channel = await prepareChannel(first.ask, purse)
  await channel.openOnly()
  const at = channel.on(second.ask) as Channel
  const paymentId = channel.newId()
  const lost = channel.pay(1, { paymentId })
  await expect.poll(async () => (await phaseOf(at)).reserved).toBe(String(channel.unit))
  expect(codeOf(await at.pay(1, { paymentId }))).toBe('busy')
  isDead = true
  await expect.poll(async () => (await at.pay(1, { paymentId })).status, { timeout: 5_000 }).toBe(200)
  die()
  expect((await lost).status).toBe(503) // it comes back to life, and has nothing to serve it for
  expect(await phaseOf(at)).toMatchObject({ charged: String(channel.unit), reserved: '0' })
  expect(second.runs()).toBe(1)
})

describe('what the payee does by itself', () => {
  const soon = { channel: { ttlSeconds: 2, sweepSeconds: 1 } }
  test('is to close a channel that has expired, and to refund it', async () => {
    const { ask, runs } = openChannelShop(world, soon)
    const channel = await prepareChannel(ask, purse)
    await channel.open()
    await expect.poll(async () => (await phaseOf(channel)).phase, { timeout: 15_000 }).toBe('closed')
    expect(await refunded(channel, (await phaseOf(channel)).refund)).toBe(
      BigInt(channel.extra.suggestedDeposit) + channel.tag - channel.unit,
    )
    expect(['channel_expired', 'channel_closed']).toContain(codeOf(await channel.pay(2)))
    expect(runs()).toBe(1)
  })

  /** A shop whose store has been told what its account had before. */
  async function openWatched() {
    const shared = { wallet: freshWallet(), store: memoryStore() }
    const { ask, runs } = openChannelShop(world, shared)
    const account = channelOfferOf(await ask('/report')).payTo
    await expect.poll(() => shared.store.read(`deposits-watched:${account}`)).toBeDefined()
    return { shared, ask, runs }
  }
  const amountsFor = async ({ account }: Purse) => {
    const waiting = await receivable(world.devnet, account, { count: 10 })
    return waiting.map(({ amount }) => amount)
  }

  test('is to give back a deposit that nobody opened, which then opens nothing', async () => {
    const { shared, ask, runs } = await openWatched()
    const lonely = await world.purse()
    const channel = await prepareChannel(ask, lonely)
    await lonely.send(channel.offer.payTo, 5n)
    openChannelShop(world, { ...soon, ...shared }) // of the same wallet, and less patient
    const deposit = BigInt(channel.extra.suggestedDeposit) + channel.tag
    await expect.poll(() => amountsFor(lonely), { timeout: 20_000 }).toEqual([deposit])
    expect([codeOf(await channel.open()), runs()]).toEqual(['deposit_claimed', 0])
    expect(await shared.store.inspect(`block:${channel.block}`)).toMatchObject({ state: 'spent' }) // for good
  })

  test('is not to give back what an emptied store may have known: it can be spent, or refunded, already', async () => {
    const { shared, ask } = await openWatched()
    const [spender, lonely] = [await world.purse(), await world.purse()]
    const channel = await prepareChannel(ask, spender)
    await channel.open()
    await closed(channel)
    const [refund] = await amountsFor(spender)
    await (await prepareChannel(ask, spender)).open() // whose deposit waits to be received

    const emptied = { ...shared, store: memoryStore() }
    const { ask: askEmptied } = openChannelShop(world, { ...emptied, ...soon })
    const { payTo } = channelOfferOf(await askEmptied('/report'))
    await expect.poll(() => emptied.store.read(`deposits-watched:${payTo}`)).toBeDefined()
    // A later deposit that nobody opens shows that the sweep has come that far.
    const later = await prepareChannel(askEmptied, lonely)
    await expect.poll(() => amountsFor(lonely), { timeout: 20_000 }).toHaveLength(1)
    expect(later.block).toBeDefined()
    expect(await amountsFor(spender)).toEqual([refund])
  })
})
