/** A payer whose deposits an issuer holds: the issuer over HTTP, the vendor in this process, the money on a devnet. */
import { memoryJournal, type RefusedAfterPaymentError } from 'nano402/client'
import { type NanoAddress, parseXno } from 'nano402/nano'
import { accountHistory } from 'nano402/rpc'
import { afterAll, describe, expect, test } from 'vitest'
import { type Certificate, signCertificate } from '../../../src/channel/certificate.ts'
import { ed25519Signer } from '../../../src/channel/ed25519.node.ts'
import { hmacSha256 } from '../../../src/channel/sha256.ts'
import { encodeFields } from '../../../src/core/bytes.ts'
import { accountSigner, createIssuerClient } from '../../../src/issuer/index.ts'
import { hexToBytes } from '../../../src/nano/hex.ts'
import { freshWallet } from '../../channel/client.ts'
import { ISSUER_KEY } from '../../issuer/support.ts'
import { openIssuer } from '../../issuer/world.ts'
import { createWorld, freshAccount } from '../../support/world.ts'
import { lifeUntil } from './life.ts'
import { type Between, ORIGIN, openScene, PRICE, said, URL_ } from './support.ts'

const world = await createWorld()
const bank = await openIssuer({ devnet: world.devnet, overHttp: true })
const issuer = { url: bank.url, publicKey: bank.issuer.info.issuer }
afterAll(() => bank.close())

async function openIssued({ shop = {}, payer = {} } = {}) {
  const wallet = freshWallet()
  const channel = {
    issuers: [issuer],
    minDeposit: '0.001',
    suggestedDeposit: '0.1',
    minSettleSeconds: 60,
    withdrawFrom: '0',
    sweepSeconds: 1,
  }
  const scene = await openScene({
    world,
    shop: { wallet, mechanisms: ['channel'], channel: { ...channel, ...shop } },
    payer: { channels: { issuers: [issuer] }, ...payer },
  })
  // What is for the issuer goes there.
  scene.between = ({ request }, next) => (request.url.startsWith(bank.url) ? fetch(request) : next(request))
  const vendor = createIssuerClient({ url: bank.url, signer: accountSigner(wallet.key) })
  return { scene, vendor }
}

test.each(['payword-sha256', 'voucher-ed25519'] as const)(
  'a client pays a vendor by %s out of what an issuer holds, and gets the rest back to the raw',
  async (mode) => {
    const { scene, vendor } = await openIssued({ payer: { channels: { issuers: [issuer], modes: [mode] } } })
    const { payer } = scene
    const before = await payer.balance()
    for (let n = 0; n < 5; n++) expect((await payer.fetch(`${URL_}?n=${n}`)).status).toBe(200)
    expect(await payer.channels()).toMatchObject([{ mode, phase: 'open', charged: 5n * PRICE }])
    expect(said(scene).filter((type) => type === 'open')).toHaveLength(1)
    await bank.check()

    const [closed] = await payer.closeChannels()
    expect(closed).toMatchObject({ charged: 5n * PRICE, refund: expect.stringMatching(/^[0-9A-F]{64}$/) })
    await payer.receive()
    expect((await payer.balance()).balance).toBe(before.balance - 5n * PRICE)
    // The vendor has it with the issuer, or on its way to its own account.
    await expect
      .poll(async () => (await vendor.statement()).lines.map(({ kind }) => kind), { timeout: 5_000 })
      .toEqual(expect.arrayContaining(['credit']))
    await bank.check()
  },
)

test('an issuer that the payer was not told to trust gets nothing', async () => {
  const other = { url: issuer.url, publicKey: 'A'.repeat(64) }
  for (const channels of [{}, { issuers: [other] }]) {
    const { scene } = await openIssued({ payer: { channels } })
    await expect(scene.payer.fetch(URL_)).rejects.toMatchObject({ code: 'ERR_NO_PAYABLE_OFFER' })
    expect(said(scene)).toEqual(['nothing'])
  }
})

