/** Channels on certificates of an issuer, as their vendor takes them: offline, for exactly what was signed, and in time. */
import type { PaywallEvent, PaywallOptions } from 'nano402'
import { parseXno } from 'nano402/nano'
import { memoryStore } from 'nano402/stores/memory'
import { afterAll, describe, expect, onTestFinished, test } from 'vitest'
import { ed25519Signer } from '#channel/ed25519'
import { closeBytes, requestHash } from '../../src/channel/binding.ts'
import { type CertificateTerms, signCertificate } from '../../src/channel/certificate.ts'
import { type ChannelConfig, channelId } from '../../src/channel/config.ts'
import { hmacSha256, sha256 } from '../../src/channel/sha256.ts'
import { type ChannelPayload, depositTag } from '../../src/channel/wire.ts'
import { createProver, ownTerms } from '../../src/client/channel/prover.ts'
import { headersFor } from '../../src/client/channel/talk.ts'
import { randomBytes, randomHex } from '../../src/core/bytes.ts'
import { bytesToHex, hexToBytes } from '../../src/nano/hex.ts'
import { openIssuer, type Person } from '../issuer/world.ts'
import { listenFetch } from '../support/frameworks.ts'
import { createWorld } from '../support/world.ts'
import { type Ask, channelOfferOf, codeOf, extraOf, freshWallet, outcomeOf } from './client.ts'
import { openChannelShop } from './shop.ts'

const world = await createWorld()
afterAll(() => world.close())
const PRICE = parseXno('0.001')
const GRACE = 60
/** An issuer that nobody can ask: nothing listens there. */
const signer = await ed25519Signer(randomBytes(32))
const issuer = { url: 'http://127.0.0.1:1', publicKey: bytesToHex(signer.publicKey) }
const stranger = await ed25519Signer(randomBytes(32))

function openVendor(more: PaywallOptions = {}) {
  const events: PaywallEvent[] = []
  const channel = { issuers: [issuer], minDeposit: '0.01', closeGraceSeconds: GRACE, minSettleSeconds: 600 }
  const shop = openChannelShop(world, {
    ...{ mechanisms: ['channel'], onEvent: (event) => events.push(event), ...more },
    channel: { ...channel, ...more.channel },
  })
  return { ...shop, events }
}

interface Making {
  readonly config?: Partial<ChannelConfig>
  readonly certificate?: Partial<CertificateTerms>
  readonly sign?: typeof signer.sign
  readonly mode?: ChannelConfig['mode']
  /** A client of an issuer that can be asked. */
  readonly person?: Person
}

/** A client with a certificate for its channel with this vendor. */
async function clientOf(
  ask: Ask,
  { config: change = {}, certificate: other = {}, sign = signer.sign, mode, person }: Making = {},
) {
  const { key, account: payer, send } = person?.purse ?? (await world.purse())
  const offer = channelOfferOf(await ask('/report'))
  const extra = extraOf(offer)
  const salt = randomHex(16).toUpperCase()
  const isVoucher = mode === 'voucher-ed25519'
  const { terms } = await ownTerms(key, salt, isVoucher ? 'voucher' : { maxK: 1_000 })
  const config = {
    ...{ network: 'nano:devnet', custodian: 'issuer', issuer: issuer.publicKey, payer, payee: offer.payTo },
    ...{ origin: 'http://shop.example', refundTo: payer, expiresAt: extra.expiresAt, closeGrace: GRACE, salt },
    ...{ nonce: extra.nonce, mode: mode ?? 'payword-sha256', ...(!isVoucher && { unit: extra.unit, maxK: 1_000 }) },
    ...{ ...terms, ...change },
  } as ChannelConfig
  const id = channelId(config)
  const prover = await createProver(config, key)
  if (!prover) throw new Error('A config that is not of this key.')
  const amount = 10n * PRICE
  const own = (terms: CertificateTerms) => signCertificate(terms, sign)
  const certificate = await (person
    ? person.ask.open(config, amount)
    : own({
        ...{ channelId: id, payee: offer.payTo as never, amount: String(amount), expiresAt: config.expiresAt },
        ...{ settleBy: config.expiresAt + GRACE + 600, ...other },
      }))
  const show = (payload: ChannelPayload, paymentId?: string, via = ask) =>
    via('/report', { headers: headersFor(offer, { payload, ...(paymentId && { paymentId }) }) })
  const bound = requestHash({ method: 'GET', url: '/report', bodyHash: sha256(new Uint8Array(0)) })
  return {
    ...{ id, config, certificate, prover, show },
    send: (amount: bigint) => send(config.payee, amount),
    open: (shown: object = certificate, via = ask) =>
      show({ type: 'open', config, macKey: prover.macKey, certificate: { ...shown } }, undefined, via),
    async pay(units: bigint, via = ask) {
      const paymentId = randomHex(16)
      return show(await prover.prove('pay', { reach: units * PRICE, paymentId, requestHash: bound }), paymentId, via)
    },
    close: (via = ask) => show({ type: 'close', channelId: id, mac: prover.macOf('close') }, undefined, via),
    mac: (bytes: Uint8Array) => bytesToHex(hmacSha256(hexToBytes(prover.macKey))(bytes)),
  }
}

