/** C1 to C18, R12 and R16 on channels of a payee: whatever is shown, what is served is paid, and what is not is given back. */
import { createPaywall } from 'nano402'
import { blockHash, derivePublicKey, hashBlock, parseXno, publicKeyToAddress } from 'nano402/nano'
import { memoryStore } from 'nano402/stores/memory'
import { beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest'
import { closeBytes } from '../../src/channel/binding.ts'
import { authorizeOpening, type ChannelConfig, channelId } from '../../src/channel/config.ts'
import { bytesToHex } from '../../src/nano/hex.ts'
import { type Channel, codeOf, extraOf, freshWallet, outcomeOf, prepareChannel } from '../channel/client.ts'
import { openChannelShop } from '../channel/shop.ts'
import {
  createWorld,
  handover,
  offerOf,
  type Purse,
  paymentHeader,
  paymentOf,
  proofHeader,
  randomHash,
  sessionIdOf,
  signedFor,
  type World,
} from '../support/world.ts'

let world: World
let purse: Purse
beforeAll(async () => {
  world = await createWorld()
  purse = world.buyer
})

/** Counts what is asked of node and store. */
function watched(more: object = {}) {
  const asked = { node: 0, writes: 0 }
  const shop = openChannelShop(world, {
    onEvent(event) {
      if (event.type === 'node_call') asked.node++
      if (event.type === 'store_call' && !['read', 'epoch', 'inspect'].includes(event.operation)) asked.writes++
    },
    ...more,
  })
  return { ...shop, asked }
}
const MODES = ['payword-sha256', 'voucher-ed25519'] as const

test('C1: an old voucher with a rubbish signature is none, though its client made its MAC', async () => {
  const { ask, runs } = openChannelShop(world)
  const channel = await prepareChannel(ask, purse, { mode: 'voucher-ed25519' })
  await channel.openOnly()
  await channel.pay(9)
  for (const units of [3, 9, 10]) {
    expect(codeOf(await channel.pay(units, { change: { signature: 'A'.repeat(128) } }))).toBe('proof')
  }
  expect(runs()).toBe(1)
})

describe.each(MODES)('of %s', (mode) => {
  test('C2: a proof that is shown a hundred times at once is served once', async () => {
    const { ask, runs } = openChannelShop(world)
    const channel = await prepareChannel(ask, purse, { mode })
    await channel.openOnly()
    const paymentId = channel.newId()
    const answers = await Promise.all(Array.from({ length: 100 }, () => channel.pay(50, { paymentId })))
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(1)
    expect(new Set(answers.filter(({ status }) => status !== 200).map(codeOf))).toEqual(new Set(['busy']))
    expect([runs(), outcomeOf(await channel.state()).channelState.charged]).toEqual([1, String(channel.unit)])
  })

  test('C3: an equal or lower proof buys no second answer, whatever it is shown for', async () => {
    const { ask, runs } = openChannelShop(world)
    const channel = await prepareChannel(ask, purse, { mode })
    await channel.openOnly()
    await channel.pay(1)
    expect(codeOf(await channel.pay(1))).toBe('insufficient_authorization')
    expect(codeOf(await channel.pay(1, { request: { path: '/other' } }))).toBe('insufficient_authorization')
    expect(codeOf(await channel.pay(0))).toBe(mode === 'payword-sha256' ? 'payload' : 'insufficient_authorization')
    expect(runs()).toBe(1)
  })

  test('C3: a proof is for one method, path, query, body and identifier', async () => {
    const { ask, runs } = openChannelShop(world)
    const channel = await prepareChannel(ask, purse, { mode })
    await channel.openOnly()
    const paid = { path: '/report?day=1', method: 'POST', body: 'one' }
    const paymentId = channel.newId()
    const payload = { ...(await channel.proof(1, { paymentId, request: paid })) }
    const shown = JSON.parse(JSON.stringify(payload, (_, value) => (typeof value === 'bigint' ? String(value) : value)))
    for (const request of [
      { ...paid, path: '/report?day=2' },
      { ...paid, path: '/other?day=1' },
      { ...paid, method: 'PUT' },
      { ...paid, body: 'two' },
      { path: paid.path, method: 'GET' },
    ]) {
      expect(codeOf(await channel.present(shown, { paymentId, request }))).toBe('mac')
    }
    expect(codeOf(await channel.present(shown, { paymentId: channel.newId(), request: paid }))).toBe('mac')
    expect((await channel.present(shown, { request: paid })).status).toBe(400)
    expect((await channel.present(shown, { paymentId: 'short', request: paid })).status).toBe(400)
    expect(runs()).toBe(0)
    expect((await channel.present(shown, { paymentId, request: paid })).status).toBe(200)
  })

  test('C5: a proof of another channel, or for another server, network or mode, is none', async () => {
    const store = memoryStore()
    const { ask, runs } = openChannelShop(world, { store })
    const [one, other] = [await prepareChannel(ask, purse, { mode }), await prepareChannel(ask, purse, { mode })]
    await one.openOnly()
    await other.openOnly()
    const foreign = await other.proof(1, { paymentId: 'payment-of-the-other' })
    const change = foreign.type === 'token' ? { token: foreign.token } : { signature: foreign.signature }
    expect(codeOf(await one.pay(1, { change }))).toBe('proof')
    expect(codeOf(await one.pay(1, { change: { channelId: other.id } }))).toBe('mac')
    const wrong =
      mode === 'payword-sha256'
        ? { type: 'voucher', k: undefined, token: undefined, cumulative: '1', signature: 'A'.repeat(128) }
        : { type: 'token', cumulative: undefined, signature: undefined, k: 1, token: 'A'.repeat(64) }
    expect(codeOf(await one.pay(1, { change: wrong }))).toBe('payload')
    // Another payee of the same secret and the same store: what is paid there is not paid here.
    const elsewhere = openChannelShop(world, { store, secret: world.options.secret, wallet: freshWallet() })
    const moved = await prepareChannel(elsewhere.ask, purse, { mode })
    const shown = { ...(await one.proof(1, { paymentId: 'a-payment-for-the-first' })) }
    const payload = JSON.parse(JSON.stringify(shown, (_, value) => (typeof value === 'bigint' ? String(value) : value)))
    expect(codeOf(await moved.present(payload, { paymentId: 'a-payment-for-the-first' }))).toBe('channel_not_found')
    expect([runs(), elsewhere.runs()]).toEqual([0, 0])
  })
})

test('C4: a channel is opened by the account that paid, and by a voucher of its own key', async () => {
  const { ask, runs } = openChannelShop(world)
  const channel = await prepareChannel(ask, purse)
  const stranger = await world.purse()
  const opening = { ...(await channel.opening()) }
  const forged = { ...opening, authorization: authorizeOpening(channel.config, channel.block, stranger.key) }
  expect(codeOf(await channel.present(forged))).toBe('authorization')
  const flipped = opening.authorization.replace(/^./, (digit) => (digit === '0' ? '1' : '0'))
  expect(codeOf(await channel.present({ ...opening, authorization: flipped }))).toBe('authorization')
  // The same deposit as a stranger's own, with a key of the stranger's choice: its sender is not the payer of that.
  const theirs = { ...channel.config, payer: stranger.account, refundTo: stranger.account } as ChannelConfig
  const stolen = { ...opening, config: theirs, authorization: authorizeOpening(theirs, channel.block, stranger.key) }
  expect(codeOf(await channel.present(stolen))).toBe('deposit_mismatch')
  // And as the payer's, but with a refund to the stranger: the payer has not signed for that.
  const rerouted = { ...channel.config, refundTo: stranger.account } as ChannelConfig
  expect(codeOf(await channel.present({ ...opening, config: rerouted }))).toBe('authorization')
  expect(codeOf(await channel.present({ ...opening, macKey: 'A'.repeat(64) }))).toBe('mac')
  expect((await channel.openOnly()).status).toBe(204) // nobody held up the owner
  expect(runs()).toBe(0)
})

test('C6: a channel id in another case, and every other second spelling, is malformed', async () => {
  const { ask, runs } = openChannelShop(world)
  const channel = await prepareChannel(ask, purse)
  await channel.openOnly()
  for (const change of [
    { channelId: channel.id.toLowerCase() },
    { channelId: `0x${channel.id}` },
    { k: '1' },
    { k: 1.5 },
    { token: bytesToHex(channel.chain.token(1)).toLowerCase() },
    { more: 1 },
  ]) {
    const answer = await channel.pay(1, { change })
    expect([answer.status, codeOf(answer)]).toEqual([400, 'payload'])
  }
  expect(runs()).toBe(0)
})

describe('C7: a proof', () => {
  test('above the deposit, above the chain, below zero or beyond every amount is not served', async () => {
    const { ask, runs } = openChannelShop(world)
    const channel = await prepareChannel(ask, purse, { deposit: parseXno('0.01'), maxK: 50 })
    await channel.openOnly()
    expect(codeOf(await channel.pay(11))).toBe('cumulative_exceeds_deposit')
    for (const k of [51, 0, Number.MAX_SAFE_INTEGER]) expect(codeOf(await channel.pay(k))).toBe('payload')
    const vouchers = await prepareChannel(ask, purse, { mode: 'voucher-ed25519', deposit: parseXno('0.01') })
    await vouchers.openOnly()
    const deposit = parseXno('0.01') + vouchers.tag
    expect(codeOf(await vouchers.payRaw(deposit + 1n))).toBe('cumulative_exceeds_deposit')
    expect(codeOf(await vouchers.payRaw(10n ** 39n - 1n))).toBe('cumulative_exceeds_deposit')
    expect(codeOf(await vouchers.pay(1, { change: { cumulative: String(2n ** 256n) } }))).toBe('payload')
    expect(runs()).toBe(0)
    expect((await vouchers.payRaw(deposit)).status).toBe(200)
  })

  test('that jumps is not hashed: not the first one either, nor back', async () => {
    const { ask, runs } = openChannelShop(world, { price: '0.0001', channel: { maxStep: 100 } })
    const channel = await prepareChannel(ask, purse, { maxK: 5_000, deposit: parseXno('1') })
    await channel.openOnly()
    expect(codeOf(await channel.pay(101))).toBe('step_exceeded')
    expect((await channel.pay(100)).status).toBe(200)
    expect((await channel.pay(200)).status).toBe(200)
    expect(codeOf(await channel.pay(99))).toBe('step_exceeded')
    expect(runs()).toBe(2)
  })
})

describe('C8: a deposit', () => {
  test('that is not exactly one of this channel opens nothing, and stays where it is', async () => {
    const { ask, asked } = watched()
    const channel = await prepareChannel(ask, purse)
    const { account } = channel.extra.deposit ?? { account: '' }
    const base = parseXno('0.02')
    const stranger = await world.purse()
    const wrong = [
      await purse.send(account, base + channel.tag + 1n),
      await purse.send(account, base),
      await purse.send(account, base + channel.tag - (channel.tag % 10n ** 7n)),
      await purse.send(account, parseXno('0.005') + channel.tag),
      await purse.send(world.seller.account, base + channel.tag),
      await stranger.send(account, base + channel.tag),
    ]
    const before = asked.writes
    for (const block of wrong) {
      const opening = { ...(await channel.opening()), blockHash: block }
      const authorization = authorizeOpening(channel.config, block, purse.key)
      expect(codeOf(await channel.present({ ...opening, authorization }))).toBe('deposit_mismatch')
    }
    expect(asked.writes).toBe(before)
    expect((await channel.openOnly()).status).toBe(204)
    for (const block of wrong) expect(codeOf(await channel.topUp(block))).toBe('deposit_mismatch')
  })

  test('that is not confirmed, or that nobody has seen, is waited for, and is taken later', async () => {
    const { ask } = openChannelShop(world, { confirmTimeoutMs: 50 })
    const channel = await prepareChannel(ask, purse)
    const unseen = blockHash(randomHash())
    const opening = { ...(await channel.opening()), blockHash: unseen }
    const answer = await channel.present({
      ...opening,
      authorization: authorizeOpening(channel.config, unseen, purse.key),
    })
    expect([answer.status, codeOf(answer), answer.headers.get('Retry-After')]).toEqual([
      503,
      'deposit_unconfirmed',
      '1',
    ])
    expect((await channel.openOnly()).status).toBe(204)
  })

  test('opens one channel, under any number of attempts at once', async () => {
    const { ask } = openChannelShop(world)
    const channel = await prepareChannel(ask, purse)
    const openings = await Promise.all(
      Array.from({ length: 8 }, async (_, i) => {
        const config = { ...channel.config, salt: String(i).repeat(32) } as ChannelConfig
        const authorization = authorizeOpening(config, channel.block, purse.key)
        return channel.present({ ...(await channel.opening()), config, authorization })
      }),
    )
    expect(openings.filter(({ status }) => status === 204)).toHaveLength(1)
    expect(new Set(openings.filter(({ status }) => status !== 204).map(codeOf))).toEqual(new Set(['deposit_claimed']))
  })

  test('is looked up for an offer of ours alone, and so many hashes for each', async () => {
    const { ask, asked } = watched({ confirmTimeoutMs: 1 })
    const channel = await prepareChannel(ask, purse)
    const opening = await channel.opening()
    const { node, writes } = asked
    for (const nonce of ['rubbish', `${channel.extra.nonce.slice(0, -4)}AAAA`, channel.extra.nonce.slice(1)]) {
      const offer = { ...channel.offer, extra: { ...channel.offer.extra, nonce } }
      const forged = await prepareChannelOn(channel, { nonce }, offer)
      expect(codeOf(forged)).toBe('nonce')
    }
    expect([asked.node, asked.writes]).toEqual([node, writes])
    const codes = []
    for (let i = 0; i < 10; i++) codes.push(codeOf(await channel.present({ ...opening, blockHash: randomHash() })))
    expect(codes.slice(0, 8)).toEqual(Array(8).fill('deposit_unconfirmed'))
    expect(codes.slice(8)).toEqual(['too_many_attempts', 'too_many_attempts'])
  })

  /** Opens with another config and another echoed offer. */
  async function prepareChannelOn(
    channel: Awaited<ReturnType<typeof prepareChannel>>,
    change: object,
    offer = channel.offer,
  ) {
    const config = { ...channel.config, ...change } as ChannelConfig
    const authorization = authorizeOpening(config, channel.block, purse.key)
    return channel.present({ ...(await channel.opening()), config, authorization }, { offer })
  }

  test('opens on the offered terms alone, every one of which is sealed', async () => {
    const { ask, asked } = watched({ publicUrl: 'http://shop.example' })
    const channel = await prepareChannel(ask, purse)
    const { extra, offer } = channel
    const node = asked.node
    for (const change of [
      { unit: '1' },
      { maxK: 2 ** 20 + 1 },
      { minDeposit: '0' },
      { maxDeposit: String(10n ** 38n) },
      { suggestedDeposit: extra.maxDeposit },
      { maxStep: 2_000 },
      { ttlSeconds: extra.ttlSeconds * 2 },
      { expiresAt: extra.expiresAt + 1 },
      { closeGraceSeconds: 1 },
      { receiptKey: 'A'.repeat(64) },
      { modes: ['voucher-ed25519'] },
      { deposit: { ...extra.deposit, account: world.seller.account } },
      { deposit: { ...extra.deposit, exactAmount: '1' } },
    ]) {
      const answer = await prepareChannelOn(channel, {}, { ...offer, extra: { ...extra, ...change } })
      expect([change, codeOf(answer)]).toEqual([change, 'nonce'])
    }
    expect(asked.node).toBe(node)
    const other = await prepareChannel(ask, purse)
    const before = asked.node
    for (const change of [
      { unit: '1' },
      { expiresAt: other.extra.expiresAt + 1 },
      { closeGrace: 1 },
      { payee: world.seller.account },
      { refundTo: other.offer.payTo },
      { network: 'nano:mainnet' },
      { origin: 'http://elsewhere.example' },
    ]) {
      expect([change, codeOf(await prepareChannelOn(other, change))]).toEqual([change, 'binding'])
    }
    expect(asked.node).toBe(before)
  })
})

test('C9, C18: tokens that race a close are served and charged, or not served and refunded', async () => {
  const { ask, runs } = openChannelShop(world)
  const channel = await prepareChannel(ask, purse)
  await channel.openOnly()
  const answers = await Promise.all(
    Array.from({ length: 40 }, (_, i) => (i === 20 ? channel.close() : channel.pay(60))),
  )
  const served = answers.filter(({ status }) => status === 200).length
  expect(served).toBe(runs())
  await expect.poll(async () => outcomeOf(await channel.close()).channelState.phase).toBe('closed')
  const { charged, deposit } = outcomeOf(await channel.state()).channelState
  expect(charged).toBe(String(BigInt(served) * channel.unit))
  const { refund } = outcomeOf(await channel.state()).channelState
  const { blocks } = (await world.devnet.call('blocks_info', { json_block: true, hashes: [refund] })) as {
    blocks: Record<string, { amount: string }>
  }
  expect(Object.values(blocks).map(({ amount }) => amount)).toEqual([String(BigInt(deposit) - BigInt(charged))])
})

test('C10: a stranger closes nothing, tops nothing up and is told nothing', async () => {
  const { ask } = openChannelShop(world)
  const channel = await prepareChannel(ask, purse)
  await channel.openOnly()
  const mac = 'A'.repeat(64)
  for (const payload of [
    { type: 'close', channelId: channel.id, mac },
    { type: 'state', channelId: channel.id, mac },
    { type: 'topup', channelId: channel.id, blockHash: randomHash(), mac },
    // A MAC for something else of the same channel.
    { type: 'state', channelId: channel.id, mac: channel.hexMac(closeBytes(channel.id)) },
  ]) {
    const answer = await channel.present(payload)
    expect([codeOf(answer), JSON.stringify(await answer.json()).includes('channelState')]).toEqual(['mac', false])
  }
  expect(outcomeOf(await channel.state()).channelState.phase).toBe('open')
})

test('C11: a channel opens on the terms that were offered, whatever has been set since the deposit was made', async () => {
  const shared = { store: memoryStore(), wallet: freshWallet() }
  const before = openChannelShop(world, shared)
  const channel = await prepareChannel(before.ask, purse, { deposit: parseXno('0.02') })
  const { ask } = openChannelShop(world, {
    ...shared,
    price: '0.002',
    channel: {
      unit: '0.5',
      minDeposit: '1',
      maxDeposit: '2',
      modes: ['voucher-ed25519'],
      ttlSeconds: 60,
      closeGraceSeconds: 1,
    },
  })
  const moved = channel.on(ask) as Channel
  expect((await moved.openOnly()).status).toBe(204)
  expect((await moved.topUp(await channel.send(parseXno('0.02')))).status).toBe(204)
})

test('C12: calls that are metered in parallel never cost more together than was authorised', async () => {
  let together = 0
  const { ask, runs } = openChannelShop(world, {}, async (payment) => {
    together++
    const mayCostMore = await payment.reserve(3n * 10n ** 27n)
    await new Promise((resolve) => setTimeout(resolve, 20))
    if (!mayCostMore) payment.charge(0n)
    return new Response(String(mayCostMore))
  })
  const channel = await prepareChannel(ask, purse, { mode: 'voucher-ed25519', deposit: parseXno('0.01') })
  await channel.openOnly()
  const answers = await Promise.all(Array.from({ length: 20 }, () => channel.pay(10)))
  const { charged, authorized } = outcomeOf(await channel.state()).channelState
  expect(BigInt(charged)).toBeLessThanOrEqual(BigInt(authorized))
  const texts = await Promise.all(answers.filter(({ status }) => status === 200).map((answer) => answer.text()))
  expect(BigInt(charged)).toBe(BigInt(texts.filter((text) => text === 'true').length) * 3n * channel.unit)
  expect(runs()).toBe(together)
})

test('C16, R14: a server that lost its store serves no old proof, and keeps no deposit for a channel that it may have closed', async () => {
  const wallet = freshWallet()
  const before = openChannelShop(world, { wallet })
  const channel = await prepareChannel(before.ask, purse)
  await channel.open()
  await new Promise((resolve) => setTimeout(resolve, 2)) // the clock of epochs has whole milliseconds
  const after = openChannelShop(world, { wallet })
  const moved = channel.on(after.ask) as Channel
  expect(codeOf(await moved.pay(2))).toBe('channel_not_found')
  const opened = await moved.open()
  expect([opened.status, codeOf(opened), after.runs()]).toEqual([503, 'store_reset', 0])
})

describe('R12, R16: what paid for one thing pays for no other', () => {
  test('a deposit is no signed block and no signed payment, and what was handed over or signed for is no deposit', async () => {
    const { ask, runs } = openChannelShop(world, { mechanisms: ['channel', 'session', 'signed-block', 'signature'] })
    const [block, signature] = [
      offerOf(await ask('/report'), 'nanoTxn'),
      offerOf(await ask('/report'), 'nanoSignature'),
    ]
    const show = (payment: unknown) => ask('/report', { headers: paymentHeader(payment) })
    const channel = await prepareChannel(ask, purse)
    // The deposit, under every other mechanism; and one that is handed over before anybody has published it.
    expect(codeOf(await show(signedFor(signature, channel.block, purse)))).toBe('recipient_mismatch')
    const deposit = await purse.sign(channel.offer.payTo, BigInt(channel.extra.suggestedDeposit) + channel.tag)
    expect(codeOf(await show(handover(block, deposit)))).toBe('recipient_mismatch')
    expect(runs()).toBe(0)
    // What bought an answer, as a deposit: under its own terms, and with the claim that it left.
    const handed = await purse.sign(block.payTo, BigInt(block.amount))
    const [one, two] = [await show(handover(block, handed)), await purse.pay(signature)]
    expect([one.status, (await show(signedFor(signature, two, purse))).status, runs()]).toEqual([200, 200, 2])
    for (const spent of [hashBlock(handed), two]) {
      const opening = { ...(await channel.opening()), blockHash: spent }
      const authorization = authorizeOpening(channel.config, spent, purse.key)
      expect(codeOf(await channel.present({ ...opening, authorization }))).toBe('deposit_mismatch')
    }
    expect((await channel.openOnly()).status).toBe(204)
    for (const spent of [hashBlock(handed), two]) expect(codeOf(await channel.topUp(spent))).toBe('deposit_mismatch')
  })

  test('a deposit is no session, a session no deposit, and neither seal opens the other', async () => {
    const { ask, runs } = openChannelShop(world)
    const channel = await prepareChannel(ask, purse)
    const session = offerOf(await ask('/report'), 'nanoSession')
    expect(codeOf(await ask('/report', { headers: proofHeader(session, channel.block) }))).toBe('recipient_mismatch')
    const paid = await purse.pay(session)
    const opening = { ...(await channel.opening()), blockHash: paid }
    const authorization = authorizeOpening(channel.config, paid, purse.key)
    expect(codeOf(await channel.present({ ...opening, authorization }))).toBe('deposit_mismatch')
    const swapped = { ...paymentOf(session, paid), payload: { proof: paid, sessionId: channel.extra.nonce } }
    expect(codeOf(await channel.raw(swapped))).toMatch(/invalid_session|resource_mismatch/)
    const extra = { ...extraOf(channel.offer), nonce: sessionIdOf(session) }
    const config = { ...channel.config, nonce: sessionIdOf(session) } as ChannelConfig
    const answer = await channel.present(
      { ...(await channel.opening()), config },
      { offer: { ...channel.offer, extra } },
    )
    expect(codeOf(answer)).toBe('nonce')
    expect(runs()).toBe(0)
    expect((await ask('/report', { headers: proofHeader(session, paid) })).status).toBe(200)
    expect((await channel.openOnly()).status).toBe(204)
    expect(channelId(channel.config)).toBe(channel.id)
  })
})

test('rubbish of every kind is refused without a word to the node, and writes nothing', async () => {
  const { ask, asked, runs } = watched()
  const channel = await prepareChannel(ask, purse)
  await channel.openOnly()
  const { node, writes } = asked
  for (const payload of [
    {},
    { type: 'open' },
    { type: 'cheque' },
    { type: 'token', channelId: channel.id, k: 1, token: 'A'.repeat(62), mac: 'A'.repeat(64) },
    { type: 'token', channelId: channel.id, k: 1, token: 'A'.repeat(64), mac: 'A'.repeat(64) },
    { type: 'token', channelId: randomHash(), k: 1, token: 'A'.repeat(64), mac: 'A'.repeat(64) },
    { type: 'voucher', channelId: channel.id, cumulative: '1', signature: 'A'.repeat(128), mac: 'A'.repeat(64) },
    { type: 'authorize', proof: {} },
    { type: 'close', channelId: randomHash(), mac: 'A'.repeat(64) },
    { type: 'state', blockHash: randomHash(), issuedAt: Math.floor(Date.now() / 1_000), signature: 'A'.repeat(128) },
  ]) {
    const { status } = await channel.present(payload, { paymentId: channel.newId() })
    expect([400, 402]).toContain(status)
  }
  expect([asked.node, asked.writes, runs()]).toEqual([node, writes, 0])
})

test('in production a channel is bound to an origin that we know, and nobody opens one under another', async () => {
  vi.stubEnv('NODE_ENV', 'production')
  onTestFinished(() => void vi.unstubAllEnvs())
  const options = { ...world.options, mechanisms: ['channel'], allowVolatileStore: true } as const
  expect(() => createPaywall({ ...options, wallet: freshWallet() })).toThrow(/NANO402_PUBLIC_URL/)
  const { ask } = openChannelShop(world, { ...options, publicUrl: 'http://shop.example' })
  const relayed = await prepareChannel(ask, purse, { config: { origin: 'http://between.example' } })
  expect(codeOf(await relayed.openOnly())).toBe('binding')
})

test('an account that deposits go to takes no other payment, and channels need one', async () => {
  const { options } = world
  const wallet = freshWallet()
  const payTo = publicKeyToAddress(derivePublicKey(wallet.key))
  const paywall = createPaywall({ ...options, mechanisms: ['channel', 'session'], wallet, payTo })
  onTestFinished(() => paywall.close())
  await expect(paywall.describe()).rejects.toThrow(/used for nothing else/)
  const byFunction = openChannelShop(world, { wallet, payTo: () => payTo })
  expect([(await byFunction.ask('/report')).status, byFunction.runs()]).toEqual([503, 0])
  expect(() => createPaywall({ ...options, mechanisms: ['channel'] })).toThrow(/NANO402_WALLET_SEED/)
})