test('a lock that is used up is followed by another channel, and both are closed', async () => {
  const { scene } = await openIssued({ shop: { suggestedDeposit: '0.003', maxDeposit: '0.003' } })
  for (let n = 0; n < 5; n++) expect((await scene.payer.fetch(`${URL_}?n=${n}`)).status).toBe(200)
  await scene.payer.closeChannels(ORIGIN)
  expect(said(scene).filter((type) => type === 'open')).toHaveLength(2)
  expect(await scene.payer.channels()).toEqual([])
  await bank.check()
})

test('a rest that is too little to be paid out is said to be left with the issuer, and not to have come back', async () => {
  const { scene } = await openIssued({ shop: { suggestedDeposit: '0.003', maxDeposit: '0.003' } })
  for (let n = 0; n < 3; n++) expect((await scene.payer.fetch(`${URL_}?n=${n}`)).status).toBe(200)
  const own = `${bank.url}/accounts/${scene.payer.address}/deposits?amount=${PRICE}`
  expect((await scene.payer.fetch(own, { method: 'POST' })).status).toBe(200) // else the rest is all there is
  const [closed] = await scene.payer.closeChannels(ORIGIN)
  const left = (closed?.deposited ?? 0n) - 3n * PRICE
  expect(left).toBeGreaterThan(0n)
  expect(closed).toMatchObject({ charged: 3n * PRICE, refunded: 0n, refund: undefined, left })
  expect(scene.events.find(({ type }) => type === 'channel-closed')).toMatchObject({ refunded: 0n, left })
  await bank.check()
})

test('a payer that is killed at any step of opening deposits once, locks once, and is charged once for each request', async () => {
  let steps = Number.POSITIVE_INFINITY
  for (let last = 1; last <= steps; last++) {
    const journal = memoryJournal()
    const life = lifeUntil(last, world.devnet)
    const { scene } = await openIssued({ payer: { journal: life.mortal(journal), rpc: life.node } })
    const reach = scene.between
    scene.between = (sent, next) => life.after(() => reach(sent, next))
    const end = await Promise.race([scene.payer.fetch(URL_).then(() => 'done'), life.death])
    if (end === 'done') steps = 0
    /** Served, and the journal says so: the next request is another one. */
    const isNoted =
      scene.runs() === 1 && !(await journal.load()).some(({ inChannel }) => inChannel?.reach !== undefined)
    const second = scene.another({ journal, rpc: world.devnet })
    second.between = reach
    await second.payer.fetch(URL_).catch((error: unknown) => {
      // It was charged before, and its answer is lost: it is not charged again.
      if ((error as RefusedAfterPaymentError).refusal !== 'answer_not_stored') throw error
    })
    const charged = isNoted ? 2n * PRICE : PRICE
    expect(await second.payer.closeChannels(), `killed at step ${last}`).toMatchObject([{ charged }])
    await second.payer.receive()
    expect((await second.payer.balance()).balance).toBe(parseXno('10') - charged)
    await bank.check()
  }
}, 60_000)

test('a vendor that acknowledges and releases nothing is paid nothing, and the deposit comes back after its time', async () => {
  const { scene } = await openIssued()
  const reach = scene.between
  scene.between = (sent, next) =>
    sent.payload?.type === 'open' || sent.payload?.type === 'close'
      ? Promise.resolve(new Response(null, { status: 404 }))
      : reach(sent, next)
  await expect(scene.payer.fetch(URL_)).rejects.toMatchObject({ code: 'ERR_CHANNEL' })
  expect(scene.runs()).toBe(0)
  const [channel] = await scene.payer.channels()
  // What is locked stays so until the vendor's time is over.
  await expect(scene.payer.closeChannels()).rejects.toMatchObject({ code: 'ERR_CHANNEL', reason: 'not_released' })
  bank.clock.nowMs = (channel?.expiresAtMs ?? 0) + 10 * 86_400_000
  await bank.issuer.sweep()
  bank.clock.nowMs = Date.now()
  expect(await scene.payer.closeChannels()).toMatchObject([{ charged: 0n, refund: expect.any(String) }])
  await scene.payer.receive()
  expect((await scene.payer.balance()).balance).toBe(parseXno('10'))
  await bank.check()
})

const sends = async (address: NanoAddress) => {
  const { entries } = await accountHistory(world.devnet, address, { count: 50 })
  return entries.filter(({ subtype }) => subtype === 'send').length
}