describe('a certificate', () => {
  test.each(['payword-sha256', 'voucher-ed25519'] as const)(
    'opens the channel that it names by %s, up to its amount, and its issuer is not asked',
    async (mode) => {
      const { ask, runs } = openVendor()
      const client = await clientOf(ask, { mode })
      const opened = await client.open()
      expect(opened.status).toBe(204)
      expect(outcomeOf(opened).channelState).toMatchObject({ deposit: String(10n * PRICE), phase: 'open' })
      for (let k = 1n; k <= 10n; k++) expect((await client.pay(k)).status).toBe(200)
      expect(codeOf(await client.pay(11n))).toBe('cumulative_exceeds_deposit')
      expect(runs()).toBe(10)
      expect((await client.open()).status).toBe(204) // again: the same channel, and nothing is worth more
      expect(codeOf(await client.pay(11n))).toBe('cumulative_exceeds_deposit')
    },
  )

  test.each<[string, string, Making]>([
    ['another issuer signed it', 'certificate', { sign: stranger.sign }],
    ['it is for another vendor', 'certificate', { certificate: { payee: world.seller.account } }],
    ['it is for another channel', 'certificate', { certificate: { channelId: 'A'.repeat(64) } }],
    ['it is for another time', 'certificate', { certificate: { expiresAt: 2_000_000_000 } }],
    ['it is worth nothing', 'certificate', { certificate: { amount: '0' } }],
    [
      'it leaves too little time to redeem',
      'settle_window',
      { certificate: { settleBy: Math.floor(Date.now() / 1_000) + 86_400 } },
    ],
    ['its time to redeem is over', 'settle_window', { certificate: { settleBy: 1_000 } }],
    ['it is worth less than is taken', 'deposit_mismatch', { certificate: { amount: String(PRICE) } }],
    ['it is worth more than is taken', 'deposit_mismatch', { certificate: { amount: String(10n ** 33n) } }],
    ['its channel is on another network', 'binding', { config: { network: 'nano:mainnet' } }],
    ['its channel is with another issuer', 'binding', { config: { issuer: bytesToHex(stranger.publicKey) } }],
    ['its channel pays somebody else', 'binding', { config: { payee: world.seller.account } }],
    ['its channel lives longer than offered', 'binding', { config: { expiresAt: 2_000_000_000 } }],
    ['its channel has expired', 'channel_expired', { config: { expiresAt: Math.floor(Date.now() / 1_000) } }],
  ])('opens nothing when %s', async (_, code, making) => {
    const { ask, runs } = openVendor()
    const client = await clientOf(ask, making)
    expect(codeOf(await client.open())).toBe(code)
    expect(codeOf(await client.pay(1n))).toBe('channel_not_found')
    expect(runs()).toBe(0)
  })

  test('opens nothing once it was changed, or in the place of another one', async () => {
    const { ask } = openVendor()
    const [first, second] = [await clientOf(ask), await clientOf(ask)]
    for (const change of [
      { amount: String(20n * PRICE) },
      { settleBy: 2_000_000_000 },
      { signature: 'F'.repeat(128) },
      { more: 1 },
    ]) {
      expect(codeOf(await first.open({ ...first.certificate, ...change }))).toBe('certificate')
    }
    expect(codeOf(await second.open(first.certificate))).toBe('certificate')
    expect((await first.open()).status).toBe(204)
  })

  test('that two servers of one store are shown at once is worth its amount once', async () => {
    const [store, wallet] = [memoryStore(), freshWallet()]
    const servers = [openVendor({ store, wallet }), openVendor({ store, wallet })].map(({ ask }) => ask)
    const [one, two] = servers as [Ask, Ask]
    const client = await clientOf(one)
    const opened = await Promise.all(servers.map((ask) => client.open(client.certificate, ask)))
    expect(opened.map(({ status }) => status)).toEqual([204, 204])
    const answers = await Promise.all(Array.from({ length: 20 }, (_, i) => client.pay(10n, i % 2 ? one : two)))
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(10)
  })

  test('of an issuer that is trusted no more opens nothing, though it was offered', async () => {
    const [store, wallet] = [memoryStore(), freshWallet()]
    const client = await clientOf(openVendor({ store, wallet }).ask)
    const other = { url: issuer.url, publicKey: bytesToHex(stranger.publicKey) }
    const { ask } = openVendor({ store, wallet, channel: { issuers: [other] } })
    expect(codeOf(await client.open(client.certificate, ask))).toMatch(/nonce|certificate/)
  })
})