test('a payer that lost its journal finds its channel with the issuer, goes on in it, and gets the rest back', async () => {
  const { scene } = await openIssued()
  for (let n = 0; n < 3; n++) await scene.payer.fetch(`${URL_}?n=${n}`)
  const [known] = await scene.payer.channels()
  const second = scene.another({ journal: memoryJournal() })
  second.between = scene.between
  const { payer } = second
  expect(await payer.recoverChannels(URL_)).toEqual([known])
  expect(await payer.recoverChannels(URL_)).toEqual([])
  expect((await payer.fetch(`${URL_}?n=3`)).status).toBe(200)
  expect(await sends(payer.address)).toBe(1)
  expect(await payer.closeChannels()).toMatchObject([{ channelId: known?.channelId, charged: 4n * PRICE }])
  await payer.receive()
  expect((await payer.balance()).balance).toBe(parseXno('10') - 4n * PRICE)
  await bank.check()
})

test('what an account has with the issuer is locked before anything is deposited, and what is left is paid out in the end', async () => {
  const able = { budget: { perRequest: '0.1', total: '1', deposit: '1' } }
  const { scene } = await openIssued({ payer: able })
  const { payer } = scene
  const deposit = `${bank.url}/accounts/${payer.address}/deposits?amount=${parseXno('0.05')}`
  expect((await payer.fetch(deposit, { method: 'POST' })).status).toBe(200)
  expect((await payer.fetch(URL_)).status).toBe(200)
  const [channel] = await payer.channels()
  expect(channel?.deposited).toBeGreaterThanOrEqual(parseXno('0.05'))
  expect(await sends(payer.address)).toBe(1)
  expect(await payer.closeChannels()).toMatchObject([{ charged: PRICE }])
  await payer.receive()
  expect((await payer.balance()).balance).toBe(parseXno('10') - PRICE)

  // What is more than a channel may lock stays in the balance, and is had out with the last channel.
  const other = await openIssued({ shop: { suggestedDeposit: '0.01', maxDeposit: '0.01' }, payer: able })
  const asOther = `${bank.url}/accounts/${other.scene.payer.address}/deposits?amount=${parseXno('0.05')}`
  await other.scene.payer.fetch(asOther, { method: 'POST' })
  await other.scene.payer.fetch(URL_)
  await other.scene.payer.closeChannels()
  expect(other.scene.events).toContainEqual(expect.objectContaining({ type: 'issuer-paid-out' }))
  await other.scene.payer.receive()
  expect((await other.scene.payer.balance()).balance).toBe(parseXno('10') - PRICE)
  await bank.check()
})

describe('an issuer that lies', () => {
  /** Changes what the issuer answers to requests of this method and path. */
  const answering =
    (asked: RegExp, change: (answer: Answer) => object | Promise<object>, status?: number): Between =>
    async (sent, next) => {
      const { method, url } = sent.request
      if (!url.startsWith(bank.url)) return next(sent.request)
      const response = await fetch(sent.request)
      const isTrue = !asked.test(`${method} ${new URL(url).pathname}`) || !(response.ok || status !== undefined)
      if (isTrue) return response
      return Response.json(await change((await response.json()) as Answer), { status: status ?? 200 })
    }
  type Answer = Certificate & { readonly block?: string }
  const signed = async (certificate: Answer) => {
    const seed = hmacSha256(hexToBytes(ISSUER_KEY))(encodeFields(['nano402-issuer-certificates']))
    const { sign } = await ed25519Signer(seed)
    return signCertificate(certificate, sign)
  }

  test.each<[string, (certificate: Answer) => object]>([
    ['of a smaller amount', (one) => ({ ...one, amount: '1' })],
    ['for another vendor', (one) => ({ ...one, payee: world.buyer.account })],
    ['that can be redeemed for a year', (one) => ({ ...one, settleBy: one.settleBy + 31_536_000 })],
    ['that can be redeemed only while payments go on', (one) => ({ ...one, settleBy: one.expiresAt })],
    ['of another channel', (one) => ({ ...one, channelId: 'A'.repeat(64) })],
  ])('by a certificate %s, signed, gets no channel opened, and no further deposit', async (_, change) => {
    const { scene } = await openIssued()
    scene.between = answering(/^POST \/channels$/, (one) => signed(change(one) as Answer))
    await expect(scene.payer.fetch(URL_)).rejects.toMatchObject({ code: 'ERR_CHANNEL', reason: 'issuer_certificate' })
    await expect(scene.payer.fetch(URL_)).rejects.toMatchObject({ code: 'ERR_NO_PAYABLE_OFFER' })
    expect(said(scene)).not.toContain('open')
    expect(await sends(scene.payer.address)).toBe(1)
  })

  test('by a certificate that it did not sign gets none either', async () => {
    const { scene } = await openIssued()
    scene.between = answering(/^POST \/channels$/, (one) => ({ ...one, signature: 'A'.repeat(128) }))
    await expect(scene.payer.fetch(URL_)).rejects.toMatchObject({ reason: 'issuer_certificate' })
  })

  test('about the balance gets no second deposit: the first one stays asked for', async () => {
    const { scene } = await openIssued()
    const lie = answering(/^POST \/channels$/, () => ({ error: 'insufficient_balance' }), 409)
    scene.between = lie
    for (let n = 0; n < 2; n++) {
      await expect(scene.payer.fetch(URL_)).rejects.toMatchObject({
        code: 'ERR_ISSUER',
        reason: 'insufficient_balance',
      })
    }
    expect(await sends(scene.payer.address)).toBe(1)
    expect(await scene.payer.unfinished()).toMatchObject([{ kind: 'channel' }])
    scene.between = ({ request }, next) => (request.url.startsWith(bank.url) ? fetch(request) : next(request))
    expect((await scene.payer.fetch(URL_)).status).toBe(200)
    expect(await sends(scene.payer.address)).toBe(1)
  })

  test('that it has what it has not makes a deposit no larger, and no second one', async () => {
    const { scene } = await openIssued()
    scene.between = answering(/^GET \/accounts\/[^/]+$/, () => ({ balance: String(parseXno('5')), channels: [] }))
    expect((await scene.payer.fetch(URL_)).status).toBe(200)
    expect(await sends(scene.payer.address)).toBe(1)
  })

  test.each<[string, RegExp, object, string]>([
    [
      'about what was settled',
      /^POST \/channels\/[^/]+\/close$/,
      { state: 'settled', charged: '9'.repeat(30) },
      'issuer_settled_too_much',
    ],
    [
      'by a payout to somebody else',
      /^GET \/accounts\/[^/]+\/withdrawals\//,
      { state: 'paid', block: '?' },
      'refund_untrue',
    ],
  ])('%s is not believed', async (_, asked, lie, reason) => {
    const { scene } = await openIssued()
    await scene.payer.fetch(URL_)
    const block = await world.buyer.send(freshAccount(), 5n)
    scene.between = answering(asked, () => ('block' in lie ? { ...lie, block } : lie))
    await expect(scene.payer.closeChannels()).rejects.toMatchObject({ code: 'ERR_CHANNEL', reason })
    expect(await scene.payer.channels()).toMatchObject([{ distrusted: reason }])
  })
})

test('a vendor that vanished: the lock is awaited, and comes back from the issuer by itself', async () => {
  const { scene } = await openIssued()
  const { payer } = scene
  await payer.fetch(URL_)
  const [{ channelId, expiresAtMs = 0 } = {}] = await payer.channels()
  const reach = scene.between
  scene.between = (sent, next) =>
    sent.request.url.startsWith(bank.url) ? reach(sent, next) : Promise.resolve(new Response(null, { status: 404 }))
  await expect(payer.closeChannels()).rejects.toMatchObject({ reason: 'not_released' })
  expect(await payer.reconcile()).toMatchObject([{ channelId, state: 'awaited' }])
  bank.clock.nowMs = expiresAtMs + 10 * 86_400_000
  await bank.issuer.sweep()
  bank.clock.nowMs = Date.now()
  expect(await payer.reconcile()).toMatchObject([{ channelId, state: 'refunded', refund: expect.any(String) }])
  await payer.receive()
  expect((await payer.balance()).balance).toBe(parseXno('10'))
})