test('a send to the vendor raises nothing that an issuer has locked', async () => {
  const { ask } = openVendor()
  const client = await clientOf(ask)
  await client.open()
  // By a channel's own client, it would be as good a deposit as any; of no more than the tag, within any bounds.
  const block = await client.send(depositTag(client.config.nonce))
  const mac = client.prover.macOf({ topUp: block })
  expect(codeOf(await client.show({ type: 'topup', channelId: client.id, blockHash: block, mac }))).toBe(
    'deposit_mismatch',
  )
  expect(codeOf(await client.pay(11n))).toBe('cumulative_exceeds_deposit')
})

test('a close while the issuer is down gives the release of what was charged, for good, and takes no payment after it', async () => {
  const { ask, events } = openVendor()
  const client = await clientOf(ask)
  await client.open()
  for (const k of [1n, 2n, 3n]) await client.pay(k)
  const forged = await client.show({ type: 'close', channelId: client.id, mac: client.mac(closeBytes('B'.repeat(64))) })
  expect(codeOf(forged)).toBe('mac')
  const { release, channelState } = outcomeOf(await client.close())
  expect(release).toMatchObject({ amount: String(3n * PRICE), key: 'nano', signature: expect.any(String) })
  expect(channelState).toMatchObject({ phase: 'refunding', charged: String(3n * PRICE) })
  expect(codeOf(await client.pay(4n))).toBe('channel_closed')
  expect(outcomeOf(await client.close()).release?.amount).toBe(release?.amount)
  expect(events.filter(({ type }) => type === 'redemption_failed').length).toBeGreaterThan(0)
})

/** A vendor with an issuer of flesh and blood, behind a wire that can be cut. */
async function openRedeemed() {
  const bank = await openIssuer({ devnet: world.devnet })
  onTestFinished(() => bank.issuer.drain())
  const wire: { answer: ((request: Request) => Response) | undefined } = { answer: undefined }
  const served = await listenFetch(async (request) => {
    if (wire.answer) return wire.answer(request)
    const { method, headers, url } = request
    const body = method === 'GET' ? undefined : await request.text()
    return bank.fetch(url, { method, headers, ...(body !== undefined && { body }) })
  })
  onTestFinished(() => served.close())
  const issuers = [{ url: served.url, publicKey: bank.issuer.info.issuer }]
  const vendor = openVendor({ channel: { issuers, sweepSeconds: 1, withdrawFrom: '0' } })
  const person = await bank.person()
  await person.deposit(10n ** 28n)
  const expiresAt = Math.floor(Date.now() / 1_000) + 3
  const client = await clientOf(vendor.ask, { person, config: { issuer: bank.issuer.info.issuer, expiresAt } })
  expect((await client.open()).status).toBe(204)
  for (const k of [1n, 2n]) expect((await client.pay(k)).status).toBe(200)
  const told = (type: PaywallEvent['type']) => vendor.events.filter((event) => event.type === type)
  return { bank, wire, person, client, told }
}

describe('a channel that has expired', () => {
  test('is redeemed by itself, as soon as its issuer answers again', async () => {
    const { bank, wire, person, client, told } = await openRedeemed()
    wire.answer = () => Response.json({}, { status: 502 })
    await expect.poll(() => told('redemption_failed').length, { timeout: 8_000 }).toBeGreaterThan(1)
    expect(codeOf(await client.pay(3n))).toMatch(/channel_(closed|expired)/)
    expect(await person.ask.channel(client.id)).toMatchObject({ state: 'open' })
    wire.answer = undefined
    await expect
      .poll(() => told('channel_redeemed'), { timeout: 5_000 })
      .toEqual([{ type: 'channel_redeemed', amount: 2n * PRICE }])
    expect(await person.ask.channel(client.id)).toMatchObject({
      state: 'settled',
      charged: String(2n * PRICE),
      proof: { k: 2 },
    })
    await expect
      .poll(() => world.devnet.call('receivable', { account: client.config.payee }), { timeout: 5_000 })
      .toMatchObject({ blocks: [expect.any(String)] })
    await bank.check()
  })

  test('whose issuer says that it is too late is told as lost, once', async () => {
    const { wire, client, told } = await openRedeemed()
    wire.answer = () => Response.json({ error: 'settle_window' }, { status: 409 })
    await expect
      .poll(() => told('redemption_failed').filter((event) => 'lost' in event), { timeout: 8_000 })
      .toMatchObject([{ lost: 2n * PRICE }])
    expect(outcomeOf(await client.close()).channelState.phase).toBe('closed')
    expect(told('channel_redeemed')).toEqual([])
  })
})
